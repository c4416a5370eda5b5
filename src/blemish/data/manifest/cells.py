"""Cells of a manifest as texts, numbers and answers, whatever wrote them."""

from __future__ import annotations

import json
import re
from typing import Any

# What other programs write where there is nothing.
NOTHING = frozenset({"", "nan", "none", "null", "na", "n/a", "<na>", "-"})
ANSWERS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


def text_of(cell: Any) -> str:
    """A cell as text; one that is empty, or holds no value, is an empty text."""
    if cell is None or isinstance(cell, str):
        return cell or ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # a whole number, in a column that pandas had to make floats of
    if isinstance(cell, bool | int | float | list | dict):
        return json.dumps(cell, ensure_ascii=False, default=str)
    return str(cell)


def something(cell: Any) -> str:
    """A cell as text, empty too where it holds what programs write for nothing: `nan`, `None`."""
    text = text_of(cell)
    return "" if text.casefold() in NOTHING else text


def number_of(cell: Any) -> float | None:
    """The number that a cell holds, 0 and 1 for `false` and `true`; `None` for anything else."""
    text = text_of(cell).casefold()
    if text in ("true", "false"):
        return float(text == "true")
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def answer_of(cell: Any) -> bool | None:
    """Yes or no; `None` for anything else."""
    number = number_of(cell)
    return (
        {0.0: False, 1.0: True}.get(number)
        if number is not None
        else ANSWERS.get(text_of(cell).casefold())
    )
