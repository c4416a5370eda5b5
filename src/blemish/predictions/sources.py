"""What an archive is to judge, listed once: each image once, in the order of their names.

A source is an image, a folder, a glob (`*`, `?`, `[ab]`, and `**` for folders of any depth), a
prefix in an object store, or a list: a JSONL or Parquet file with a column `path` (or `uri`, or one
that may name images in a manifest), whose relative paths begin at the list's folder. However many
images there are, few of their names are in memory at a time: they are sorted in runs that lie in
temporary files, and merged.
"""

from __future__ import annotations

import glob
import hashlib
import heapq
import io
import json
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path, PurePosixPath
from typing import IO, Any

from blemish.data.manifest.vocabulary import path_column
from blemish.data.tables.text import encoding_of
from blemish.errors import MOST_PROBLEMS_SHOWN, DataError, raise_all
from blemish.files import append_block
from blemish.predictions.images_named import (
    MOST_SHOWN,
    check_apart,
    has_image_name,
    is_passed_by,
    looked_through,
)
from blemish.predictions.places import (
    Folder,
    filesystems,
    is_address,
    parquet,
    reaching,
    reading,
    store_of,
)
from blemish.typed_json import JsonError, read_json

LIST = "_images.jsonl"
COLUMNS = ("path", "uri")  # of a list; the first that it has, or what manifests may call them
LIST_SUFFIXES = frozenset({".jsonl", ".parquet"})
RUN = 200_000  # names that are sorted in memory at a time, some 40 MB
_WILD = re.compile(r"[*?[]")


@dataclass
class Listed:
    """What was listed.

    Attributes:
        images: how many, each once.
        repeated: how often one was named again.
        passed_over: how many files were passed over in folders.
        first_passed_over: some of them.
    """

    images: int = 0
    repeated: int = 0
    passed_over: int = 0
    first_passed_over: list[Path] = field(default_factory=list)

    def pass_over(self, path: Path) -> None:
        """Count a file that is no image by its name."""
        self.passed_over += 1
        if len(self.first_passed_over) <= MOST_SHOWN:
            self.first_passed_over.append(path)


def write_list(sources: Sequence[str], folder: Folder) -> Listed:
    """List all that the sources name, and write it to the folder of the output.

    Raises:
        DataError: a source matches nothing, cannot be reached, or is a list that cannot be read.
        UsageError: images lie in the very folder of the output.
        BlemishError: the list cannot be written.
    """
    listed = Listed()
    names = (name for source in sources for name in _some_of(source, folder, listed))
    with folder.writing(LIST) as write:
        for name in _in_order(names, listed):
            listed.images += 1
            write(json.dumps({"path": name}).encode() + b"\n")
    return listed


@dataclass(frozen=True)
class Parts:
    """The list in parts of so many images; the last one has what is left.

    Attributes:
        starts: where each part begins in the list, and where the last one ends, in bytes.
        images: of the whole list.
        images_a_part: of each but the last.
        sha256: of the list.
    """

    starts: tuple[int, ...]
    images: int
    images_a_part: int
    sha256: str

    def __len__(self) -> int:
        return len(self.starts) - 1

    def pieces(self) -> list[dict[str, int]]:
        """The number of each part, and where it is in the list."""
        ends = enumerate(pairwise(self.starts))
        return [{"number": number, "start": start, "stop": stop} for number, (start, stop) in ends]


def read_parts(folder: Folder, images_a_part: int) -> Parts:
    """Where each part begins in a list that was written. Raises `DataError`."""
    digest, starts, images, end = hashlib.sha256(), [], 0, 0
    with reading(folder.at(LIST)) as stream:
        for line in stream:
            if images % images_a_part == 0:
                starts.append(end)
            digest.update(line)
            images, end = images + 1, end + len(line)
    return Parts((*starts, end), images, images_a_part, digest.hexdigest())


def images_of(folder: Folder, start: int, stop: int) -> list[str]:
    """The images of one part."""
    content = folder.read(LIST, start, stop)
    if content is None:
        raise DataError(f"'{folder.at(LIST)}' is not there any more.")
    return [read_json(line.decode())["path"] for line in content.splitlines()]


def _in_order(names: Iterable[str], listed: Listed) -> Iterator[str]:
    """Names sorted, each once."""
    rest, before = iter(names), None
    with ExitStack() as kept:
        runs: list[Iterable[str]] = []
        while run := sorted(islice(rest, RUN)):
            runs.append(_put_by(run, kept) if len(run) == RUN else run)
        for name in heapq.merge(*runs):
            if name == before:
                listed.repeated += 1
            else:
                yield name
            before = name


def _put_by(run: Sequence[str], kept: ExitStack) -> Iterator[str]:
    """The same names, out of memory."""
    file: IO[bytes] = kept.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    text = "".join(json.dumps(name) + "\n" for name in run)
    append_block(file, memoryview(text.encode()), what="names of images")
    file.seek(0)
    return (json.loads(line) for line in file)


def _some_of(source: str, folder: Folder, listed: Listed) -> Iterator[str]:
    """What a source names. Raises `DataError` where that is nothing."""
    find = _in_store if is_address(source) else _on_disk
    found = False
    with reaching(source):
        for name in find(source, folder, listed):
            found = True
            yield name
    if not found:
        others = [str(path) for path in listed.first_passed_over if str(path).startswith(source)]
        only = f", only files like '{others[0]}'" if others else ""
        raise DataError(f"'{source}' names no image{only}.")


def _on_disk(source: str, folder: Folder, listed: Listed) -> Iterator[str]:
    path = Path(source)
    if os.path.isdir(path):  # noqa: PTH112 - false where one may not look, never an error
        check_apart(path, folder.path)
        for file, judged in looked_through(path, output=folder.path):
            if judged:
                yield str(file)
            else:
                listed.pass_over(file)
    elif _WILD.search(source) and not path.exists():
        yield from (one for one in glob.iglob(source, recursive=True) if not os.path.isdir(one))  # noqa: PTH112, PTH207
    elif path.suffix.lower() in LIST_SUFFIXES:
        yield from _of_list(source)
    else:
        yield str(path)


def _in_store(source: str, folder: Folder, listed: Listed) -> Iterator[str]:
    if source.lower().startswith("file://"):
        yield from _on_disk(_local(source), folder, listed)
        return
    suffix = PurePosixPath(source).suffix.lower()
    fixed = _WILD.split(source, maxsplit=1)[0]
    if fixed != source:
        matches = re.compile(_pattern(source)).fullmatch
        top = fixed.rpartition("/")[0]
        yield from (name for name, _ in _below(top, folder) if matches(name))
    elif suffix in LIST_SUFFIXES:
        yield from _of_list(source)
    elif has_image_name(source):
        yield source
    else:
        for name, judged in _below(source.rstrip("/"), folder):
            if judged:
                yield name
            else:
                listed.pass_over(Path(name))


def _below(address: str, folder: Folder) -> Iterator[tuple[str, bool]]:
    """What is in a store below an address, and whether it is an image; folder by folder."""
    system, top = store_of(address)
    arrow = filesystems()
    waiting = [top]
    while waiting:
        path = waiting.pop()
        for found in system.get_file_info(arrow.FileSelector(path)):
            name = address + found.path[len(top) :]
            if is_passed_by(found.base_name) or name == folder.place:
                continue
            if found.type == arrow.FileType.Directory:
                waiting.append(found.path)
            elif found.type == arrow.FileType.File:
                yield name, has_image_name(name)


def _pattern(wild: str) -> str:
    """A regular expression for what a glob matches."""
    told = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.findall(r"\*\*/|\*|\?|\[[^]]+\]|[^*?[]+|\[", wild, re.DOTALL)
    return "".join(
        told.get(piece)
        or (piece.replace("[!", "[^") if len(piece) > 2 and piece[0] == "[" else re.escape(piece))
        for piece in pieces
    )


def _of_list(source: str) -> Iterator[str]:
    """The images that a list names. Raises `DataError`."""
    parent = source.rpartition("/")[0] if is_address(source) else str(Path(source).parent)
    rows = _parquet_names if source.lower().endswith(".parquet") else _json_names
    for text in rows(source):
        if text.lower().startswith("file://"):
            yield _local(text)
        elif is_address(text):
            yield text
        elif is_address(source) and not text.startswith("/"):
            yield f"{parent}/{text}"
        else:
            yield str(Path(parent, text))


def _local(address: str) -> str:
    """The path of a `file://` address, which has escapes."""
    with reaching(address):
        return str(filesystems().FileSystem.from_uri(address)[1])


def _json_names(source: str) -> Iterator[str]:
    problems: list[str] = []
    with reading(source) as stream:
        encoding = encoding_of(stream.read(4))
        stream.seek(0)
        for number, line in enumerate(io.TextIOWrapper(stream, encoding), start=1):
            if not line.strip():
                continue
            try:
                yield _named(read_json(line))
            except JsonError as error:
                problems.append(f"{source}: line {number}: {error}")
            if len(problems) == MOST_PROBLEMS_SHOWN:
                break
    raise_all(problems, DataError)


def _named(row: Any) -> str:
    """The image that a row names. Raises `JsonError`."""
    column = _column(row) if isinstance(row, dict) else None
    named = row[column] if column else None
    if not isinstance(named, str) or not named:
        raise JsonError("must be an object with a text 'path' (or 'uri').")
    return named


def _column(names: Collection[str]) -> str | None:
    """The column that names images: at once where it has its usual name."""
    return next((name for name in COLUMNS if name in names), None) or path_column(names)


def _parquet_names(source: str) -> Iterator[str]:
    with reading(source) as stream:
        file = parquet().ParquetFile(stream)
        there = file.schema_arrow.names
        column = _column(there)
        if column is None:
            raise DataError(
                f"'{source}' has no column 'path' (or 'uri'); it has {', '.join(there[:8])}."
            )
        for batch in file.iter_batches(columns=[column]):
            for value in batch.column(0).to_pylist():
                if not isinstance(value, (str, bytes)) or not value:
                    raise DataError(f"'{source}': a value of '{column}' is no text: {value!r}.")
                yield os.fsdecode(value)
