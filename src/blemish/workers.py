"""Work that is shared out: to whoever does it, one piece after the other or many at a time.

What comes of it must not hang on who did which piece, or on how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class Workers(Protocol):
    """Those who work on pieces, here or on other machines."""

    def map(
        self,
        work: Callable[[Piece], Result],
        pieces: Iterable[Piece],
        *,
        memory_bytes: int = 0,
    ) -> Iterator[Result]:
        """What `work` makes of each piece, in their order.

        Args:
            work: a function that can be imported by its name.
            pieces: taken one by one, not long before there is somebody to work on them.
            memory_bytes: that the work on a piece takes at most, where that is known.
        """
        ...


class Here:
    """This process, piece after piece, with all cores on each."""

    def map(
        self,
        work: Callable[[Piece], Result],
        pieces: Iterable[Piece],
        *,
        memory_bytes: int = 0,  # noqa: ARG002
    ) -> Iterator[Result]:
        """What `work` makes of each piece."""
        return map(work, pieces)


HERE = Here()
