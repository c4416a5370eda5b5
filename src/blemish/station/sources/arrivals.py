"""Which files of a folder have come whole, by looking again and again: it works on any disk.

A file that is still being copied changes its size or time, or its end is missing. So one counts as
whole once neither has changed for a while and its end is there; one whose end never comes is given
on after a longer while, and whoever reads it will say what is wrong. Files whose names begin with a
dot, and temporary ones, are somebody's unfinished work.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from blemish.errors import ImageError
from blemish.files import is_temporary
from blemish.images.header import FileContent
from blemish.images.read import read_image
from blemish.images.suffixes import has_image_suffix

DONE = ".done"
ENDS = {  # of files of which the end says that all of it is there
    b"\x89PNG": (b"IEND\xaeB`\x82",),
    b"\xff\xd8\xff": (b"\xff\xd9",),
}
JPEG_START, JPEG_SCAN = b"\xff\xd8", b"\xda"
OUTSIDE = "It is a link to a file outside of the folder."
PADDING = 64  # bytes that some cameras write behind the end

Ready = Literal["stable", "done", "renamed"]


class Identity(NamedTuple):
    """What tells a file from one that takes its name later."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """That of a file."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


class Arrival(NamedTuple):
    """A file that has come.

    Attributes:
        path: of it.
        identity: as it was when it was read.
        content: of it; `None` where it cannot be read, and
        error: why.
    """

    path: Path
    identity: Identity
    content: bytes | None
    error: str | None = None


@dataclass
class _Seen:
    identity: Identity
    since: float


@dataclass(eq=False)
class Arrivals:
    """Looks at a folder.

    Attributes:
        folder: that files come to.
        ready: when one has come: `stable`, once it does not change; `done`, once a file of its name
            and `.done` is there; `renamed`, at once, as whole files are moved here.
        settle_seconds: that a file must not change.
        whole_seconds: after which one whose end is missing is given on nevertheless.
        subfolders: whether to look into them.
        apart: a folder that is not looked into.
        clock: that only goes forwards.
        others: names of files that are no images that are read, by the last look.
    """

    folder: Path
    ready: Ready = "stable"
    settle_seconds: float = 1.0
    whole_seconds: float = 30.0
    subfolders: bool = False
    apart: Path | None = None
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._seen: dict[Path, _Seen] = {}
        self.others: list[str] = []

    def look(self) -> list[tuple[Path, Identity]]:
        """Files that do not change any more, the oldest first; whether they are whole is open.

        Raises:
            OSError: the folder cannot be looked at.
        """
        now, there, found = self.clock(), {}, []
        self.others = []
        for path, identity in self._files(self.folder):
            seen = self._seen.get(path)
            if seen is None or seen.identity != identity:
                seen = _Seen(identity, now)
            there[path] = seen
            if self.ready == "renamed" or now - seen.since >= self.settle_seconds:
                found.append((path, identity))
        self._seen = there
        return sorted(found, key=lambda one: (one[1].mtime_ns, one[0]))

    def read(self, path: Path, identity: Identity) -> Arrival | None:
        """A file's content, if it is whole; `None` where it is to be waited for, or is gone."""
        if self._leads_out(path):
            return Arrival(path, identity, None, OUTSIDE)
        return self._read(path, identity)

    def _read(self, path: Path, identity: Identity) -> Arrival | None:
        try:
            with path.open("rb") as stream:
                before = Identity.of(os.fstat(stream.fileno()))
                content = stream.read()
                after = Identity.of(os.fstat(stream.fileno()))
        except FileNotFoundError:
            return None
        except OSError as error:
            if not self._waited(path):
                return None
            return Arrival(path, identity, None, f"It cannot be read: {error.strerror}.")
        if before != identity or after != identity or len(content) != identity.size:
            return None
        if not self._waited(path) and not is_whole(content, path.name):
            return None
        return Arrival(path, identity, content)

    def done_file(self, path: Path) -> Path | None:
        """The file that says that one is whole, if there is one."""
        names = (f"{path.name}{DONE}", f"{path.stem}{DONE}")
        return next((one for name in names if (one := path.with_name(name)).is_file()), None)

    def _waited(self, path: Path) -> bool:
        seen = self._seen.get(path)
        return seen is not None and self.clock() - seen.since >= self.whole_seconds

    def _leads_out(self, path: Path) -> bool:
        if not path.is_symlink():
            return False
        return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.folder))

    def _files(self, folder: Path) -> Iterator[tuple[Path, Identity]]:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.name.startswith(".") or is_temporary(entry.name) or path == self.apart:
                    continue
                try:
                    if entry.is_dir(follow_symlinks=False):
                        if self.subfolders:
                            yield from self._files(path)
                    elif not has_image_suffix(path):
                        if path.suffix != DONE:
                            self.others.append(entry.name)
                    elif entry.is_file() and self._is_done(path):
                        yield path, Identity.of(path.stat())
                except FileNotFoundError:  # it went meanwhile
                    continue

    def _is_done(self, path: Path) -> bool:
        return self.ready != "done" or self.done_file(path) is not None


def is_whole(content: bytes, name: str) -> bool:
    """Whether the end of an image file is there: by the end itself, or by decoding all of it."""
    for start, ends in ENDS.items():
        if content.startswith(start):
            pixels = content[_pixels_begin(content) :]
            tail = pixels[-PADDING:].rstrip(b"\0\r\n ")
            return any(end in tail for end in ends)
    try:
        read_image(FileContent(content, name))
    except ImageError:
        return False
    return True


def _pixels_begin(content: bytes) -> int:
    """Where the first scan of a JPEG begins: a thumbnail before it has an end of its own."""
    place = 2
    while content[:2] == JPEG_START and content[place : place + 1] == b"\xff":
        length = int.from_bytes(content[place + 2 : place + 4], "big")
        if content[place + 1 : place + 2] == JPEG_SCAN:
            break
        place += 2 + length
    return place
