"""What good images show above the pixel threshold: false-alarm pixels and false regions.

Only an image whose map peaks above the threshold shows anything, so only those few maps are
needed. Each of them is looked at as if it were the new one: at the threshold that the other n - 1
images give. With j peaks above the threshold of all n, the images concerned are those with the
j + 1 highest peaks, and their threshold is the peak next below. Summed over them and divided by
n + 1, that is an unbiased estimate of what a new image shows (the argument of leave-one-out
conformal prediction, with a count in place of yes or no). Nothing is assumed but exchangeability;
it is an expectation and no bound, because nobody knows how many regions one image may have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from blemish.calibration.conformal import exceedances
from blemish.images.regions import find_regions
from blemish.typed_json import NotNegative

MapOf = Callable[[str], NDArray[np.float32]]


@dataclass(frozen=True)
class FalseRegions:
    """What is to be expected of a new good image at the pixel threshold.

    Attributes:
        pixels: above the threshold, an image.
        regions: of at least the smallest size, an image.
        images: share of images that show such a region.
    """

    pixels: float
    regions: float
    images: float

    def stated(self) -> StatedRegions:
        """The figures in the units that people read."""
        return StatedRegions(self.pixels, 1000 * self.regions, 1000 * self.images)


@dataclass(frozen=True)
class StatedRegions:
    """`FalseRegions` in the units that people read.

    Attributes:
        pixels_per_image: above the threshold, on average.
        regions_per_thousand: regions in a thousand images.
        images_per_thousand: images with a region among a thousand.
    """

    pixels_per_image: NotNegative
    regions_per_thousand: NotNegative
    images_per_thousand: Annotated[float, Meta(ge=0, le=1000)]

    def figures(self) -> FalseRegions:
        """The figures of one image."""
        return FalseRegions(
            self.pixels_per_image, self.regions_per_thousand / 1000, self.images_per_thousand / 1000
        )


def images_to_look_into(peaks: Mapping[str, float], rate: float) -> tuple[list[str], float | None]:
    """The images whose maps are needed, highest peak first, and the threshold for them.

    Args:
        peaks: largest value of each image's map, n of them.
        rate: of good images that may show a region, in [1 / (n + 1), 1).

    Returns:
        j + 1 names and the peak next below; `None` in place of it where there are too few.
    """
    ordered = sorted(peaks, key=lambda name: (-peaks[name], name))
    count = exceedances(len(peaks), rate) + 1
    return ordered[:count], peaks[ordered[count]] if count < len(ordered) else None


def expect_false_regions(
    peaks: Mapping[str, float], rate: float, map_of: MapOf, *, smallest_region_px: int = 1
) -> FalseRegions | None:
    """What a new good image shows at the pixel threshold, on average.

    Args:
        peaks: largest value of each image's map as if it were new, n of them.
        rate: of good images that may show a region, in [1 / (n + 1), 1).
        map_of: gives the map, H x W, of an image by its name.
        smallest_region_px: regions of fewer pixels do not count as such; their pixels do.

    Returns:
        `None` where the images are too few to tell.
    """
    names, threshold = images_to_look_into(peaks, rate)
    if threshold is None:
        return None
    pixels, regions, images = 0, 0, 0
    for name in names:
        score_map = map_of(name)
        found = find_regions(score_map, threshold, smallest_px=smallest_region_px)
        pixels += int(np.count_nonzero(score_map > threshold))
        regions += len(found)
        images += bool(found)
    return FalseRegions(*(count / (len(peaks) + 1) for count in (pixels, regions, images)))
