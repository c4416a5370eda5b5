"""Runtimes, each in a folder of its own: installed there once, then given models to run."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
BROWSER_SECONDS = 900  # for a model, at most


class MissingError(Exception):
    """A runtime cannot be had on this machine; why, and what to install."""


class FailedError(Exception):
    """A runtime did not judge all images; what it said."""


@dataclass
class InPython:
    """A package of Python, beside NumPy and nothing else.

    Attributes:
        runtime: the package's name.
        wanted: what pip is asked for, `onnxruntime==1.19` say.
        numpy: likewise.
    """

    runtime: str
    wanted: str
    numpy: str = "numpy"
    version: str = ""

    @property
    def name(self) -> str:
        """For people."""
        return {"onnxruntime": "ONNX Runtime, Python", "openvino": "OpenVINO, Python"}[self.runtime]

    def prepare(self, folder: Path) -> None:
        """Install."""
        self._packages = folder / re.sub(r"\W+", "-", self.wanted)
        if not self._packages.exists():
            with tempfile.TemporaryDirectory(dir=folder) as place:
                _run([sys.executable, "-m", "pip", "install", "--quiet", "--no-compile",
                      "--disable-pip-version-check", "--target", place, self.wanted,
                      self.numpy])  # fmt: skip
                shutil.copytree(place, self._packages)
        (found,) = self._packages.glob(f"{self.runtime}-*.dist-info")
        self.version = found.name.removesuffix(".dist-info").split("-")[1]

    def judge(self, cases: Path, model: str, result: Path) -> None:
        """Judge all images."""
        # Without site packages, so that nothing of this environment is seen.
        words = [sys.executable, "-S", str(HERE / "judge.py"), self.runtime]
        _run([*words, str(cases), str(cases / model), str(result)], PYTHONPATH=str(self._packages))


@dataclass
class InNode:
    """`onnxruntime-node`, with the code of its how-to page."""

    version: str = ""
    name = "ONNX Runtime, Node"

    def prepare(self, folder: Path) -> None:
        """Install."""
        self._folder = folder / "node"
        self.version = _npm(self._folder, "onnxruntime-node")
        _write_page(self._folder, "node.md", "in_node.mjs")

    def judge(self, cases: Path, model: str, result: Path) -> None:
        """Judge all images."""
        _run(["node", str(self._folder / "in_node.mjs"), str(cases), str(cases / model),
              str(result)])  # fmt: skip


@dataclass
class InBrowser:
    """`onnxruntime-web` in headless Chromium, with the code of its how-to page."""

    version: str = ""
    name = "ONNX Runtime, WebAssembly"

    def prepare(self, folder: Path) -> None:
        """Install, and look for Chromium."""
        found = [path for name in CHROMIUM if (path := shutil.which(name))]
        if not found:
            raise MissingError("there is no Chromium (Debian: apt-get install chromium)")
        self._chromium = found[0]
        self._folder = folder / "browser"
        browser = _run([self._chromium, "--version"]).split()[1]
        self.version = f"{_npm(self._folder, 'onnxruntime-web')}, Chromium {browser}"
        _write_page(self._folder, "browser.md", "in_browser.html")

    def judge(self, cases: Path, model: str, result: Path) -> None:
        """Judge all images."""
        for name in ("images.bin", "images.json", model):
            shutil.copy(cases / name, self._folder)
        answers: Queue[tuple[str, bytes]] = Queue()
        handler = partial(_Served, answers, directory=str(self._folder))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        Thread(target=server.serve_forever, daemon=True).start()
        page = f"http://127.0.0.1:{server.server_port}/in_browser.html?model={model}"
        with tempfile.TemporaryDirectory() as profile:
            words = [
                self._chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                "--no-first-run", "--disable-background-networking", "--disable-sync",
                "--disable-component-update", f"--user-data-dir={profile}", page,
            ]  # fmt: skip
            browser = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                path, body = answers.get(timeout=BROWSER_SECONDS)
            except Empty:
                raise FailedError(f"no answer within {BROWSER_SECONDS} s") from None
            finally:
                browser.terminate()
                browser.wait()
                server.shutdown()
                server.server_close()
        if path != "/result":
            raise FailedError(body.decode())
        result.write_bytes(body)


class _Served(SimpleHTTPRequestHandler):
    """The files of a folder; what is posted is an answer."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def __init__(self, answers: Queue[tuple[str, bytes]], *arguments: object, **named: str) -> None:
        self._answers = answers
        super().__init__(*arguments, **named)  # type: ignore[arg-type]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        self._answers.put((self.path, body))

    def log_message(self, *_: object) -> None:
        """Nothing."""


Runtime = InPython | InNode | InBrowser


def lowest_onnxruntime() -> str:
    """What pip installs of the lowest version that the package allows."""
    found = re.search(r'"onnxruntime>=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert found, "pyproject.toml names no lowest onnxruntime"
    return f"onnxruntime=={found[1]}"


def machine() -> dict[str, object]:
    """What this was run on."""
    model = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return {
        "processor": model[0].partition(":")[2].strip() if model else platform.processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def _npm(folder: Path, package: str) -> str:
    """Install a package of npm into a folder, without what it would run; gives its version."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise MissingError("there is no Node (Debian: apt-get install nodejs npm)")
    installed = folder / "node_modules" / package / "package.json"
    if not installed.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        _run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix",
              str(folder), package])  # fmt: skip
    version: str = json.loads(installed.read_text())["version"]
    return version


def _write_page(folder: Path, page: str, driver: str) -> None:
    """Write the module `judge.mjs` of a how-to page, and what runs it over all images."""
    text = (ROOT / "docs" / "how-to" / page).read_text()
    blocks = re.findall(r"^```js\n(// judge\.mjs\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (folder / "judge.mjs").write_text(blocks[0])
    for name in ("judge_all.mjs", driver):
        shutil.copy(HERE / name, folder)


def _run(words: list[str], **environment: str) -> str:
    # The first where a user would set it; blemish itself does so.
    environment = os.environ | {"ORT_DISABLE_TELEMETRY": "1"} | environment
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise FailedError(f"ended with {done.returncode}: {' '.join(said)}")
    return done.stdout
