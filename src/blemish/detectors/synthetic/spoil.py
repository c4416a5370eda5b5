"""Good images spoilt: a place, a content, an edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.synthetic.contents import CONTENTS, Picture, Rng
from blemish.detectors.synthetic.covers import COVERS, softened

SEEN = 4.0  # levels that a pixel must differ by, on average near it, to be a defect's
NEAR = 0.01  # of the shorter side: what is near a pixel
COVERED = 0.3  # share of a pixel that must be covered
LEAST_PX = 6  # of a defect
TRIES = 20
SOFTEST = 0.008  # of the shorter side: the deviation of an edge
SHARP_PX = 0.5  # a softer edge cannot be told from none


@dataclass(frozen=True, eq=False)
class Spoilt:
    """An image with a synthetic defect.

    Attributes:
        image: H x W x 3, in levels of 0..255.
        mask: which of its pixels are the defect's, H x W.
        cover, content: what it is made of, names in `COVERS` and `CONTENTS`.
    """

    image: Picture
    mask: NDArray[np.bool_]
    cover: str
    content: str


def spoil(
    rng: Rng,
    image: Picture,
    other: Picture,
    *,
    cover: str | None = None,
    content: str | None = None,
) -> Spoilt:
    """Put a defect on an image.

    Grey images stay grey. A defect that can hardly be seen is drawn anew; where none can be in
    many tries, the mask is that of the last one, which may be empty.

    Args:
        rng: where from.
        image: a good one, H x W x 3, in levels of 0..255.
        other: another good one of the same size, of which some defects are made.
        cover: a name in `COVERS`; by default any.
        content: a name in `CONTENTS`; by default any.
    """
    size_hw = (image.shape[0], image.shape[1])
    grey = bool((image[..., :1] == image).all())
    for _ in range(TRIES):
        place = cover or str(rng.choice(list(COVERS)))
        matter = content or str(rng.choice(list(CONTENTS)))
        covered = COVERS[place](rng, size_hw)
        edge_px = rng.uniform(0, SOFTEST) * min(size_hw)
        if edge_px > SHARP_PX:
            covered = softened(covered, edge_px)
        defect = CONTENTS[matter](rng, image, other)
        if grey:
            defect = defect.mean(axis=2, keepdims=True)
        spoilt = image + covered[..., None] * (defect - image)
        mask = _differs(image, spoilt) & (covered >= COVERED)
        if mask.sum() >= LEAST_PX:
            break
    return Spoilt(spoilt, mask, place, matter)


def _differs(good: Picture, spoilt: Picture) -> NDArray[np.bool_]:
    """Where two images look different, single pixels apart."""
    levels = np.abs(spoilt - good).mean(axis=2)
    near = softened(levels / np.float32(255), NEAR * min(levels.shape))
    differs: NDArray[np.bool_] = near >= np.float32(SEEN / 255)
    return differs
