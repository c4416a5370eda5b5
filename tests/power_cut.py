"""What a disk may hold after the power failed: made from the calls of a program under strace.

A disk keeps what was synced. Of the rest any part may be there, in any order, sector by sector;
names of files last once their folder was synced. That is what POSIX promises, and no more.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
STRACE = ["strace", "--follow-forks", "-qqq", "-y", "-xx", "-s", "10000000", "-e", "signal=none",
          "-e", "trace=openat,pwrite64,write,fsync,fdatasync,ftruncate,unlink"]  # fmt: skip
_CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<rest>.*)\) += (?P<result>-?\d+)")
_TEXT = re.compile(r"(?:<([^>]*)>|\"([^\"]*)\")")


@dataclass
class File:
    """A file: what is on the disk for certain, and what was written since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # None: cut off there

    def sync(self) -> None:
        """All that was written is there for certain."""
        for offset, data in self.pending:
            _write(self.durable, offset, data)
        self.pending.clear()

    def found(self, chance: random.Random, share: float) -> bytes:
        """What may be there: each sector that was not synced with a probability of `share`."""
        content = bytearray(self.durable)
        for offset, data in self.pending:
            if data is None:
                if chance.random() < share:
                    _write(content, offset, None)
                continue
            for start in range(0, len(data), SECTOR):
                if chance.random() < share:
                    _write(content, offset + start, data[start : start + SECTOR])
        return bytes(content)


class Disk:
    """The files below a folder.

    Args:
        folder: all others are left out.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._names: dict[str, File] = {}
        self._durable_names: dict[str, File] = {}

    def apply(self, call: str, texts: list[bytes], rest: str) -> None:
        """Do what a call did, to a path or an open file, with what is in quotes."""
        path = (texts[-1] if call in ("openat", "unlink") else texts[0]).decode()
        if path == self._folder and call in ("fsync", "fdatasync"):
            self._durable_names = dict(self._names)
        name = path.removeprefix(f"{self._folder}/")
        if name == path or name.endswith("-shm"):  # which SQLite makes anew after a crash
            return
        if call == "openat" and "O_CREAT" in rest:
            self._names.setdefault(name, File())
        elif call == "pwrite64":
            self._names[name].pending.append((int(rest.rpartition(", ")[2]), texts[1]))
        elif call == "ftruncate":
            self._names[name].pending.append((int(rest.rpartition(", ")[2]), None))
        elif call == "unlink":
            self._names.pop(name, None)
        elif call in ("fsync", "fdatasync"):
            self._names[name].sync()

    def cut(self, chance: random.Random, folder: Path) -> None:
        """Write what the disk may hold if the power fails now."""
        share = chance.choice([0.0, 0.5, 0.95, 1.0])
        names = {*self._names, *self._durable_names}
        for name in sorted(names):
            kept = chance.choice([self._names, self._durable_names]).get(name)
            if kept is not None:
                (folder / name).write_bytes(kept.found(chance, share))


def replay(trace: Path, folder: Path) -> Iterator[tuple[Disk, list[str]]]:
    """The disk after each call, and the lines that the program had written until then."""
    disk, told = Disk(folder), ""
    for line in trace.read_text().splitlines():
        found = _CALL.match(line)
        if found is None or int(found["result"]) < 0:
            continue
        texts = [
            bytes.fromhex((a or b).replace("\\x", "")) for a, b in _TEXT.findall(found["rest"])
        ]
        if found["name"] == "write" and found["rest"].startswith("1<"):
            told += texts[-1].decode()
        elif texts:
            disk.apply(found["name"], texts, found["rest"])
        yield disk, told.splitlines()


def _write(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data
