"""What the service says of itself: valid OpenAPI, and a page that asks nobody else."""

from __future__ import annotations

import re

import pytest


def test_its_description_is_valid_openapi(client):
    validator = pytest.importorskip("openapi_spec_validator", reason="needs a validator of OpenAPI")
    validator.validate(client.get("/openapi.json").json())


def test_every_route_says_what_it_is_and_what_goes_wrong(client):
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method, told in methods.items():
            assert told["description"], path
            assert told["tags"], path
            if told.get("security"):
                assert {"401", "403"} <= set(told["responses"]), (method, path)


def test_its_page_asks_nobody_else(client):
    page = client.get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert linked
    files = [page.text]
    local = [link for link in linked if not link.startswith("data:")]
    files += [client.get(f"/{link}").raise_for_status().text for link in local]
    assert not [text for text in files if "://" in text or "//cdn" in text]


def test_its_page_runs_no_script_of_its_text(client):
    """The policy lets a browser run files of the service alone."""
    page = client.get("/docs").text
    assert not re.search(r"<script(?![^>]*src=)|<style| on\w+=", page)


@pytest.mark.slow
def test_its_page_shows_the_routes_and_judges_an_image(models, category):
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright")
    from blemish.serving.app import make_app
    from served import chromium, running

    with (
        running(make_app(models)) as address,
        playwright.sync_playwright() as started,
        chromium(started) as browser,
    ):
        page = browser.new_page()
        told, asked = [], []
        page.on("console", lambda message: told.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"http://{address}/docs")
        page.get_by_text("/v1/inspect", exact=True).wait_for()
        page.locator("input[name=image]").set_input_files(category / "test/spot/000.png")
        page.get_by_role("button", name="Judge").click()
        page.locator("output img").wait_for(timeout=60000)
        assert '"verdict": "defect"' in page.locator("output pre").text_content()
    assert not told
    assert all(f"//{address}/" in url or url.startswith(("blob:", "data:")) for url in asked)
