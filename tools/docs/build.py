"""Build the documentation, `make docs`: a folder of HTML that needs no server.

Every link, anchor and image is followed; what leads nowhere, a page that none leads to, raw HTML
and whatever is not local end the build. Nothing is fetched, while building or while reading.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rendering import Rendered, anchors_of, highlighting, links_of, render
from stage import ROOT, stage

HERE = Path(__file__).parent
SECTIONS = ("tutorials", "how-to", "reference", "explanation")
SEARCH = "search.html"
EXTERNAL = ("https://", "http://", "mailto:")


@dataclass(frozen=True)
class Link:
    """A page in a list: where it is in the site, and what it is called."""

    href: str
    title: str


@dataclass(frozen=True)
class Section:
    """A part of the navigation; without an index of its own, `href` is empty."""

    href: str
    title: str
    pages: list[Link]


@dataclass
class Site:
    """Staged pages on their way to a site.

    Attributes:
        source: the folder of Markdown.
        target: the folder of the site.
        problems: what makes the build fail.
    """

    source: Path
    target: Path
    problems: list[str] = field(default_factory=list)
    led_to: set[Path] = field(default_factory=set)

    @cached_property
    def texts(self) -> dict[Path, str]:
        """All pages by their path below the source."""
        paths = sorted(self.source.rglob("*.md"))
        return {path.relative_to(self.source): path.read_text() for path in paths}

    def href(self, page: Path) -> str:
        """Where a page or file is in the site."""
        inside = page.parts[0] == "docs"
        path = Path(*page.parts[1:]) if inside else Path("project", page)
        return path.with_suffix(".html").as_posix() if page in self.texts else path.as_posix()

    def build(self) -> None:
        """Write the site."""
        shutil.rmtree(self.target, ignore_errors=True)
        rendered = {page: self._rendered(page) for page in self.texts}
        home = Path("docs/index.md")
        for page in set(self.texts) - self.led_to - {home}:
            self.problems.append(f"{page}: no page leads here")
        sections = self._sections(rendered)
        for page, found in rendered.items():
            self._write(self.href(page), found, sections)
        self._write_search(rendered, sections)
        assets = self.target / "assets"
        assets.mkdir()
        (assets / "site.css").write_text((HERE / "site.css").read_text() + highlighting())
        shutil.copy(HERE / "search.js", assets)

    def _rendered(self, page: Path) -> Rendered:
        found = render(self.texts[page], lambda link: self._resolve(page, link))
        self.problems += [f"{page}: {problem}" for problem in found.problems]
        return found

    def _resolve(self, page: Path, link: str) -> str:
        """Where a link of a page leads; files that it leads to come along."""
        if link.startswith(EXTERNAL):
            return link
        path, _, anchor = unquote(link).partition("#")
        target = page if not path else Path(os.path.normpath(page.parent / path))
        run = target.with_suffix(".md")
        target = run if target.suffix == ".py" and run in self.texts else target
        if target in self.texts:
            if anchor and anchor not in anchors_of(self.texts[target]):
                raise ValueError(f"'{link}' names no heading of {target}")
            if target != page:
                self.led_to.add(target)
        else:
            self._bring(target, link)
        from_here = os.path.relpath(self.href(target), Path(self.href(page)).parent)
        return Path(from_here).as_posix() + (f"#{anchor}" if anchor else "")

    def _bring(self, file: Path, link: str) -> None:
        there = next((base / file for base in (self.source, ROOT) if (base / file).is_file()), None)
        if there is None or ".." in file.parts:
            raise ValueError(f"'{link}' leads nowhere")
        copy = self.target / self.href(file)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(there, copy)

    def _sections(self, rendered: dict[Path, Rendered]) -> list[Section]:
        """The navigation: what the index of each section leads to, in its order."""
        found = []
        for name in SECTIONS:
            index = Path("docs", name, "index.md")
            listed = dict.fromkeys(self._pages_that(index, inside=index.parent))
            links = [Link(self.href(page), rendered[page].title) for page in listed]
            found.append(Section(self.href(index), rendered[index].title, links))
        others = [page for page in self.texts if page.parts[0] != "docs"]
        links = [Link(self.href(page), rendered[page].title) for page in others]
        return [*found, Section("", "Project", links)]

    def _pages_that(self, index: Path, *, inside: Path) -> list[Path]:
        """Pages of a folder that its index leads to."""
        found = []
        for link in links_of(self.texts[index]):
            target = Path(os.path.normpath(index.parent / link.partition("#")[0]))
            target = target.with_suffix(".md") if target.suffix == ".py" else target
            if target in self.texts and inside in target.parents and target != index:
                found.append(target)
        return found

    def _write(self, href: str, page: Rendered, sections: list[Section]) -> None:
        before, after = _neighbours(href, sections)
        html = _template().render(
            title=page.title,
            body=page.html,
            headings=page.headings,
            sections=sections,
            here=href,
            root="../" * href.count("/"),
            before=before,
            after=after,
        )
        path = self.target / href
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html)

    def _write_search(self, rendered: dict[Path, Rendered], sections: list[Section]) -> None:
        pages = [
            {"href": self.href(page), "title": found.title, "words": found.words}
            for page, found in rendered.items()
        ]
        body = (HERE / "search.html").read_text()
        self._write(SEARCH, Rendered("Search", body), sections)
        (self.target / "search-index.js").write_text(f"const PAGES = {json.dumps(pages)};\n")


def _neighbours(href: str, sections: list[Section]) -> tuple[Link | None, Link | None]:
    """The pages before and after a page in its section."""
    for section in sections[:-1]:
        hrefs = [link.href for link in section.pages]
        if href in hrefs:
            place = hrefs.index(href)
            around = [None, *section.pages, None]
            return around[place], around[place + 2]
    return None, None


def _template():
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html")


def main() -> None:
    """Stage and build, or tell all that is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "site")
    output: Path = parser.parse_args().output
    source = ROOT / "build" / "pages"
    stage(source)
    site = Site(source, output)
    site.build()
    if site.problems:
        raise SystemExit("\n".join(sorted(site.problems)))
    print(f"{len(site.texts)} pages: {output / 'index.html'}")


if __name__ == "__main__":
    main()
