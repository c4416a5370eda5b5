"""How an image of a line looks: light, contrast, sharpness, slant, and where the part lies in it.

Numbers that a change of lamp, lens or camera moves while each image is still a good one; a monitor
of the line compares them with those of the training images. Light and contrast are mean and
standard deviation of the grey values, sharpness the second differences over the first ones, slant
the direction of edges: all along rows of a fixed sample. Shift and turn are those that, to first
order, lead from the mean of the training images to this one (Lucas and Kanade, 1981), on
thumbnails. On a texture, whose mean is flat, they say nothing, and do no harm; slant tells a turn
of textures that have a direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from blemish.result import Look
from blemish.typed_json import NotNegative

SIDE = 32  # of a thumbnail
SMOOTH_PX = 1.0  # of a thumbnail: edges in steps of its pixels have no direction
SAMPLED_PIXELS = 16_384
FINEST = 6  # pixels of the image, to a side, that a pixel of the thumbnail is made from
DECIMALS = 6
FAINT = 1e-9

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Glance:
    """What a look is made from, in the units of the image's values.

    Attributes:
        brightness, contrast: mean and standard deviation.
        sharpness, slant: see `Look`.
        thumbnail: mean grey, `SIDE` x `SIDE`, float32.
    """

    brightness: float
    contrast: float
    sharpness: float
    slant: float
    thumbnail: NDArray[np.float32]


@dataclass(frozen=True)
class Looks:
    """How training images look, all of them or, where there are very many, some.

    Attributes:
        mean: of their thumbnails, row by row, as shares of white.
        images: their looks, in the order of the images.
    """

    mean: Annotated[tuple[NotNegative, ...], Meta(min_length=SIDE**2, max_length=SIDE**2)]
    images: tuple[Look, ...]


def looks_of(glances: Sequence[Glance], *, white_level: int) -> Looks:
    """How at least one training image looks."""
    thumbnails = np.mean([glance.thumbnail for glance in glances], axis=0, dtype=np.float64)
    mean = tuple(np.round(thumbnails.ravel() / white_level, DECIMALS).tolist())
    typical, count = Typical(mean), len(glances)
    return Looks(
        mean, tuple(typical.look(one, white_level=white_level, images=count) for one in glances)
    )


class Typical:
    """The mean thumbnail of the training images, and how a shift or turn would change it.

    Args:
        mean: row by row, as shares of white.
    """

    def __init__(self, mean: Sequence[float]) -> None:
        smoothing = _smoothing()
        smooth = smoothing @ np.reshape(mean, (SIDE, SIDE)) @ smoothing.T
        down, right = np.gradient(smooth)
        rows, columns = np.indices(smooth.shape) - (SIDE - 1) / 2
        turn = (rows * right - columns * down) * np.pi / 180
        basis = np.stack([np.ones_like(down), smooth, -SIDE * right, -SIDE * down, turn])
        found = np.linalg.pinv(basis.reshape(5, -1).T, rcond=1e-4)[2:].reshape(3, SIDE, SIDE)
        self._to_place = (smoothing.T @ found @ smoothing).reshape(3, -1)

    def look(self, glance: Glance, *, white_level: int, images: int = 0) -> Look:
        """How an image looks.

        Args:
            glance: at it.
            white_level: the value that counts as white.
            images: that the mean was made from, where the image was one of them: it is then
                compared with the mean of the others, as a new one is with that of all.
        """
        place = self._to_place @ (glance.thumbnail.ravel() / np.float64(white_level))
        if images > 1:
            place *= images / (images - 1)
        return _look(glance, white_level, *place.tolist())


def look_without_place(glance: Glance, *, white_level: int) -> Look:
    """How an image looks where no mean of training images is known."""
    return _look(glance, white_level)


def glance_at(image: NDArray[Any]) -> Glance:
    """A glance at an image, H x W x 3; the same for the same pixels, always."""
    height, width = image.shape[:2]
    rows = _rows(height, width)
    above, here, below = (_grey(image[np.clip(rows + d, 0, height - 1)]) for d in (-1, 0, 1))
    thumbnail = _thumbnail(image)
    if min(height, width) < 3:
        return Glance(float(here.mean()), float(here.std()), 0.0, 0.0, thumbnail)
    right, down = here[:, 2:] - here[:, :-2], (below - above)[:, 1:-1]
    middle = here[:, 1:-1]
    bend = here[:, 2:] + here[:, :-2] + above[:, 1:-1] + below[:, 1:-1] - 4 * middle
    first = float(np.vdot(right, right) + np.vdot(down, down))
    second, across = float(np.vdot(bend, bend)), float(np.vdot(right, down))
    known = first > FAINT
    return Glance(
        brightness=float(here.mean()),
        contrast=float(here.std()),
        sharpness=float(np.sqrt(second / first)) if known else 0.0,
        slant=2 * across / first if known else 0.0,
        thumbnail=thumbnail,
    )


def _look(glance: Glance, white_level: int, *place: float) -> Look:
    values = (
        glance.brightness / white_level,
        glance.contrast / white_level,
        glance.sharpness,
        glance.slant,
        *place,
    )
    return Look(*(round(value, DECIMALS) for value in values))


def _grey(pixels: NDArray[Any]) -> NDArray[np.float32]:
    grey = pixels[..., 0].astype(np.float32)  # channel by channel NumPy is fast
    grey += pixels[..., 1]
    grey += pixels[..., 2]
    grey /= np.float32(3)
    return grey


def _thumbnail(image: NDArray[Any]) -> NDArray[np.float32]:
    """Mean grey over each of `SIDE` x `SIDE` parts of an image."""
    height, width = image.shape[:2]
    down, right = max(1, height // (SIDE * FINEST)), max(1, width // (SIDE * FINEST))
    grey = _grey(image[::down, ::right])
    means: NDArray[np.float32] = _means(_means(grey).T).T
    return means


def _means(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of `SIDE` runs of rows."""
    starts = np.arange(SIDE) * len(grey) // SIDE
    rows = np.maximum(np.diff(np.append(starts, len(grey))), 1).astype(np.float32)
    sums: NDArray[np.float32] = np.add.reduceat(grey, starts, axis=0)
    return sums / rows[:, None]


@lru_cache(maxsize=1)
def _smoothing() -> Values:
    """What smooths a thumbnail, from the left along columns, transposed from the right."""
    apart = np.subtract.outer(np.arange(SIDE), np.arange(SIDE)) / SMOOTH_PX
    weights = np.exp(-(apart**2) / 2)
    smoothing: Values = weights / weights.sum(axis=1, keepdims=True)
    return smoothing


@lru_cache(maxsize=16)  # images of a line have one size
def _rows(height: int, width: int) -> NDArray[np.int64]:
    """Rows to look along, drawn at random, since regular ones would beat with regular textures."""
    inside = np.arange(1, height - 1) if height > 2 else np.arange(height)
    wanted = max(1, -(-SAMPLED_PIXELS // width))
    if wanted >= len(inside):
        return inside
    return np.sort(np.random.default_rng(0).choice(inside, wanted, replace=False))
