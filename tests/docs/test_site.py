"""The pages are built strictly, and ask nothing of a network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import blemish
import reference
from build import SECTIONS, Site
from rendering import anchors_of, render


def built(tmp_path, **pages):
    """A site of some pages; its problems."""
    source = tmp_path / "pages"
    every = {f"docs/{name}/index.md": f"# {name}\n" for name in SECTIONS}
    every["docs/index.md"] = "# Home\n" + "".join(f"[x]({n}/index.md)\n" for n in SECTIONS)
    for name, text in every.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + pages.pop(Path(name).parent.name, ""))
    assert not pages
    site = Site(source, tmp_path / "site")
    site.build()
    return site.problems


def test_a_sound_site_has_no_problem(tmp_path):
    assert built(tmp_path, tutorials="\n[back](../index.md), [here](#tutorials)\n") == []
    assert (tmp_path / "site" / "tutorials" / "index.html").is_file()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[x](gone.md)", "leads nowhere"),
        ("[x](../index.md#gone)", "names no heading"),
        ("[x](../../../../etc/passwd)", "leads nowhere"),
        ("![](gone.png)", "no words"),
        ("![x](https://example.org/x.png)", "not local"),
        ("<script>alert()</script>", "raw HTML"),
    ],
)
def test_what_leads_nowhere_or_elsewhere_ends_the_build(tmp_path, text, problem):
    (found, *_) = [told for told in built(tmp_path, tutorials=f"\n{text}\n") if problem in told]
    assert found.startswith("docs/tutorials/index.md: ")


def test_a_page_that_nothing_leads_to_is_a_problem(tmp_path):
    (tmp_path / "pages" / "docs").mkdir(parents=True)
    (tmp_path / "pages" / "docs" / "alone.md").write_text("# Alone\n")
    assert built(tmp_path) == ["docs/alone.md: no page leads here"]


def test_pages_forbid_and_hold_nothing_from_elsewhere(tmp_path):
    built(tmp_path, tutorials="\n[x](https://example.org) `code`\n\n```python\nx = 1\n```\n")
    for page in (tmp_path / "site").rglob("*.html"):
        html = page.read_text()
        assert "default-src 'none'" in html
        loaded = re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"([^\"]+)\"", html)
        assert all(not re.match(r"(https?:)?//", address) for address in loaded)
    css = (tmp_path / "site" / "assets" / "site.css").read_text()
    assert "url(" not in css
    assert "@import" not in css


def test_anchors_are_those_of_the_host_of_the_code():
    text = "# A page: its `code`\n\n## One & two\n\n## One & two\n"
    assert anchors_of(text) == {"a-page-its-code", "one--two", "one--two-1"}
    assert render(text, str).headings[1] == (2, "one--two", "One & two")


def test_the_reference_knows_all_that_is_public():
    pages = reference.pages()
    for name in blemish.__all__:
        assert f"## blemish.{name}\n" in pages["python.md"]
    from blemish.cli.main import app

    for command in app.registered_commands:
        assert f"## blemish {command.callback.__name__}\n" in pages["commands.md"]
    assert "| `coreset_ratio` |" in pages["settings.md"]
    assert "| `pixel.au_pro_30` | AU-PRO (0.3) |" in pages["figures.md"]
    assert "**Raises**" in pages["python.md"]
    for text in pages.values():
        assert render(text, str).problems == []


def test_docstrings_in_the_style_of_google_become_lists():
    text = reference._sections("Say.\n\nArgs:\n    one: first,\n        and more.\n    two: `x<y`.")
    assert text == "Say.\n\n**Arguments**\n\n* `one`: first,\n  and more.\n* `two`: `x<y`."
