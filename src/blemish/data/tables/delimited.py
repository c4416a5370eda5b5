"""CSV in all its dialects: comma, semicolon, tab or bar, quoted or not, with `sep=;` or without.

The header tells what separates fields: whichever makes it name more columns that are known. A row
must have as many fields as the header. Fewer may mean an empty one at the end, or one lost on the
way, and then all that follow say something else. Lines above the header that begin with `#` are
passed over, unless one is the header itself.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from blemish.data.tables.table import Row, Table
from blemish.wording import counted

DELIMITERS = (",", ";", "\t", "|")
COMMENT = "#"
MOST_QUOTED = 60  # characters of a line
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LINE_END = re.compile(r"\r\n|\r|\n")
# What Excel takes as a setting, and other programs keep as a line of their own.
_STATED = re.compile(r'"?sep=(?P<delimiter>[^\r\n"])"?[,;|\t]*(?:\r\n|\r|\n)', re.IGNORECASE)


def parse_delimited(text: str, known: Callable[[str], bool]) -> Table:
    """The rows of a delimited text; `known` tells columns that mean something."""
    text = text.removeprefix("\ufeff")  # a second mark, from files that were put together
    stated = _STATED.match(text)
    body = text[stated.end() :] if stated else text
    comments, body = _without_comments(body, known)
    skipped = len(comments) + bool(stated)
    found = [stated["delimiter"]] if stated else _delimiters_of(body, known)
    if len(found) > 1:
        place, apart = f"line {skipped + 1}", " or ".join(NAMES[one] for one in found)
        problem = (
            f"{place}: its columns could be separated by {apart}; say which in a line above it, as "
            f"sep={found[0]}"
        )
        return Table((), (), place, (problem,))
    return replace(_parse(body, found[0], skipped), notes=_told_of(comments))


def _without_comments(text: str, known: Callable[[str], bool]) -> tuple[list[str], str]:
    """The lines of comments that a text begins with, and what is left of it.

    NumPy and others put the mark in front of the header, too: `# path,label`. So a line that names
    columns that are known is none, unless the one below does as well.
    """
    comments: list[str] = []
    while text.startswith(COMMENT):
        found = _LINE_END.search(text)
        line, rest = (text[: found.start()], text[found.end() :]) if found else (text, "")
        if _names_columns(line, known):
            return comments, text
        said = line.lstrip(COMMENT)
        below = not rest.startswith(COMMENT) and not _names_columns(rest, known)
        if below and _names_columns(said, known):
            return comments, said.lstrip() + text[len(line) :]
        comments.append(line)
        text = rest
    return comments, text


def _names_columns(text: str, known: Callable[[str], bool]) -> bool:
    """Whether the first line of a text names two columns that mean something."""
    return any(sum(map(known, _header(text, one))) > 1 for one in DELIMITERS)


def _told_of(comments: list[str]) -> tuple[str, ...]:
    if not comments:
        return ()
    first = comments[0].strip()
    quoted = first if len(first) <= MOST_QUOTED else f"{first[:MOST_QUOTED]}..."
    return (f"Passed over as comments: {counted(len(comments), 'line')} ('{quoted}').",)


def _delimiters_of(text: str, known: Callable[[str], bool]) -> list[str]:
    """What may separate fields: one, or several that make as much sense."""
    headers = {one: names for one in DELIMITERS if len(names := _header(text, one)) > 1}
    if not headers:
        return [","]
    sense = {one: sum(map(known, names)) for one, names in headers.items()}
    best = [one for one, count in sense.items() if count == max(sense.values())]
    return best if sense[best[0]] else [max(best, key=lambda one: len(headers[one]))]


def _header(text: str, delimiter: str) -> list[str]:
    try:
        lines = io.StringIO(text, newline="")
        row: list[str] = next((row for row in _reader(lines, delimiter) if row), [])
    except csv.Error:
        return []
    return [name.strip() for name in row]


def _reader(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    # Strict: an unclosed quotation mark must not take in the rest of the file.
    return csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)


def _parse(text: str, delimiter: str, skipped: int) -> Table:
    columns: tuple[str, ...] = ()
    header = "line 1"
    rows: list[Row] = []
    problems: list[str] = []
    for line, fields in _numbered(text, delimiter, skipped, problems.append):
        place = f"line {line}"
        if not columns:
            columns, header = tuple(name.strip() for name in fields), place
        elif len(fields) != len(columns):
            problems.append(
                f"{place}: has {counted(len(fields), 'field')}, and {header} names "
                f"{counted(len(columns), 'column')}; write empty fields too."
            )
        elif any(_holds_rows(field, delimiter, len(columns)) for field in fields):
            problems.append(
                f"{place}: a text in quotation marks goes on over lines that look like rows; close "
                "the quotation marks."
            )
        else:
            rows.append(Row(place, tuple(field.strip() or None for field in fields)))
    return Table(columns, tuple(rows), header, tuple(problems))


def _numbered(
    text: str, delimiter: str, skipped: int, tell: Callable[[str], None]
) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold something, each with the line where it begins."""
    taken: list[str] = []
    line = 1 + skipped
    try:
        for fields in _reader(_kept(io.StringIO(text, newline=""), taken), delimiter):
            if sum(one.count('"') for one in taken) % 2:
                tell(
                    f"line {line}: has a quotation mark that nothing closes; write it twice, and "
                    "others around the field."
                )
            elif any(field.strip() for field in fields):
                yield line, fields
            line += len(taken)
            taken.clear()
    except csv.Error as error:
        tell(f"line {line}: is not valid CSV ({error}).")


def _kept(lines: Iterable[str], taken: list[str]) -> Iterator[str]:
    """Lines, each of which is also kept in a list: a reader does not tell what it took."""
    for line in lines:
        taken.append(line)
        yield line


def _holds_rows(field: str, delimiter: str, columns: int) -> bool:
    lines = _LINE_END.split(field)
    return len(lines) > 1 and any(line.count(delimiter) >= columns - 1 for line in lines)
