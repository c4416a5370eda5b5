"""Markdown to HTML, and what a page says of itself: headings, links, what is not allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

OUTPUT = "output"  # the language of what a cell printed
COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)
LINK_OF = {"link_open": "href", "image": "src"}

Resolve = Callable[[str], str]


@dataclass
class Rendered:
    """A page as HTML.

    Attributes:
        title: of the first heading.
        html: of the body.
        headings: level, anchor and words of each.
        words: all its text, for the search.
        problems: what makes the build fail.
    """

    title: str = ""
    html: str = ""
    headings: list[tuple[int, str, str]] = field(default_factory=list)
    words: str = ""
    problems: list[str] = field(default_factory=list)


def render(text: str, resolve: Resolve) -> Rendered:
    """Render a page.

    Args:
        text: Markdown with tables; raw HTML is a problem, comments are dropped.
        resolve: gives where a link of the text leads in the site; raises `ValueError` where it
            leads nowhere.
    """
    page = Rendered()
    tokens = _parser().parse(text)
    page.headings = _anchored(tokens)
    for token in _all(tokens):
        _look_at(token, resolve, page)
    if not page.headings or page.headings[0][0] != 1:
        page.problems.append("does not begin with a heading of the first level")
    page.title = page.headings[0][2] if page.headings else ""
    page.html = _parser().renderer.render(tokens, _parser().options, {})
    page.words = " ".join(t.content for t in _all(tokens) if t.type in ("text", "code_inline"))
    return page


def links_of(text: str) -> list[str]:
    """Where the links of a page lead, in their order, images left out."""
    tokens = _all(_parser().parse(text))
    return [str(token.attrs["href"]) for token in tokens if token.type == "link_open"]


def code_blocks(text: str, language: str) -> list[tuple[int, str]]:
    """Fenced blocks of a language: the line of the page that each begins on, and its text."""
    return [
        (token.map[0] + 1, token.content)
        for token in _parser().parse(text)
        if token.type == "fence" and token.map and token.info.split()[:1] == [language]
    ]


def anchors_of(text: str) -> set[str]:
    """The anchors that the headings of a page have."""
    return {anchor for _, anchor, _ in _anchored(_parser().parse(text))}


def highlighting() -> str:
    """Style sheet of the code, for light and dark screens."""
    light = HtmlFormatter(style="friendly").get_style_defs(".code")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".code")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    rules: dict[str, Any] = {
        "table_open": lambda *_: '<div class="wide"><table>',
        "table_close": lambda *_: "</table></div>\n",
        "fence": lambda tokens, i, *_: coloured(tokens[i].content, tokens[i].info),
        "code_block": lambda tokens, i, *_: coloured(tokens[i].content, ""),
        "html_block": lambda *_: "",
        "html_inline": lambda *_: "",
    }
    parser.renderer.rules.update(rules)
    return parser


def coloured(code: str, language: str) -> str:
    """Code as HTML; without a language, as it is."""
    try:
        lexer = get_lexer_by_name(language.split(maxsplit=1)[0] if language.split() else "text")
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    html: str = highlight(code, lexer, HtmlFormatter(cssclass="code"))
    return f'<div class="output">{html}</div>\n' if language == OUTPUT else html


def _all(tokens: Sequence[Token]) -> list[Token]:
    found = []
    for token in tokens:
        found += [token, *_all(token.children or ())]
    return found


def _anchored(tokens: Sequence[Token]) -> list[tuple[int, str, str]]:
    """Give each heading its anchor, as GitHub would."""
    found: list[tuple[int, str, str]] = []
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        words = "".join(child.content for child in inline.children or ())
        stem = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        times = sum(re.fullmatch(rf"{re.escape(stem)}(-\d+)?", a) is not None for _, a, _ in found)
        anchor = f"{stem}-{times}" if times else stem
        opening.attrs["id"] = anchor
        found.append((int(opening.tag[1]), anchor, words))
    return found


def _look_at(token: Token, resolve: Resolve, page: Rendered) -> None:
    """Put a link in its place, and note what is not allowed."""
    if token.type in LINK_OF:
        name = LINK_OF[token.type]
        target = str(token.attrs[name])
        try:
            token.attrs[name] = resolve(target)
        except ValueError as error:
            page.problems.append(str(error))
        if token.type == "image":
            if ":" in target:
                page.problems.append(f"image '{target}' is not local")
            if not token.content:
                page.problems.append(f"image '{target}' has no words for who cannot see it")
    if token.type.startswith("html_") and COMMENT.sub("", token.content).strip():
        page.problems.append(f"has raw HTML: {token.content.strip()[:60]}")
