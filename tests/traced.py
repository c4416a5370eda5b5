"""Run a program under strace, as a user of a new machine: what it reached for, and what it left."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

STRACE = ["strace", "--follow-forks", "--seccomp-bpf", "-qqq", "-y", "-e", "signal=none"]
OPENED = ("open", "openat", "openat2", "creat")
MADE = ("mkdir", "mkdirat", "mknod", "mknodat", "rename", "renameat", "renameat2", "link", "linkat",
        "symlink", "symlinkat")  # fmt: skip
# Nothing, the terminal, and locks between processes, which leave no file.
ALLOWED = ("/dev/null", "/dev/tty", "/proc/self/", "/dev/shm/sem.")
WHO_AM_I = 'sun_path="/var/run/nscd/socket"'  # asked of this machine by the C library

# 123  openat(AT_FDCWD</here>, "name", O_RDWR|O_CREAT, 0600) = 3</here/name>
_CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<rest>.*)$")
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<(?P<folder>[^>]*)>, )?"(?P<path>[^"]*)"')


@dataclass(frozen=True)
class Traced:
    """What a program did.

    Attributes:
        code, err: how it ended, and its words.
        reached: calls that have to do with a network.
        wrote: paths that it made or opened to write, outside of the folders given to it.
        changed: files and folders that are new, changed or gone in those folders, by their names
            below `Machine.root`.
    """

    code: int
    err: str
    reached: list[str]
    wrote: list[str]
    changed: set[str]


class Machine:
    """A home, a folder for temporary files and one to work in, all empty; below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.here, self.home, self.temporary = root / "here", root / "home", root / "temporary"
        for folder in (self.here, self.home, self.temporary):
            folder.mkdir(parents=True)

    @property
    def environment(self) -> dict[str, str]:
        """What every user has and no more: some libraries are quiet where they see `CI`, say."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def run(self, *words: object) -> Traced:
        """Run Python with these arguments."""
        before, log = self._files(), self.root / "trace"
        calls = ",".join(["network", *OPENED, *MADE])
        ended = subprocess.run(
            [*STRACE, "-e", f"trace=%{calls}", "-o", log, sys.executable, *map(str, words)],
            cwd=self.here, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        after = self._files()
        reached, wrote = self._read(log.read_text(errors="replace").splitlines())
        changed = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}
        return Traced(ended.returncode, ended.stderr, reached, wrote, changed)

    def _files(self) -> dict[str, object]:
        return {
            path.relative_to(self.root).as_posix(): (
                None if path.is_dir() else (path.stat().st_mtime_ns, path.stat().st_size)
            )
            for folder in (self.here, self.home, self.temporary)
            for path in folder.rglob("*")
        }

    def _read(self, lines: Iterable[str]) -> tuple[list[str], list[str]]:
        reached, wrote = [], []
        for line in lines:
            call = _CALL.match(line)
            if call is None:  # the end of a call that another thread's came between
                continue
            name, rest = call["name"], call["rest"]
            if (name == "socket" and not rest.startswith("AF_UNIX")) or (
                name == "connect" and WHO_AM_I not in rest
            ):
                reached.append(line)
            elif ") = -1 " not in rest and (name in MADE or (name in OPENED and _writes(rest))):
                found = _PATH.findall(rest)
                paths = [self.here / folder / path for folder, path in found]
                wrote += [str(path) for path in paths if not self._allowed(path)]
        return reached, wrote

    def _allowed(self, path: Path) -> bool:
        given = (self.here, self.home, self.temporary)
        return str(path).startswith(ALLOWED) or any(path.is_relative_to(f) for f in given)


def _writes(words: str) -> bool:
    return re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", words) is not None


@cache
def require_strace() -> None:
    """Skip where there is no strace, or it may not trace."""
    if shutil.which(STRACE[0]) is None:
        pytest.skip("needs strace: what compiled code does is seen by nothing in Python")
    if subprocess.run([*STRACE, "-o", os.devnull, "true"], check=False).returncode:
        pytest.skip("strace may not trace processes here")
