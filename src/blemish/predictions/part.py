"""One part of an archive: some images of the list, judged by one process, in one Parquet file.

A part is written when all of it is known, under its own name and whole: whoever finds it need not
do it again, and two that do the same part write the same, but for seconds.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, TypeGuard

from blemish.errors import BlemishError
from blemish.images.header import FilePage, images_of
from blemish.images.raw import RawFormat
from blemish.memory import allowed_bytes
from blemish.names import all_shown
from blemish.parallel import read_ahead
from blemish.predictions.places import Folder, is_address, parquet, store_of
from blemish.predictions.sinks import SUFFIXES, MapFormat
from blemish.predictions.sources import images_of as listed_images
from blemish.predictions.summary import Summary

if TYPE_CHECKING:
    from blemish.model.model import Model
    from blemish.result import Failure, Prediction

MAPS = "_maps"
FETCHERS, FETCHED = 8, 16  # threads that fetch from a store, and images that wait, of one process
COMPRESSION = "zstd"


def part_name(number: int) -> str:
    """The file of a part."""
    return f"part-{number:05}.parquet"


def schema() -> Any:
    """The columns of a part: what a line of `blemish predict` holds, the model, and the map.

    A region is a struct, its outline a list of rings of `[x, y]`. Of an image that was not judged
    there are path, error and model; of one that was, error is null. Reasons are null where an image
    is inspectable. A map's score is
    `map_offset + map_scale * level` of its PNG; both are null where it is exact.
    """
    pa = import_module("pyarrow")
    whole, exact, text = pa.int32(), pa.float64(), pa.string()
    point = pa.list_(whole)
    region = pa.struct(
        {
            "area_px": whole,
            "box_xyxy": pa.list_(whole),
            "peak_score": exact,
            "peak_xy": point,
            "outline_xy": pa.list_(pa.list_(point)),
        }
    )
    return pa.schema(
        {
            "path": text,
            "score": exact,
            "p_value": exact,
            "tail_p_value": exact,
            "verdict": text,
            "regions": pa.list_(region),
            "notes": pa.list_(pa.struct({"code": text, "message": text})),
            "reasons": pa.list_(pa.struct({"code": text, "message": text})),
            "seconds": exact,
            "error": text,
            "model_sha256": text,
            "map": text,
            "map_offset": exact,
            "map_scale": exact,
        }
    )


def encode_part(lines: list[dict[str, Any]]) -> bytes:
    """Lines as a Parquet file."""
    table = import_module("pyarrow").Table.from_pylist(lines, schema=schema())
    stream = io.BytesIO()
    parquet().write_table(table, stream, compression=COMPRESSION)
    return stream.getvalue()


def read_counts(content: bytes) -> list[dict[str, Any]] | None:
    """What a summary counts of each line of a part; `None` where it is damaged."""
    try:
        file = parquet().ParquetFile(io.BytesIO(content))
        lines: list[dict[str, Any]] = file.read(columns=["path", "verdict"]).to_pylist()
    except (OSError, ValueError, KeyError):  # pyarrow's errors are some of these
        return None
    return lines


@dataclass(frozen=True)
class How:
    """How the images of an archive are judged.

    Attributes:
        name: of the model, for errors.
        provider: what runs the graph.
        batch: most images at once; by default one on a core, and of others what the fit found best.
        max_pixels: the largest image to read; by default that of any reader.
        raw: how the pixels lie in files without a header.
        memory_bytes: what a machine may take; by default half of what it has.
        outlines: whether to trace the outline of each region.
        maps: how maps are written, if at all.
        here: the folder in which relative paths begin.
        spell: how an error is told.
    """

    name: str
    provider: str = "cpu"
    batch: int | None = None
    max_pixels: int | None = None
    raw: RawFormat | None = None
    memory_bytes: int | None = None
    outlines: bool = False
    maps: MapFormat | None = None
    here: str = "."
    spell: Callable[[str], str] = str


class Judge:
    """What a process judges parts with: one session, loaded for the first of them.

    Args:
        model: the bytes of its file, so that it need not lie where all machines see it.
        folder: of the output.
        how: the images are judged.
        sharing: processes that share the memory of a machine.
    """

    def __init__(self, model: bytes, folder: Folder, how: How, sharing: int) -> None:
        self._data, self._folder, self._how, self._sharing = model, folder, how, sharing
        with suppress(OSError):  # this machine has no such folder, and so no image below it
            os.chdir(how.here)

    def __call__(self, piece: Mapping[str, Any]) -> dict[str, Any]:
        """Judge a part, unless it is there: its counts, as `Summary` has them.

        Args:
            piece: `number`, and where it is in the list: `start` and `stop`.

        Raises:
            BlemishError: it cannot be written, or the model cannot be run here.
        """
        summary, name = Summary(), part_name(piece["number"])
        there = self._folder.read(name)
        if there is not None and (counts := read_counts(there)) is not None:
            for line in counts:
                summary.add_earlier(line)
            return asdict(summary)
        lines = []
        for line in self._judged(piece):
            summary.add(line)
            lines.append(line)
        self._folder.write(name, encode_part(lines))
        return asdict(summary)

    @cached_property
    def _model(self) -> Model:
        from blemish.graph.engine import Engine
        from blemish.images.header import DEFAULT_LIMITS
        from blemish.model.model import Model

        limits = DEFAULT_LIMITS
        if self._how.max_pixels is not None:
            limits = limits.replace(max_pixels=self._how.max_pixels)
        engine = Engine.named(self._how.provider)
        return Model(
            self._data, name=self._how.name, engine=engine, limits=limits, raw=self._how.raw
        )

    def _judged(self, piece: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """A line for each image of a part, in their order: of a file on a disk, for its pages."""
        how, model = self._how, self._model
        listed = listed_images(self._folder, piece["start"], piece["stop"])
        images = [image for name in listed for image in _images_of(name)]
        allowed = (how.memory_bytes or allowed_bytes() // 2) // self._sharing
        results = model.predict_each(
            fetched(images, most_bytes=model.reader.limits.max_bytes),
            batch=how.batch or (1 if how.provider == "cpu" else None),
            memory_bytes=max(allowed, model.least_memory_bytes),
            outlines=how.outlines,
        )
        for row, (image, result) in enumerate(zip(images, results, strict=True)):
            line = result.to_dict() | {"path": str(image), "model_sha256": model.sha256}
            if "error" in line:
                line["error"] = how.spell(line["error"])
            elif how.maps is not None:
                line |= self._write_map(result, f"{MAPS}/{piece['number']:05}/{row:05}")
            yield all_shown(line)

    def _write_map(self, result: Prediction | Failure, name: str) -> dict[str, Any]:
        """Write a map, and say where it is and how its scores come back."""
        from blemish.images.score_map import encode_score_map, levels_of
        from blemish.result import Prediction

        if not isinstance(result, Prediction) or self._how.maps is None:
            return {}
        name += SUFFIXES[self._how.maps]
        self._folder.write(name, encode_score_map(result.score_map, self._how.maps.value))
        if self._how.maps != MapFormat.PNG16:
            return {"map": name}
        offset, scale = levels_of(result.score_map)
        return {"map": name, "map_offset": offset, "map_scale": scale}


def _images_of(name: str) -> list[str | FilePage]:
    """The images of a file; of one in a store it is known only once it is read."""
    if is_address(name):
        return [name]
    return [one if isinstance(one, FilePage) else name for one in images_of(name)]


def fetched(
    images: Sequence[str | FilePage], *, most_bytes: int
) -> Iterator[str | FilePage | BinaryIO]:
    """Images as a model takes them: paths as they are, those in a store fetched ahead of use."""

    def fetch(image: str | FilePage) -> str | FilePage | Fetched:
        return Fetched(image, _content(image, most_bytes)) if _is_address(image) else image

    if not any(map(_is_address, images)):
        yield from images
        return
    for image, found in read_ahead(images, fetch, readers=FETCHERS, most=FETCHED):
        yield Fetched(str(image), found) if isinstance(found, Exception) else found  # type: ignore[misc]


def _is_address(image: str | FilePage) -> TypeGuard[str]:
    return isinstance(image, str) and is_address(image)


def _content(address: str, most_bytes: int) -> bytes | OSError:
    """What a file in a store holds, one byte beyond what may be read at most, or why not."""
    try:
        system, path = store_of(address)
        with system.open_input_file(path) as stream:
            content: bytes = stream.read(min(stream.size(), most_bytes + 1))
    except FileNotFoundError:
        return OSError("there is no such file")
    except (BlemishError, OSError, ValueError) as error:
        return OSError(str(error).strip().splitlines()[0].rstrip("."))
    return content


class Fetched:
    """A file of a store, open for reading; where it could not be fetched, reading it says why."""

    def __init__(self, name: str, content: bytes | Exception) -> None:
        self.name, self._content = name, content

    def readable(self) -> bool:
        """That it is a file to read from."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Its first bytes, or all. Raises `OSError`."""
        if isinstance(self._content, Exception):
            raise OSError(str(self._content))
        return self._content if size < 0 else self._content[:size]
