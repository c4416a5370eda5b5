"""The two ways out: results on standard output, words for people on standard error.

With `--json` a result is one JSON value. Sentences are wrapped on a terminal and left whole in a
file or pipe, where somebody may search for them.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

import typer

from blemish.cli.flags import Flags
from blemish.errors import BlemishError
from blemish.names import all_shown, harmless, shown

WIDEST = 100
flags = Flags()  # how sentences of the library are spelled; a command sets its own


def write(text: str) -> None:
    """Write text to standard output at once; what its encoding lacks is written as an escape.

    Raises:
        BlemishError: it cannot be written: the disk that it goes to is full, say.
        BrokenPipeError: nobody reads it any longer.
    """
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(harmless(text).encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _let_go_of(sys.stdout)
        raise BlemishError(f"Cannot write to standard output: {error.strerror}.") from error


def write_json(value: Any) -> None:
    """Write a result as JSON for people and programs."""
    write(json.dumps(all_shown(value), indent=2, allow_nan=False) + "\n")


def write_json_line(value: Any) -> None:
    """Write one result of many as a line of JSON."""
    write(json.dumps(all_shown(value), allow_nan=False) + "\n")


def write_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Write names and values in two columns; what is `None` is left out."""
    known = [(name, str(value)) for name, value in facts if value is not None]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        write(filled(value, lead=f"{name:<{width}}  ", stream=sys.stdout) + "\n")


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Rows as aligned lines: the first column to the left, figures to the right."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])] for first, *rest in rows)
    return "".join("  ".join(line).rstrip() + "\n" for line in lines)


def filled(text: str, *, lead: str = "", stream: TextIO | None = None) -> str:
    """A paragraph after its lead, wrapped if `stream` (standard error) is a terminal."""
    if not (stream or sys.stderr).isatty():
        return lead + text
    columns = min(WIDEST, shutil.get_terminal_size().columns) - len(lead)
    lines = textwrap.wrap(text, columns, break_long_words=False, break_on_hyphens=False)
    return lead + f"\n{' ' * len(lead)}".join(lines)


def say(text: str, *, lead: str = "") -> None:
    """Say something on standard error, each line after its lead."""
    for line in text.splitlines():
        _say_line(filled(line, lead=lead))


def note(text: str) -> None:
    """Say what changes how a result should be read."""
    say(flags.of_text(text), lead="note: ")


def error(text: str) -> None:
    """Say what went wrong, one line for each fault."""
    say(text, lead="error: ")


def next_steps(*commands: Sequence[str | Path]) -> None:
    """Say what can be typed next, ready to be copied; never wrapped."""
    lead = "next: "
    for command in commands:
        _say_line(f"{lead}blemish {spell_command(command)}")
        lead = " " * len(lead)


def spell_command(parts: Iterable[str | Path]) -> str:
    """Arguments as they would be typed; what ends in dots is for the user to fill in.

    A path that begins with a dash would be read as an option, so `./` goes in front.
    """
    texts = [
        f"./{part}" if isinstance(part, Path) and str(part).startswith("-") else str(part)
        for part in parts
    ]
    return " ".join(text if text.endswith("...") else _quoted(text) for text in texts)


def _quoted(text: str) -> str:
    """A word as a shell reads it; bytes that are no UTF-8 as bash and zsh do."""
    if shown(text) == text:
        return shlex.quote(text)
    return "$'" + shown(text.replace("\\", r"\\").replace("'", r"\'")) + "'"


def _say_line(line: str) -> None:
    """Write a line to standard error; where that cannot be, the work still counts."""
    try:
        typer.echo(harmless(line), err=True)
    except OSError:
        _let_go_of(sys.stderr)


def _let_go_of(stream: TextIO) -> None:
    """What is left in the buffer goes nowhere, or the interpreter would try again at its end."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), stream.fileno())
