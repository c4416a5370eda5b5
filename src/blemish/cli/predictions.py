"""What `blemish predict` does with predictions besides printing them: counting and keeping them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from blemish.cli import console
from blemish.errors import BlemishError
from blemish.files import make_folder, write_whole
from blemish.report.cells import count_text

if TYPE_CHECKING:
    from blemish.images.header import ReadLimits
    from blemish.model import Failure, Model
    from blemish.result import Prediction

LINES = "predictions.jsonl"
JPEG_QUALITY = 92
JPEG_LONG_SIDE_PX = 65_500  # the format's own limit


class MapFormat(StrEnum):
    """How maps are written."""

    NPY = "npy"
    TIFF = "tiff"


@dataclass
class Tally:
    """What a summary counts."""

    good: int = 0
    defects: int = 0
    failures: int = 0
    unlike: int = 0
    first_unlike: dict[str, str] = field(default_factory=dict)

    def add(self, result: Prediction | Failure) -> None:
        """Count a result."""
        notes = getattr(result, "notes", ())
        self.unlike += bool(notes)
        for note in notes:
            self.first_unlike.setdefault(note.code, f"{result.to_dict()['path']}: {note.message}")
        verdict = getattr(result, "verdict", None)
        self.good += verdict == "good"
        self.defects += verdict == "defect"
        self.failures += verdict is None

    def spell_unlike(self) -> Iterator[str]:
        """How many images are unlike all training images, and the first of each kind."""
        if self.unlike:
            one = self.unlike == 1
            yield (
                f"{count_text(self.unlike)} image{'' if one else 's'} of {count_text(self.total)} "
                f"{'is' if one else 'are'} unlike all training images, so "
                f"{'its score says' if one else 'their scores say'} little; the first of each kind:"
            )
            yield from self.first_unlike.values()

    @property
    def total(self) -> int:
        """All results."""
        return self.good + self.defects + self.failures

    def spell(self, seconds: float) -> str:
        """The counts in one line, with the rate."""
        total = self.total
        parts = [
            f"{count_text(total)} picture{'s' * (total != 1)}",
            f"{count_text(self.good)} good",
            f"{count_text(self.defects)} defect{'s' * (self.defects != 1)}",
        ]
        parts += [f"{count_text(self.failures)} not judged"] if self.failures else []
        rate = total / seconds
        return f"{', '.join(parts)}; {rate:,.{0 if rate >= 10 else 1}f} a second"


@dataclass
class Keeper:
    """Writes what was asked for into a folder: each file whole, the lines at the end.

    A picture `a/b.png` gives `a/b.png.jpg`, drawn with its heat map, and its map of raw scores
    (H x W, float32): `a/b.png.npy`, or `a/b.tiff`, which is where other tools look for it. What
    cannot be made is noted and counted in `failures`.
    """

    folder: Path
    model: Model
    limits: ReadLimits
    overlays: bool = False
    maps: MapFormat | None = None
    failures: int = 0
    _lines: list[str] = field(default_factory=list)
    _maps: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, result: Prediction | Failure) -> None:
        """Keep a result, and write the pictures of it."""
        from blemish.model import Failure

        self._lines.append(json.dumps(result.to_dict(), allow_nan=False) + "\n")
        if isinstance(result, Failure):
            return
        try:
            if self.overlays:
                self._write(f"{name}.jpg", self._overlay(result))
            if self.maps:
                self._write_map(name, result, self.maps)
        except BlemishError as error:
            self.failures += 1
            console.note(f"No drawing or map of {name}: {error}")

    def end(self) -> None:
        """Write the lines of what was judged, all of it or as far as it went."""
        if self._lines:
            self._write(LINES, "".join(self._lines))

    def _write(self, name: str, content: bytes | str) -> None:
        path = self.folder / name
        inside = os.path.abspath(self.folder)  # noqa: PTH100 - as it is named, links and all
        if not Path(os.path.abspath(path)).is_relative_to(inside):  # noqa: PTH100
            raise BlemishError(f"'{name}' would be written outside of '{self.folder}'.")
        make_folder(path.parent)
        write_whole(path, content)

    def _write_map(self, name: str, result: Prediction, map_format: MapFormat) -> None:
        from blemish.images.score_map import encode_score_map

        map_name = f"{name}.npy"
        if map_format == MapFormat.TIFF:
            map_name = PurePosixPath(name).with_suffix(".tiff").as_posix()
        other = self._maps.setdefault(map_name, name)
        if other != name:
            raise BlemishError(f"'{map_name}' is the map of '{other}'; write maps as npy.")
        self._write(map_name, encode_score_map(result.score_map, map_format.value))

    def _overlay(self, result: Prediction) -> bytes:
        from blemish.images.overlay import encode_jpeg, overlay

        picture = self.model.read(result.path or "", limits=self.limits)
        threshold = self.model.calibration.pixel_threshold
        drawn = overlay(picture, result.score_map, threshold=threshold, regions=result.regions)
        return encode_jpeg(drawn, long_side_px=JPEG_LONG_SIDE_PX, quality=JPEG_QUALITY)
