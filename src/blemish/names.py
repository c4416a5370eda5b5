"""Names of files as text: a name may hold any bytes, and what shows or keeps it may not.

The file itself is found by the name as Python has it (`surrogateescape`), never by these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NO_TEXT = re.compile("[\ud800-\udfff]")  # what Python makes of bytes that are no UTF-8
FORMULA = ("=", "+", "-", "@", "\t", " ", "\n")  # what a spreadsheet may run begins with one
# Control characters but line feed and tab, and those that turn the direction of writing around.
COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def shown(name: str) -> str:
    r"""A name of a file as text that anything can read: bytes that are no UTF-8 as `\xff`.

    For people and for files that other programs read.
    """
    return NO_TEXT.sub(_spell_surrogate, name)


def all_shown(value: Any) -> Any:
    """A JSON value, its texts as `shown`: strict parsers refuse half of a surrogate pair."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, Mapping):
        return {all_shown(name): all_shown(item) for name, item in value.items()}
    return [all_shown(item) for item in value] if isinstance(value, list | tuple) else value


def harmless(text: str) -> str:
    """Text as `shown`, without what a terminal obeys."""
    return COMMANDS.sub(lambda found: repr(found[0])[1:-1], shown(text))


def no_formula(text: str) -> str:
    """Text for a cell of a CSV: one that a spreadsheet would take for a formula gets an apostrophe.

    As OWASP advises. A carriage return becomes a blank, since the csv module writes it as it is,
    as if a row ended.
    """
    text = text.replace("\r", " ")
    return f"'{text}" if text.startswith(FORMULA) else text


def of_cell(text: str) -> str:
    """What `no_formula` made a cell of."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def _spell_surrogate(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
