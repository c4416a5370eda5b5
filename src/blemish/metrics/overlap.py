"""How well maps cover defects at few false alarms: AU-PRO and AUPIMO, exactly.

Both are areas under a curve whose height changes at the scores of defective pixels only, so both
follow from the counts of `ranking`: each defective pixel adds what it weighs, times the share of
the range of false-positive rates in which it is found (`formulas.worth`).

* PRO is the mean recall of regions (8-connected, per image), over the share of all non-defective
  pixels of all test images, good ones included, that are flagged. Every distinct score is a
  threshold, equal scores are one, points are joined by straight lines, also at the limit; AU-PRO
  is the area up to the limit, divided by it (Bergmann et al., 2021, and the code of its authors).
  Where a data set says how much of a region is enough, it is sPRO.
* PIMO is the recall of one image, over the mean share of flagged pixels of good images, on a
  logarithmic axis; AUPIMO is the area from 1e-5 to 1e-4, divided by the width of that range
  (Bertoldo et al., 2024). Thresholds are the scores of good images, points are joined by straight
  lines. The authors' code takes evenly spaced thresholds, and the nearest rates that these reach
  for the ends; here every distinct score is one, and the ends are exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.images.masks import Saturating
from blemish.metrics import formulas
from blemish.metrics.formulas import known
from blemish.metrics.ranking import RankCounts, thinned_curve

PIMO_RANGE = (1e-5, 1e-4)


@dataclass(frozen=True, eq=False)
class RegionCounts:
    """Counts of pixels, with how much of the defects' regions lies at each score.

    Attributes:
        ranks: counts of defective and other pixels.
        shares: for each of its values, the sum over regions of the share of the region's pixels
            that have it; in all, the number of regions.
    """

    ranks: RankCounts
    shares: NDArray[np.float64]


def saturated_shares(score_map: NDArray[np.float32], region: Saturating) -> NDArray[np.float64]:
    """What each pixel adds to the share of a region that counts as found, H x W, as 64-bit floats.

    At each threshold the sum over the pixels above it is sPRO of the region, min(found / enough,
    1): the pixels of the highest scores add 1 / enough each until enough are found, all others
    nothing. Equal scores share what they add together (Bergmann et al., IJCV 130, 2022).
    """
    scores = score_map[region.mask]
    order = np.argsort(-scores, kind="stable")
    enough = min(max(region.enough_px, 1.0), float(scores.size))
    added = np.clip(enough - np.arange(scores.size), 0.0, 1.0) / enough
    _, group, sizes = np.unique(-scores[order], return_inverse=True, return_counts=True)
    together = np.bincount(group, weights=added, minlength=len(sizes)) / sizes
    of_region = np.empty(scores.size)
    of_region[order] = together[group]
    shares = np.zeros(score_map.shape)
    shares[region.mask] = of_region
    return shares


@dataclass(frozen=True, eq=False)
class GoodRates:
    """Flagged pixels of good images: the mean over images of the share of each one's pixels.

    Attributes:
        above: for each of some values, rising, where greater scores are flagged.
        at_least: where the next threshold is reached, too: the highest good score that is not
            greater than the value.
        lowest: the lowest rate above 0 that any threshold gives.
    """

    above: NDArray[np.float64]
    at_least: NDArray[np.float64]
    lowest: float


def au_pro(counts: RegionCounts, limit: float) -> float | None:
    """Area under the PRO curve up to a false-positive rate, divided by it, in [0, 1].

    `None` without a defective pixel or without any other.

    Args:
        counts: of all test images.
        limit: in (0, 1].

    Raises:
        ValueError: the limit is outside its range.
    """
    if not 0 < limit <= 1:
        raise ValueError(f"'limit' must be in (0, 1]; got {limit}.")
    return known(formulas.au_pro, counts.ranks, counts.shares, limit)


def pro_curve(counts: RegionCounts) -> tuple[list[float], list[float]] | None:
    """False-positive rate and PRO, rising from (0, 0) to (1, 1), thinned for drawing."""
    return thinned_curve(counts.ranks, counts.shares) if counts.ranks.defined else None


def pimo_reached(rates: GoodRates, low: float) -> bool:
    """Whether good images have enough pixels to tell of a false-positive rate as low as that."""
    return rates.lowest <= low * (1 + 1e-9)


def pimo_worth(
    rates: GoodRates, low: float = PIMO_RANGE[0], high: float = PIMO_RANGE[1]
) -> NDArray[np.float64] | None:
    """What a defective pixel of each value is worth in the AUPIMO of its image, in [0, 1].

    The AUPIMO of an image is the mean over its defective pixels. `None` where no threshold gives
    a rate as low as the range's lower end, above 0.

    Args:
        rates: of the good images, for scores of defective pixels.
        low: of the false-positive rates, greater than 0.
        high: greater than `low`, at most 1.

    Raises:
        ValueError: the range is outside its limits.
    """
    if not 0 < low < high <= 1:
        raise ValueError(f"'low' and 'high' must be 0 < low < high <= 1; got {low} and {high}.")
    if not pimo_reached(rates, low):
        return None
    return log_worth(rates.above, rates.at_least, rates.lowest, low, high)


def log_worth(
    above: NDArray[np.float64],
    at_least: NDArray[np.float64],
    lowest: float,
    low: float,
    high: float,
) -> NDArray[np.float64]:
    """`formulas.worth` on a logarithmic axis that begins at the lowest rate above 0."""
    start, end = np.log(np.maximum(above, lowest)), np.log(np.maximum(at_least, lowest))
    worth: NDArray[np.float64] = formulas.worth(start, end, math.log(low), math.log(high))
    return worth
