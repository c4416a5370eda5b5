"""Where predictions go: lines, drawings and maps in a folder, one result at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from blemish.errors import BlemishError, UsageError
from blemish.files import held, make_folder, take_away_temporaries, write_whole
from blemish.images.suffixes import has_image_suffix
from blemish.names import all_shown, shown
from blemish.predictions.earlier import (
    FILE,
    LINES,
    Earlier,
    Identity,
    identity_of,
    read_earlier,
    write_run,
)
from blemish.predictions.images_named import NamedImage
from blemish.predictions.line_file import LineFile
from blemish.wording import count_text

if TYPE_CHECKING:
    from blemish.images.header import FilePage
    from blemish.model.evidence import Comparisons
    from blemish.model.model import Model
    from blemish.progress import Progress
    from blemish.result import Failure, Prediction

JPEG_QUALITY = 92
MOST_PAIRS = 6  # of patches, beside an image
JPEG_LONG_SIDE_PX = 65_500  # the format's own limit


class MapFormat(StrEnum):
    """How maps are written."""

    NPY = "npy"
    TIFF = "tiff"
    PNG16 = "png16"


SUFFIXES = {MapFormat.NPY: ".npy", MapFormat.TIFF: ".tiff", MapFormat.PNG16: ".png"}


@dataclass
class FolderSink:
    """Keeps results as they come: their lines, drawings and maps, below a folder.

    An image `a/b.png` gives `a/b.png.jpg`, drawn with its heat map, and its map of raw scores
    (H x W, float32): `a/b.png.npy`, or `a/b.tiff`, which is where other tools look for it, or
    `a/b.png.png` of 65,536 levels. What cannot be made is told of by `progress` and counted in
    `failures`. `outlines` says whether the
    results have them, so that all lines of a folder do or none. With `comparisons` results say what
    their regions were compared with, and drawings show it.
    """

    folder: Path
    model: Model
    progress: Progress
    overlays: bool = False
    maps: MapFormat | None = None
    outlines: bool = False
    comparisons: Comparisons | None = None
    failures: int = 0
    _lines: LineFile | None = None
    _files: dict[str, Identity | None] = field(default_factory=dict)
    _maps: dict[str, str] = field(default_factory=dict)
    _sources: dict[str, Path | FilePage] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)

    def begin(self, images: Sequence[NamedImage], *, provider: str, resume: bool) -> Earlier:
        """Begin to write, or go on with what an earlier run left.

        Args:
            images: that are asked for.
            provider: what runs the graph.
            resume: whether verdicts that are there stay.

        Raises:
            UsageError: what is there was made otherwise.
            BlemishError: the folder cannot be written, or another process writes to it.
        """
        self._check_apart(images)
        busy = f"Another process writes to '{self.folder}'; wait for it, or name another folder."
        self._open.enter_context(held(self.folder, busy=busy))
        facts = {
            "blemish": metadata.version("blemish"),
            "model_sha256": self.model.sha256,
            "provider": provider,
            "outlines": self.outlines,
            "evidence": self.comparisons is not None,
        }
        earlier = None
        if resume:
            earlier = read_earlier(self.folder, facts, images, drawn=self._drawn)
            self._say(earlier, len(images))
            for part in {self.folder, *((self.folder / p.name).parent for p in images)}:
                take_away_temporaries(part)
        self._files = {image.name: identity_of(image.path) for image in images}
        self._sources = {image.name: image.source for image in images}
        begun = earlier is not None
        earlier = earlier or Earlier((), (), tuple(images))
        self._lines = LineFile(self.folder / LINES, earlier.lines)
        self._open.callback(self._lines.close)
        if not begun:  # after the lines of another model have gone
            write_run(self.folder, facts)
        return earlier

    def add(self, name: str, result: Prediction | Failure) -> None:
        """Keep a result, and write the images of it."""
        from blemish.result import Failure

        if self._lines:
            line = result.to_dict() | {FILE: self._files.get(name)}
            self._lines.append(json.dumps(all_shown(line), allow_nan=False) + "\n")
        if isinstance(result, Failure):
            return
        try:
            if self.overlays:
                self._write(_overlay_name(name), self._overlay(name, result))
            if self.maps:
                self._write_map(name, result, self.maps)
        except BlemishError as error:
            self.failures += 1
            self.progress.say(f"No drawing or map of {shown(name)}: {error}")

    def end(self) -> None:
        """Bring what was judged to the disk, all of it or as far as it went."""
        self._open.close()

    def _check_apart(self, images: Sequence[NamedImage]) -> None:
        """Raise `UsageError` where a drawing or map would replace an image that is to be judged."""
        judged = {os.path.realpath(image.path) for image in images}
        for image in images:
            for name in self._drawings(image.name):
                if os.path.realpath(self.folder / name) in judged:
                    raise UsageError(
                        f"'{self.folder / name}' is an image to judge, and would be replaced by "
                        f"what is drawn of '{image.name}'; name another folder.",
                        parameter="output",
                    )

    def _drawings(self, name: str) -> list[str]:
        """What is written of an image besides its line."""
        names = [_overlay_name(name)] if self.overlays else []
        return names + ([_map_name(name, self.maps)] if self.maps else [])

    def _drawn(self, image: NamedImage) -> bool:
        """Whether all that is asked for of an image, besides its line, is there."""
        return all((self.folder / name).is_file() for name in self._drawings(image.name))

    def _say(self, earlier: Earlier | None, images: int) -> None:
        if earlier is None:
            self.progress.say(f"There are no predictions in '{self.folder}' yet: it begins anew.")
            return
        others = len(earlier.lines) - len(earlier.results)
        self.progress.say(
            f"{count_text(len(earlier.results))} of {count_text(images)} images were judged "
            "before and stay as they are"
            + (f", as do {count_text(others)} lines of other images." if others else ".")
        )

    def _write(self, name: str, content: bytes | str) -> None:
        path = self.folder / name
        inside = os.path.abspath(self.folder)  # noqa: PTH100 - as it is named, links and all
        if not Path(os.path.abspath(path)).is_relative_to(inside):  # noqa: PTH100
            raise BlemishError(f"'{name}' would be written outside of '{self.folder}'.")
        make_folder(path.parent)
        write_whole(path, content)

    def _write_map(self, name: str, result: Prediction, map_format: MapFormat) -> None:
        from blemish.images.score_map import encode_score_map

        map_name = _map_name(name, map_format)
        other = self._maps.setdefault(map_name, name)
        if other != name:
            raise BlemishError(f"'{map_name}' is the map of '{other}'; write maps as npy.")
        self._write(map_name, encode_score_map(result.score_map, map_format.value))

    def _overlay(self, name: str, result: Prediction) -> bytes:
        from blemish.images.overlay import encode_jpeg, overlay
        from blemish.images.side_by_side import beside

        image = self.model.read(self._sources.get(name) or result.path or "")
        drawn = overlay(
            image,
            result.score_map,
            threshold=self.model.calibration.pixel_threshold,
            regions=result.regions,
            inspected=self.model.inspected(result),
        )
        if self.comparisons is not None:
            drawn = beside(drawn, self.comparisons.pairs(image, result, most=MOST_PAIRS))
        return encode_jpeg(drawn, long_side_px=JPEG_LONG_SIDE_PX, quality=JPEG_QUALITY)


def _overlay_name(name: str) -> str:
    return f"{name}.jpg"


def _map_name(name: str, map_format: MapFormat) -> str:
    if map_format == MapFormat.TIFF and has_image_suffix(PurePosixPath(name)):
        return PurePosixPath(name).with_suffix(".tiff").as_posix()
    return f"{name}{SUFFIXES[map_format]}"
