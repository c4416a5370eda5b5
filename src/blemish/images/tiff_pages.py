"""The pages of a TIFF: what each says of itself, and which of them are images.

A page that is a smaller copy of another (a thumbnail, a level of a pyramid) or a mask says so in
its NewSubfileType, and is no image of its own. Reference: TIFF 6.0; BigTIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from blemish.errors import ImageError
from blemish.images.kinds import not_read

Tags = dict[int, tuple[int, ...]]

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
MOST_PAGES = 10_000  # that are looked at
MOST_ENTRIES = 1 << 16  # of a page, as many as there are tags
MOST_VALUES = 1 << 20  # of a tag

_SUBFILE, _OLD_SUBFILE, _INSIDE = 254, 255, 330
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_OLD_REDUCED = 2
_TELLING = frozenset({_SUBFILE, _OLD_SUBFILE, _INSIDE})
_KNOWN = range(254, 342)  # before them and behind are texts, profiles and what is private
_WHOLE_NUMBERS = {
    1: "B",
    3: "H",
    4: "I",
    6: "b",
    8: "h",
    9: "i",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}


@dataclass(frozen=True)
class Page:
    """One directory of a TIFF.

    Attributes:
        number: which of all directories, counted from 0.
        order: of bytes, as `struct` writes it.
        is_big: the file is a BigTIFF.
        where: offset of the directory.
        tags: whole numbers by their tag; those that tell which pages are images.
    """

    number: int
    order: str
    is_big: bool
    where: int
    tags: Tags

    @property
    def is_whole(self) -> bool:
        """Whether it is an image of its own, as far as it says."""
        kind = self.tags.get(_SUBFILE, (0,))[0]
        old = self.tags.get(_OLD_SUBFILE, (1,))[0]
        return not kind & (_REDUCED | _MASK) and old != _OLD_REDUCED

    def all_tags(self, stream: IO[bytes]) -> Tags:
        """What else the directory says of the image; `stream` is left at its beginning."""
        tags = _Directory(stream, self.order, self.is_big, self.where).tags(_KNOWN)
        stream.seek(0)
        return tags


def whole_pages(stream: IO[bytes]) -> list[Page]:
    """The pages that are images.

    Args:
        stream: the file; it is left at its beginning.

    Raises:
        ImageError: there are too many pages, or only thumbnails.
    """
    pages = list(_pages(stream))
    stream.seek(0)
    if len(pages) > MOST_PAGES:
        raise ImageError(f"holds more than {MOST_PAGES} pages; save them to several files.")
    whole = [page for page in pages if page.is_whole]
    if whole or not pages:
        return whole
    if len(pages) > 1 or _INSIDE in pages[0].tags:
        raise not_read("a TIFF of thumbnails and masks alone, as a raw file of a camera")
    return pages  # a lone one is meant, whatever it says


def images_in(path: Path) -> int:
    """How many images a file holds, without looking further than needed.

    It is 1 for what is no TIFF by its name, and where the file cannot be read: whoever reads it
    is told why.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return 1
    try:
        with path.open("rb") as stream:
            return max(1, len(whole_pages(stream)))
    except (OSError, ImageError, struct.error, ValueError, OverflowError):
        return 1


def _pages(stream: IO[bytes]) -> Iterator[Page]:
    """Each directory of the chain, one more than may be at most."""
    stream.seek(0)
    head = stream.read(16)
    order = "<" if head.startswith(b"II") else ">"
    is_big = head[2:4] in (b"+\0", b"\0+")
    where = struct.unpack_from(order + ("Q" if is_big else "I"), head, 8 if is_big else 4)[0]
    seen: set[int] = set()
    while where and where not in seen and len(seen) <= MOST_PAGES:
        seen.add(where)
        directory = _Directory(stream, order, is_big, where)
        tags = directory.tags(_TELLING)
        yield Page(len(seen) - 1, order, is_big, where, tags)
        where = directory.following


class _Directory:
    """A directory where it lies in the file."""

    def __init__(self, stream: IO[bytes], order: str, is_big: bool, where: int) -> None:
        self._stream, self._order = stream, order
        count, self._entry, self._place = ("Q", 20, "Q") if is_big else ("H", 12, "I")
        stream.seek(where)
        entries = self._number(count)
        self._entries = stream.read(min(entries, MOST_ENTRIES) * self._entry)
        stream.seek(where + struct.calcsize(count) + entries * self._entry)
        self.following = self._number(self._place)

    def tags(self, wanted: Container[int]) -> Tags:
        """Whole numbers by their tag, as far as they are in the file; of a tag twice the last."""
        tags: Tags = {}
        inline = struct.calcsize(self._place)
        for start in range(0, len(self._entries) - self._entry + 1, self._entry):
            form = f"{self._order}HH{self._place}"
            tag, kind, count = struct.unpack_from(form, self._entries, start)
            if tag not in wanted or kind not in _WHOLE_NUMBERS:
                continue
            if count > MOST_VALUES:
                raise ImageError(f"has {count:,} values of tag {tag}, more than any image needs.")
            values = f"{self._order}{count}{_WHOLE_NUMBERS[kind]}"
            data = self._entries[start + self._entry - inline : start + self._entry]
            if struct.calcsize(values) > inline:
                self._stream.seek(struct.unpack(self._order + self._place, data)[0])
                data = self._stream.read(struct.calcsize(values))
            if count and len(data) >= struct.calcsize(values):
                tags[tag] = struct.unpack_from(values, data)
        return tags

    def _number(self, form: str) -> int:
        """The next number; 0 where the file is over."""
        size = struct.calcsize(self._order + form)
        data = self._stream.read(size)
        return int(struct.unpack(self._order + form, data)[0]) if len(data) == size else 0
