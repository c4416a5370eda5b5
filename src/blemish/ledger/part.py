"""Rows that follow each other, wherever they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


class UnreadableError(Exception):
    """The row that comes next cannot be read: the file is damaged there."""


@dataclass(frozen=True)
class Part:
    """Rows that follow each other.

    Attributes:
        name: as the user has it.
        start: number and hash of the row before the first one.
        count: how many rows there are, about.
        problem: what is wrong with it as a whole.
        rows: all of them in order, by `chain.COLUMNS` with texts as bytes, and their hashes.
        damage: what is wrong with the file besides; asked for once the rows have been read.
    """

    name: str
    start: tuple[int, bytes]
    count: int
    problem: str | None
    rows: Callable[[], Iterator[Sequence[Any]]]
    damage: Callable[[], str | None]
