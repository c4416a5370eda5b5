"""Percent scripts: Python files in cells, `# %%` for code and `# %% [markdown]` for text.

They run as they are, open as notebooks in most editors, and are rendered here with their outputs.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

MARK = re.compile(r"# %%(?: \[(markdown)\])?\s*")
# Digits that are no result: `code`, where a link leads, a heading's number, a year, a name (F1).
ALLOWED = re.compile(
    r"`[^`]*`|\]\([^)]*\)|^#+ \d+\. |\b(?:19|20)\d\d\b|\b[A-Za-z]+\d+\b",
    re.DOTALL | re.MULTILINE,
)
SPEAKERS = ("say",)  # functions whose words become text of the page


@dataclass(frozen=True)
class Cell:
    """A cell: `code` or `markdown`, its text, and the line of the script that it begins on."""

    kind: str
    text: str
    line: int


def cells_of(script: Path) -> list[Cell]:
    """The cells of a script, empty ones left out. What stands before the first mark is code."""
    found: list[Cell] = []
    kind, lines, first = "code", list[str](), 1
    for number, line in enumerate([*script.read_text().splitlines(), "# %%"], 1):
        mark = MARK.fullmatch(line)
        if mark is None:
            lines.append(line)
            continue
        if text := _text(kind, lines):
            found.append(Cell(kind, text, first))
        kind, lines, first = mark[1] or "code", [], number + 1
    return found


def _text(kind: str, lines: list[str]) -> str:
    if kind == "markdown":
        lines = [line.removeprefix("#").removeprefix(" ") for line in lines]
        return "\n".join(lines).strip()
    return "\n".join(lines).rstrip()


def results_typed_by_hand(script: Path) -> list[str]:
    """Digits in the text of a script that no run can have made.

    The rule: outside of `code`, targets of links, numbers of headings, years and names that begin
    with letters (F1), a text cell has no digit, and neither do the fixed words of what a code cell
    says.
    """
    return [
        f"{script.name}, cell at line {cell.line}: {line.strip()}"
        for cell in cells_of(script)
        for words in ([cell.text] if cell.kind == "markdown" else _said(cell.text))
        for line in ALLOWED.sub("", words).splitlines()
        if re.search(r"\d", line)
    ]


def _said(code: str) -> list[str]:
    """The fixed words of everything that a code cell says."""
    words = []
    for node in ast.walk(ast.parse(code)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id in SPEAKERS:
            words += [
                part.value
                for argument in node.args
                for part in _fixed(argument)
                if isinstance(part.value, str)
            ]
    return words


def _fixed(node: ast.AST) -> list[ast.Constant]:
    """Constants of an expression, without those inside of the braces of an f-string."""
    if isinstance(node, ast.Constant):
        return [node]
    if isinstance(node, ast.FormattedValue):
        return []
    return [part for child in ast.iter_child_nodes(node) for part in _fixed(child)]
