"""Hostile text, requests of other pages, and what a browser is told to run."""

from __future__ import annotations

import re

import pytest

from blemish.serving.guard import CSRF_HEADER
from blemish.serving.tokens import Role

PAGES = (
    "/",
    "/live/panel",
    "/review",
    "/history",
    "/statistics",
    "/recipes",
    "/models",
    "/health",
    "/setup",
)
MARKS = ("<script>alert", "<img src=x", "\u202e")


def test_ids_names_and_comments_are_text_wherever_they_are_shown(shop, bad):
    comment = "<b onmouseover=alert(3)>\u202e"
    told = {"word": "confirmed", "comment": comment}
    assert shop.tell(f"/parts/{bad}/review", told, by=Role.OPERATOR).status_code == 200
    paths = (*PAGES, f"/parts/{bad}", f"/parts/{bad}/teach", "/history?part=<script>alert(9)")
    for path in paths:
        page = shop.ask(path).text
        assert not [mark for mark in (*MARKS, "<b onmouseover") if mark in page], path
    assert "&lt;script&gt;alert(1)" in shop.ask(f"/parts/{bad}").text
    assert "&lt;b onmouseover" in shop.ask(f"/parts/{bad}").text


def test_the_stream_sends_text_that_scripts_put_in_as_text(shop, bad):
    from blemish.station.page.live import _now
    from blemish.station.page.texts import Texts

    said = _now(shop.station.status(), shop.station.latest(), Texts("en", None))
    assert said["last"]["part"].startswith("<script>")  # as it is: live.js sets textContent
    scripts = [shop.ask(f"/page/{name}").text for name in ("page.js", "live.js", "camera.js")]
    assert not [one for one in scripts if re.search(r"innerHTML|insertAdjacentHTML|eval\(", one)]


def test_pages_bring_no_script_or_style_of_their_own(shop, bad):
    for path in (*PAGES, f"/parts/{bad}", "/sign-in"):
        answer = shop.ask(path)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        inline = re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=\"", answer.text)
        assert not inline, path
        foreign = re.findall(r'(?:src|href|action)="(https?:)?//', answer.text)
        assert not foreign, path


def test_a_session_changes_nothing_without_its_second_secret(shop, good):
    shop.client.cookies.clear()
    known = shop.client.post("/v1/session", json={"token": shop.secrets[Role.OPERATOR]}).json()
    path, told = f"/parts/{good}/review", {"word": "confirmed"}
    assert shop.client.post(path, json=told).status_code == 403
    wrong = shop.client.post(path, json=told, headers={CSRF_HEADER: "guessed"})
    assert wrong.status_code == 403
    page = shop.client.get("/").text
    assert f'<meta name="csrf" content="{known["csrf"]}">' in page
    right = shop.client.post(path, json=told, headers={CSRF_HEADER: known["csrf"]})
    assert right.status_code == 200
    assert shop.entry(shop.station.ledger.head().number).who == "Anna operator"


def test_pages_of_others_change_nothing(shop, good):
    answer = shop.tell(
        f"/parts/{good}/review", {"word": "confirmed"}, headers={"Origin": "https://elsewhere"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/page/..%2Fpage.py",
        "/page/page.py",
        "/parts/0",
        "/parts/99999999999999999999",
        "/parts/1/..%2F..%2Ftop/image",
        "/live/..%2F..%2Fledger.db/top/image",
        "/setup/images/..%2F..%2Ftokens.toml",
    ],
)
def test_no_path_leads_out_of_what_is_shown(shop, path):
    assert shop.ask(path).status_code in (400, 404)
