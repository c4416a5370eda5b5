"""The page in Chromium: every role through its actions, the first start, what is never shown."""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

import pytest

from blemish.serving.tokens import Role, new_token
from blemish.station.first_site import new_site

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian's package chromium)"),
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None, reason="needs playwright, of extra 'dev'"
    ),
]
PATIENCE_MS = 60_000  # of everything here: machines may be slow
READY_SECONDS = 120
HOSTILE = "<img src=x onerror=document.title='hit'>.png"
SITE = """
[station]
name = "line 3"
recipe = "tile"
[page]
port = 0
tokens = "tokens.toml"
[[camera]]
name = "top"
kind = "folder"
folder = "in"
settle_seconds = 0
poll_seconds = 0.05
[[output]]
name = "pictures"
kind = "files"
of = "all"
"""


@contextmanager
def running(site):
    """A station in a process of its own; gives its address and the process."""
    command = [sys.executable, "-m", "blemish", "station", str(site), "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ
    )
    lines = queue.Queue()
    threading.Thread(target=lambda: lines.put(process.stdout.readline()), daemon=True).start()
    try:
        yield json.loads(lines.get(timeout=READY_SECONDS))["url"], process
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """Open a page; whatever its scripts or its policy complain of ends the test."""
    contexts, complaints = [], []

    def visit(url, **settings):
        context = chromium.new_context(**settings)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: "Content Security" in said.text and complaints.append(said.text),
        )
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(url)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def site(tmp_path, model, category):
    """A station whose camera is a folder; two recipes, a token a role, one golden image."""
    import blemish

    (tmp_path / "golden").mkdir()
    shutil.copy(category / "test" / "good" / "001.png", tmp_path / "golden" / "a.png")
    kept = blemish.keep_golden(model, tmp_path / "golden")
    (tmp_path / "models").mkdir()
    for name in ("tile", "other"):
        kept.save(tmp_path / "models" / f"{name}.onnx")
    (tmp_path / "recipes").mkdir()
    golden = f'model = "tile.onnx"\ngolden = "{tmp_path / "golden"}"\n'
    (tmp_path / "recipes" / "tile.toml").write_text(golden)
    (tmp_path / "recipes" / "other.toml").write_text('model = "other.onnx"\n')
    (tmp_path / "site.toml").write_text(SITE)
    return tmp_path / "site.toml"


def bring(site, image, name):
    folder = site.parent / "in"
    folder.mkdir(exist_ok=True)
    shutil.copy(image, folder / f".{name}")
    (folder / f".{name}").rename(folder / name)


def sign_in(page, secret):
    page.fill("[name=token]", secret)
    page.click("text=Sign in >> nth=-1")
    page.wait_for_selector('#band[data-outcome="defect"]')


def press(page, key):
    """Press a key once the page listens: its script runs when the document is whole."""
    page.wait_for_load_state()
    page.keyboard.press(key)


def test_every_role_does_what_it_may_and_sees_no_more(site, visit, category):
    secrets = {r: new_token(site.parent / "tokens.toml", f"Anna {r}", r) for r in Role}
    bring(site, category / "test" / "spot" / "000.png", HOSTILE)
    bring(site, category / "test" / "spot" / "001.png", "b.png")
    with running(site) as (url, process):
        page = visit(url)
        sign_in(page, secrets[Role.VIEWER])
        page.wait_for_selector('#band[data-outcome="defect"]')
        page.wait_for_selector(".counters")
        for place in ("review", "history", "statistics", "recipes", "models", "golden", "health"):
            page.click(f'nav [data-place="{place}"]')
            page.wait_for_selector(f'nav [data-place="{place}"][aria-current="page"]')
            assert page.title() != "hit"
            assert not page.query_selector_all("main form[method=post]")
        assert not page.query_selector('nav [data-place="setup"]')
        page.click("text=Sign out")
        page.wait_for_selector("[name=token]")
        _work_as_operator(page, secrets[Role.OPERATOR])
        page.click("text=Sign out")
        _work_as_engineer(page, secrets[Role.ENGINEER])
        _watch_connection(page, process)


def _work_as_operator(page, secret):
    """Keys through the queue; a recipe; the golden samples."""
    sign_in(page, secret)
    press(page, "r")
    page.wait_for_selector(".waiting a")
    press(page, "j")
    page.wait_for_selector("text=Your word")
    assert not page.query_selector("text=Teach the model")
    page.fill("textarea[name=comment]", "<b>seen</b>")
    page.click("text=Confirm: it is a defect")
    page.wait_for_selector("text=What was said")
    assert "<b>seen</b>" in page.inner_text(".said")
    page.click('nav [data-place="recipes"]')
    page.click("text=Switch to this")
    page.wait_for_selector("section:has-text('other') >> text=Runs now")
    page.click("text=Switch to this")
    page.wait_for_selector("section:has-text('tile') >> text=Runs now")
    page.click('nav [data-place="golden"]')
    page.click("text=Check 1 now")
    page.wait_for_selector("text=All are as they were.")


def _work_as_engineer(page, secret):
    """Learn a part, look first, accept, and roll back."""
    sign_in(page, secret)
    page.click('nav [data-place="history"]')
    page.click("tbody .badge >> nth=0")
    page.click("text=This was good: learn it")
    page.wait_for_selector(".preview")
    assert "becomes Good" in page.inner_text(".preview")
    page.click("text=Let it judge from now on")
    page.wait_for_selector("text=Learned as good")
    page.click('nav [data-place="models"]')
    page.click("text=Roll back to this")
    page.wait_for_selector("section:has-text('tile') >> text=Lessons since the fit")
    page.click('nav [data-place="cameras"]')
    page.wait_for_selector("#brightness:has-text('%')")
    page.click('nav [data-place="setup"]')
    page.wait_for_selector("text=Choose a folder")


def _watch_connection(page, process):
    """A station that says nothing any more: the page says so, and never *good*."""
    page.click('nav [data-place="live"]')
    page.wait_for_selector('#band[data-outcome="defect"]')
    process.send_signal(signal.SIGSTOP)
    page.wait_for_selector('#band[data-outcome="lost"]')
    assert page.inner_text("#band .word").upper() == "NO CONNECTION"
    process.send_signal(signal.SIGCONT)
    page.wait_for_selector('#band[data-outcome="defect"]')


def test_from_nothing_to_the_first_verdict_in_six_steps(tmp_path, visit, category):
    path = new_site(tmp_path / "line")
    path.write_text(path.read_text().replace("port = 8420", "port = 0"))
    folder = tmp_path / "good parts"
    folder.mkdir()
    for image in sorted((category / "train" / "good").iterdir()):
        shutil.copy(image, folder)
    steps = 0
    with running(path) as (url, _):
        steps += 1  # open the page
        page = visit(url)
        page.wait_for_selector('#band[data-outcome="lost"]')  # not ready: there is no model
        steps += 1
        page.click('nav [data-place="setup"]')
        steps += 1  # choose a folder
        page.set_input_files("#folder", str(folder))
        page.wait_for_selector("text=24 of 30 images")
        steps += 1
        page.click("text=Fit a model")
        steps += 1  # look at those that stand out, and go
        page.click("text=Inspect with this model")
        page.wait_for_selector('#band[data-outcome="waiting"]')
        steps += 1  # a part comes
        shutil.copy(category / "test" / "good" / "000.png", path.parent / "inbox" / "a.png")
        page.wait_for_selector('#band[data-outcome="good"]')
    assert steps == 6


@pytest.mark.parametrize("width", [1920, 390])
def test_the_verdict_can_be_read_from_afar_and_nothing_runs_over(site, visit, category, width):
    new_token(site.parent / "tokens.toml", "x", Role.VIEWER)
    site.write_text(site.read_text().replace('tokens = "tokens.toml"\n', ""))
    bring(site, category / "test" / "good" / "000.png", "a.png")
    with running(site) as (url, _):
        page = visit(url, viewport={"width": width, "height": 844 if width < 500 else 1080})
        page.wait_for_selector('#band[data-outcome="good"]')
        size = page.evaluate(
            "parseFloat(getComputedStyle(document.querySelector('.word')).fontSize)"
        )
        assert size >= (165 if width > 500 else 50)  # capitals of 33 mm at 24 inches
        for path in ("/", "/history", "/review", "/models", "/health", "/setup", "/cameras"):
            page.goto(url + path)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path
