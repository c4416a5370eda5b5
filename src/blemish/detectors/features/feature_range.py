"""Whether a backbone stays in range: how large the features of images are, and of views of a few.

A network can answer to an image in which there is nothing to be seen with features many times as
large as usual, and such an image then looks like a defect. Training images may be spared by chance;
flips of some of them, darker or brighter, are as good as more of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.images.format import ImageFormat
from blemish.search.vectors import Vectors

# Of the usual size. Sound networks stay within 3.1 of it on real and drawn surfaces where
# neighbours are averaged, and within 7.2 where single cells count.
FACTOR, FACTOR_OF_CELLS = 4.0, 10.0
MOST_VIEWED = 4  # images
IMAGES_A_VIEWED = 50  # so that from 50 images on views take less than 5 % of all looks
BRIGHTNESS = {0.5: "darker", 1.5: "brighter"}  # each with a flip of its own


class FeatureRange:
    """Sizes of features: the largest of all images, and what is usual.

    Args:
        count: of the training images.
        averaged: whether features are those of neighbourhoods.
    """

    def __init__(self, count: int, *, averaged: bool = True) -> None:
        self._factor = FACTOR if averaged else FACTOR_OF_CELLS
        viewed = min(MOST_VIEWED, max(1, count // IMAGES_A_VIEWED))
        rng = np.random.default_rng(0)
        self._viewed = set(rng.choice(count, viewed, replace=False).tolist())
        self._usual: list[float] = []
        self._largest, self._where = 0.0, ""

    def has_views(self, number: int) -> bool:
        """Whether an image of this number is to be shown in `views` as well."""
        return number in self._viewed

    def add(self, name: str, grid: Vectors) -> None:
        """Look at the features of a training image, h x w x D."""
        self._usual.append(float(np.median(self.add_view(name, grid))))

    def add_view(self, name: str, grid: Vectors) -> NDArray[np.float32]:
        """Look at those of a view, which say nothing of what is usual; gives their sizes."""
        sizes: NDArray[np.float32] = np.sqrt(np.einsum("hwd,hwd->hw", grid, grid))
        largest = float(sizes.max())
        if largest > self._largest:
            self._largest, self._where = largest, name
        return sizes

    def add_all(self, other: FeatureRange) -> None:
        """Look at what another has looked at, which may have been elsewhere."""
        self._usual += other._usual
        if other._largest > self._largest:
            self._largest, self._where = other._largest, other._where

    def notes(self, backbone: str) -> list[str]:
        """What a user must hear."""
        usual = float(np.median(self._usual))
        if not usual or self._largest <= self._factor * usual:
            return []
        return [
            f"The backbone '{backbone}' answers to '{self._where}' with features "
            f"{self._largest / usual:.0f} times as large as usual. If nothing is wrong "
            "with this image, good ones like it will look like defects: take another backbone or "
            "other levels ('backbone', 'levels')."
        ]


def views(
    name: str, image: NDArray[Any], image_format: ImageFormat
) -> Iterator[tuple[str, NDArray[Any]]]:
    """An image flipped and darker, and flipped the other way and brighter, each with a name."""
    values = np.arange(np.iinfo(image.dtype).max + 1)
    for axis, (factor, word) in enumerate(BRIGHTNESS.items()):
        lit = np.minimum(values * factor, image_format.white_level).astype(image.dtype)
        yield f"{name}, flipped and {word}", lit[np.flip(image, axis)]
