"""Golden samples: what a model made of chosen images, kept in its file to be checked elsewhere.

Neither verdicts nor distances from a threshold are kept: they follow from the scores, so that other
thresholds leave golden samples as they are.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from blemish.graph.engine import Engine
from blemish.graph.runtime import onnxruntime
from blemish.result import Verdict
from blemish.typed_json import Hash, JsonError

MOST_IMAGES = 1000  # 1.6 MB of the file, and a tenth of a second whenever it is loaded
CELLS = 8  # of a map, down and across
SMALLEST = float(np.finfo(np.float32).tiny)

Row = Annotated[tuple[float, ...], Meta(min_length=CELLS, max_length=CELLS)]
Grid = Annotated[tuple[Row, ...], Meta(min_length=CELLS, max_length=CELLS)]


@dataclass(frozen=True)
class Circumstances:
    """What scored an image.

    Attributes:
        runtime: with its version.
        provider: of the runtime.
        machine: kind of processor, as x86_64.
        decoder: what read image files of most formats, with its version.
    """

    runtime: str
    provider: str
    machine: str
    decoder: str

    def __str__(self) -> str:
        return f"{self.runtime}, {self.provider}, {self.machine}, {self.decoder}"


@dataclass(frozen=True)
class GoldenImage:
    """A chosen image, and what the model made of it.

    Attributes:
        id: path below the folder of golden images, and its page where it has one.
        sha256: of the file's bytes, as of training images.
        pixels: hash of the decoded image; see `data.sample.Content`.
        score: raw.
        grid: the map's largest values in 8 x 8 cells; see `grid_of`.
        by: what scored it.
    """

    id: Annotated[str, Meta(min_length=1)]
    sha256: Hash
    pixels: Hash
    score: float
    grid: Grid
    by: Circumstances

    @property
    def peak(self) -> float:
        """The largest value of the map."""
        return max(map(max, self.grid))

    def verdict(self, image_threshold: float) -> Verdict:
        """What follows from the score."""
        return Verdict.DEFECT if self.score > image_threshold else Verdict.GOOD

    def margin(self, image_threshold: float) -> float:
        """How far the score is above the threshold, as a share of it; negative below."""
        return (self.score - image_threshold) / max(abs(image_threshold), SMALLEST)


def circumstances(engine: Engine) -> Circumstances:
    """What scores images in this process."""
    return Circumstances(
        f"onnxruntime {onnxruntime().__version__}",
        engine.provider,
        platform.machine(),
        f"pillow {metadata.version('pillow')}",
    )


def grid_of(score_map: NDArray[np.float32]) -> tuple[tuple[float, ...], ...]:
    """The largest values of a map, H x W, in cells: 8 rows of 8.

    Convention: of H rows of pixels, row i of cells, counted from 0, holds those from
    floor(i H / 8) up to, and without, ceil((i + 1) H / 8); columns likewise. Where 8 does not
    divide H, neighbours share a row of pixels; no pixel is left out.
    """
    rows, columns = (_bounds(length) for length in score_map.shape)
    bands = [score_map[top:bottom].max(axis=0) for top, bottom in rows]
    return tuple(tuple(float(band[left:right].max()) for left, right in columns) for band in bands)


def score_difference(kept: float, here: float, threshold: float) -> float:
    """How far two scores differ, as a share of the threshold, or of the kept one if larger."""
    return abs(here - kept) / max(abs(threshold), abs(kept), SMALLEST)


def map_difference(kept: GoldenImage, here: GoldenImage, threshold: float) -> float:
    """The same of two maps, as far as their grids tell: of the cell that differs most."""
    before, now = np.array(kept.grid), np.array(here.grid)
    scale = np.maximum(np.abs(before), max(abs(threshold), SMALLEST))
    return float((np.abs(now - before) / scale).max())


def turned(
    images: Sequence[GoldenImage], *, before: float, now: float
) -> dict[Verdict, tuple[str, ...]]:
    """Ids of those that get another verdict by another image threshold, by what they get now."""
    return {
        verdict: tuple(
            image.id for image in images if image.verdict(now) == verdict != image.verdict(before)
        )
        for verdict in Verdict
    }


def check_golden(images: Sequence[GoldenImage]) -> None:
    """Raise `JsonError` where there are too many golden samples, or two of one name."""
    if len(images) > MOST_IMAGES:
        raise JsonError(f"golden: there are {len(images):,}; at most {MOST_IMAGES:,}.")
    if len({image.id for image in images}) < len(images):
        raise JsonError("golden: an id is there twice.")


def _bounds(length: int) -> list[tuple[int, int]]:
    return [(i * length // CELLS, -(-(i + 1) * length // CELLS)) for i in range(CELLS)]
