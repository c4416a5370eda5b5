"""Where files are: on a disk, or in an object store by an address such as `s3://bucket/folder`.

An address is a scheme, a bucket and a name as it is, without escapes or options. pyarrow reaches
stores that it knows (S3, Google's, Azure's), fsspec the others. Keys, regions and endpoints come
from the environment and never stand in an address, which goes into every line of the output.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, cast

from blemish.errors import BlemishError, DataError, MissingExtraError, UsageError
from blemish.files import looking_at, make_folder, write_whole, writing_whole

BUFFER_BYTES = 1 << 22  # of a file in a store that is read from one end to the other: a request
AT_ONCE = "?allow_delayed_open=true"  # small files in one request, not in the three of large ones
_ADDRESS = re.compile(
    r"(?P<root>[a-z][a-z0-9+.-]+://[^/]*)/*(?P<path>.*)", re.IGNORECASE | re.DOTALL
)


def is_address(text: str) -> bool:
    """Whether a text names something in an object store, not on a disk."""
    return _ADDRESS.match(text) is not None


@contextmanager
def reaching(address: str, kind: type[BlemishError] = DataError) -> Iterator[None]:
    """Tell in one sentence that something cannot be reached, as an error of some kind."""
    try:
        yield
    except BlemishError:
        raise
    except (OSError, ValueError, ImportError) as error:  # pyarrow's errors are some of these
        said = getattr(error, "strerror", None) or str(error).strip().splitlines()[0].rstrip(".")
        what = "read" if isinstance(error, ValueError) else "reach"
        raise kind(f"Cannot {what} '{address}': {said}.") from error


def store_of(address: str) -> tuple[Any, str]:
    """The file system of an address, as pyarrow has them, and the path in it.

    Raises:
        UsageError: there is a name or a key in the address.
        MissingExtraError: pyarrow is not installed.
        DataError: the store cannot be reached.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise ValueError(f"no address: {address!r}")
    if "@" in found["root"]:
        raise UsageError(
            "An address must not hold names or keys, since it is written to every line; put them "
            "into the environment (AWS_ACCESS_KEY_ID, ...)."
        )
    with reaching(address):
        system, base = _system(found["root"])
    return system, f"{base}/{found['path']}".rstrip("/")


@lru_cache(maxsize=64)
def _system(root: str) -> tuple[Any, str]:
    """The file system of a bucket, and what paths in it begin with."""
    arrow = filesystems()
    for wanted in ([root + AT_ONCE] if root.lower().startswith("s3:") else []) + [root]:
        try:
            return cast("tuple[Any, str]", arrow.FileSystem.from_uri(wanted))
        except ValueError as error:  # of an option that an older pyarrow lacks, too
            if wanted == root and "nrecognized filesystem" not in str(error):
                raise
    import fsspec

    system, base = fsspec.core.url_to_fs(root)
    return arrow.PyFileSystem(arrow.FSSpecHandler(system)), str(base)


def filesystems() -> Any:
    """The module `pyarrow.fs`. Raises `MissingExtraError` where it is not installed."""
    return _arrow("fs", "an address of an object store")


def parquet() -> Any:
    """The module `pyarrow.parquet`. Raises `MissingExtraError` where it is not installed."""
    return _arrow("parquet", "a Parquet file")


def _arrow(module: str, what: str) -> Any:
    try:
        return import_module(f"pyarrow.{module}")
    except ImportError as error:
        raise MissingExtraError(what, "ray") from error


@contextmanager
def reading(place: str) -> Iterator[BinaryIO]:
    """A file to read from, wherever it is. Raises `DataError` where that cannot be."""
    with reaching(place):
        if is_address(place):
            system, path = store_of(place)
            with system.open_input_file(path) as stream:
                yield io.BufferedReader(stream, BUFFER_BYTES)
        else:
            with Path(place).open("rb") as stream:
                yield stream


@dataclass(frozen=True)
class Folder:
    """A folder for results, on a disk or in an object store; files in it are whole or not there.

    Attributes:
        place: its absolute path, or its address.
    """

    place: str

    @classmethod
    def named(cls, text: str) -> Folder:
        """The folder that a user names; one on a disk by its absolute path."""
        return cls(text.rstrip("/") if is_address(text) else os.path.abspath(text))  # noqa: PTH100

    @property
    def path(self) -> Path | None:
        """Its path on a disk; `None` in an object store."""
        return None if is_address(self.place) else Path(self.place)

    def at(self, name: str) -> str:
        """The place of a file in it."""
        return f"{self.place}/{name}"

    def names(self) -> list[str]:
        """Names of what is in it, sorted; none where there is no such folder yet."""
        if self.path is not None:
            with looking_at(self.path):
                return sorted(os.listdir(self.path)) if self.path.exists() else []  # noqa: PTH208
        system, path = store_of(self.place)
        with reaching(self.place):
            selector = filesystems().FileSelector(path, allow_not_found=True)
            return sorted(found.base_name for found in system.get_file_info(selector))

    def make(self) -> None:
        """Make it where there is none. Raises `BlemishError`."""
        if self.path is not None:
            make_folder(self.path)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """What a file holds, or the bytes from `start` to `stop`; `None` where it is not there."""
        if self.path is not None:
            path = self.path / name
            with looking_at(path), suppress(FileNotFoundError), path.open("rb") as stream:
                return _some(stream, start, stop)
            return None
        with reaching(self.at(name)), suppress(FileNotFoundError):
            system, there = store_of(self.at(name))
            with system.open_input_file(there) as stream:
                return _some(stream, start, stop)
        return None

    @contextmanager
    def writing(self, name: str) -> Iterator[Callable[[bytes], object]]:
        """Write a file piece by piece. Raises `BlemishError` where that cannot be."""
        if self.path is not None:
            with writing_whole(self.path / name) as stream:
                yield stream.write
            return
        system, path = store_of(self.at(name))
        with reaching(self.at(name), BlemishError), system.open_output_stream(path) as stream:
            yield stream.write

    def write(self, name: str, content: bytes) -> None:
        """Write a file, and the folders that are in its name."""
        if self.path is not None:
            make_folder((self.path / name).parent)
            write_whole(self.path / name, content)
            return
        with self.writing(name) as write:
            write(content)

    def remove(self, name: str) -> None:
        """Take a file away, if it is there. Raises `BlemishError`."""
        if self.path is not None:
            with looking_at(self.path / name):
                (self.path / name).unlink(missing_ok=True)
            return
        system, path = store_of(self.at(name))
        with reaching(self.at(name), BlemishError), suppress(FileNotFoundError):
            system.delete_file(path)


def _some(stream: BinaryIO, start: int, stop: int | None) -> bytes:
    stream.seek(start)
    return stream.read() if stop is None else stream.read(stop - start)
