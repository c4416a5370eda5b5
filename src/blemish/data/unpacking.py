"""Archives from elsewhere: unpacked without harm, and read to their end, where their checks are.

Only plain folders and files inside of one folder come out, so many and so large at most. An archive
that is cut off, damaged or goes on after its end is an error, whatever of it could be read.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from blemish.errors import DataError

MOST_FILES = 100_000
MOST_BYTES = 20_000_000_000  # unpacked
DEEPEST = 16  # folders within each other
HEADER_BYTES = 1 << 20  # between two files, names and all
BLOCK_BYTES = 1 << 16
TAR_BLOCK_BYTES = 512
OPENERS = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\x00": lzma.open, b"BZh": bz2.open}


class _DamagedError(Exception):
    """The archive is not what it was when it was made."""


def unpack(path: Path, category: str, folder: Path) -> None:
    """Unpack an archive, a `.tar`, plain or compressed by gzip, xz or bzip2.

    Args:
        path: of the archive.
        category: the folder in it that is wanted; plain files beside it may be there.
        folder: where that folder comes to be; to be deleted where this raises.

    Raises:
        DataError: the archive is damaged, or holds what no data set does, or too much.
        OSError: a file cannot be written.
    """
    with _told_as_damaged(category), _opened(path) as file:
        source = _Budgeted(file, category)
        source.allow(HEADER_BYTES)
        with tarfile.open(
            fileobj=cast("IO[bytes]", source), mode="r|", bufsize=BLOCK_BYTES
        ) as archive:
            for count, member in enumerate(archive):
                _check_plain(member, category)
                source.allow_file(count, member.size)
                # Read-only folders could not be filled; the archives' own have such modes.
                mode = 0o755 if member.isdir() else 0o644
                archive.extract(member.replace(mode=mode, deep=False), folder, filter="data")
                source.allow(HEADER_BYTES)
            _read_to_the_end(archive)
    if not (folder / category).is_dir():
        raise DataError(f"The archive of '{category}' holds no folder '{category}'.")


class _Budgeted:
    """Reads no more than it has been allowed: a little packed may be a lot unpacked."""

    def __init__(self, file: IO[bytes], category: str) -> None:
        self._file, self._category = file, category
        self._allowed = self._files_bytes = 0

    def allow(self, count: int) -> None:
        """Allow so many bytes from here on, and what the reader takes in at once."""
        self._allowed = count + 2 * BLOCK_BYTES

    def allow_file(self, number: int, size: int) -> None:
        """Allow a file, where there are not too many already. Raises `DataError`."""
        self._files_bytes += size
        if number >= MOST_FILES or self._files_bytes > MOST_BYTES:
            raise self._too_much()
        self.allow(size + TAR_BLOCK_BYTES)

    def read(self, count: int) -> bytes:
        """The next bytes. Raises `DataError` where they are more than was allowed."""
        try:
            data = self._file.read(count)
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            raise _DamagedError(str(error)) from error
        self._allowed -= len(data)
        if self._allowed < 0:
            raise self._too_much()
        return data

    def _too_much(self) -> DataError:
        return DataError(
            f"The archive of '{self._category}' holds more than {MOST_FILES:,} files, "
            f"{MOST_BYTES // 10**9} GB, or endless names; nothing was unpacked."
        )


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        start = file.read(8)
    for magic, opener in OPENERS.items():
        if start.startswith(magic):
            return opener(path, "rb")  # type: ignore[no-any-return, operator]
    return path.open("rb")


def _check_plain(member: tarfile.TarInfo, category: str) -> None:
    """Raise `DataError` unless a member is a folder or file inside of the category."""
    parts = [part for part in member.name.split("/") if part not in ("", ".")]
    inside = parts[:1] == [category] or (len(parts) < 2 and member.isfile())  # a licence beside it
    plain = member.isdir() or (member.isfile() and not member.issparse())
    top = not parts and member.isdir()
    climbs = ".." in parts or member.name.startswith("/")
    if not plain or not (inside or top) or climbs or len(parts) > DEEPEST:
        raise DataError(
            f"The archive of '{category}' holds '{member.name}', which is no file or folder of "
            f"the category, or lies deeper than {DEEPEST} folders; nothing was unpacked."
        )


def _read_to_the_end(archive: tarfile.TarFile) -> None:
    """Read what is left: a block of zeros at least, as tar ends, and nothing else."""
    assert archive.fileobj is not None
    count = 0
    while block := archive.fileobj.read(BLOCK_BYTES):
        if block.strip(b"\0"):
            raise _DamagedError("a header is damaged, or something follows its end")
        count += len(block)
    if count < TAR_BLOCK_BYTES:
        raise _DamagedError("its end is missing")


@contextmanager
def _told_as_damaged(category: str) -> Iterator[None]:
    try:
        yield
    except (_DamagedError, tarfile.TarError, EOFError, ValueError, OverflowError,
            RecursionError) as error:  # fmt: skip
        raise DataError(
            f"The archive of '{category}' cannot be unpacked: it is damaged, or no archive "
            f"({error}). It was thrown away."
        ) from error
