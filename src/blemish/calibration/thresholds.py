"""A calibration: scores of good images that a model was not fitted on, and thresholds from them.

There are two thresholds, each with a rate of its own: one for the image's score, which is the
verdict, and one for the largest value of its map, above which regions are shown. Where these two
are one number, as they mostly are, so are the thresholds. Else a good image may be rejected without
a region, or pass with one; how many do either is told, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blemish.binomial import CONFIDENCE
from blemish.calibration.conformal import (
    conformal_threshold,
    exceedances,
    lowest_rate,
    p_value,
    promises,
    upper_bound,
)
from blemish.calibration.costs import CostRule
from blemish.calibration.facts import Basis, CalibrationFacts, RegionBasis, Stated
from blemish.calibration.false_regions import (
    FalseRegions,
    MapOf,
    expect_false_regions,
    images_to_look_into,
)
from blemish.calibration.request import (
    SMALLEST_REGION_PX,
    CalibrationRequest,
    check_request,
    rate_for,
)
from blemish.calibration.tail import Tail, Tails, fit_tail
from blemish.errors import CalibrationError
from blemish.result import ScoredImage

CONFORMAL: Final = "conformal"
MODEL_BASED: Final = "model-based"
BY_COSTS: Final = "costs"


@dataclass(frozen=True, eq=False)
class Calibration:
    """Scores of good images that a model was not fitted on, and the thresholds they give.

    Attributes:
        method: how the scores were had: the training images left out (`5-fold`,
            `leave-one-out`), other images (`held out`), or some of each.
        scores: of the images, raw, rising.
        peaks: largest values of their maps, raw, rising.
        false_alarm_rate: the promised share of good images above the image threshold.
        region_rate: the promised share of good images with a pixel above the pixel threshold.
        smallest_region_px: regions of fewer pixels are not shown.
        tails: fitted to scores and peaks, for rates that cannot be promised; `None` without.
        costs: what the image threshold follows in place of a rate; `None` without.
        false_regions: what a good image shows at the pixel threshold; `None` where not known.
        either_rate: share of good images that are rejected or show a region; `None` where not
            known.
        dropped: training images that were left out of fit and calibration as suspicious.
    """

    method: str
    scores: NDArray[np.float64]
    peaks: NDArray[np.float64]
    false_alarm_rate: float
    region_rate: float
    smallest_region_px: int = SMALLEST_REGION_PX
    tails: Tails | None = None
    costs: CostRule | None = None
    false_regions: FalseRegions | None = None
    either_rate: float | None = None
    dropped: int = 0

    @property
    def image_threshold(self) -> float:
        """An image is rejected where its score is greater."""
        if self.costs:
            return self.costs.threshold
        tail = self.tails.scores if self.tails else None
        return _threshold(self.scores, self.false_alarm_rate, tail)

    @property
    def pixel_threshold(self) -> float:
        """A pixel belongs to a region where its score is greater."""
        return _threshold(self.peaks, self.region_rate, self.tails.peaks if self.tails else None)

    @property
    def basis(self) -> Basis:
        """What the image threshold rests on: `conformal`, `model-based` or `costs`."""
        return BY_COSTS if self.costs else _basis(len(self.scores), self.false_alarm_rate)

    @property
    def region_basis(self) -> RegionBasis:
        """What the pixel threshold rests on: `conformal` or `model-based`."""
        return _basis(len(self.peaks), self.region_rate)

    def p_value(self, score: float) -> float:
        """Conformal p-value of an image's score: small where hardly a good image scores so."""
        return p_value(self.scores, score)

    def tail_p_value(self, score: float) -> float | None:
        """The p-value by the fitted tail: model-based; `None` without one.

        Below the tail it is the conformal one.
        """
        if self.tails is None:
            return None
        tail = self.tails.scores
        return tail.p_value(score) if score > tail.level else self.p_value(score)

    def stated(self) -> Stated:
        """What a user wants to know of it, without the scores."""
        images = len(self.scores)
        rate, bound = self._image_promise()
        return Stated(
            method=self.method,
            images=images,
            basis=self.basis,
            false_alarm_rate=rate,
            lowest_rate=lowest_rate(images),
            upper_bound_95=bound,
            image_threshold=self.image_threshold,
            pixel_threshold=self.pixel_threshold,
            smallest_region_px=self.smallest_region_px,
            region_rate=self.region_rate,
            region_basis=self.region_basis,
            region_upper_bound_95=self._bound(self.region_rate, "peaks"),
            false_regions=self.false_regions.stated() if self.false_regions else None,
            either_rate=self.either_rate,
            dropped=self.dropped,
            rate_if_dropped_were_good=self._rate_if_dropped_were_good(),
            tails=self.tails,
            costs=self.costs.stated() if self.costs else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """What `stated` says, as plain JSON values."""
        return self.stated().to_dict()

    def facts(
        self, scored: Sequence[ScoredImage], defects: Sequence[ScoredImage] = ()
    ) -> CalibrationFacts:
        """What a model file keeps of it: all of it, and the images it rests on.

        Args:
            scored: the good images.
            defects: those that had a say in a threshold by costs.
        """
        stated = self.stated()
        values = {field.name: getattr(stated, field.name) for field in fields(stated)}
        return CalibrationFacts(**values, scored=tuple(scored), defects=tuple(defects))

    def _image_promise(self) -> tuple[float, float]:
        """The false-alarm rate, and what it stays under with 95 % confidence."""
        if self.costs:
            return self.costs.false_alarm_rate, self.costs.bounds()[0]
        return self.false_alarm_rate, self._bound(self.false_alarm_rate, "scores")

    def _bound(self, rate: float, of: str) -> float:
        images = len(self.scores)
        if self.tails and _basis(images, rate) == MODEL_BASED:
            tail: Tail = getattr(self.tails, of)
            return tail.upper_bound(rate, confidence=CONFIDENCE)
        return upper_bound(images, rate, confidence=CONFIDENCE)

    def _rate_if_dropped_were_good(self) -> float | None:
        """The promise, were the dropped images good ones that all score above the threshold."""
        if not self.dropped:
            return None
        images = len(self.scores)
        above = int(np.count_nonzero(self.scores > self.image_threshold))
        return (above + self.dropped + 1) / (images + self.dropped + 1)


def calibrate(
    scores: ArrayLike,
    peaks: ArrayLike,
    *,
    method: str,
    request: CalibrationRequest | None = None,
    costs: CostRule | None = None,
    dropped: int = 0,
) -> Calibration:
    """Find the thresholds that were asked for.

    Args:
        scores: of good images as if they were new, raw.
        peaks: the largest value of each one's map, raw, in the same order.
        method: how they were had.
        request: rates and what else decides; by default 0.01, or the lowest rate that so many
            images can promise.
        costs: what the image threshold is to follow in place of a rate.
        dropped: training images that were left out as suspicious.

    Raises:
        CalibrationError: a score is not finite, so few images cannot promise a rate, or no tail
            can be fitted.
    """
    request = request or CalibrationRequest()
    pairs = np.stack([np.asarray(values, np.float64) for values in (scores, peaks)])
    if not np.isfinite(pairs).all():
        raise CalibrationError("A score of a calibration image is not a finite number.")
    smallest = (
        SMALLEST_REGION_PX if request.smallest_region_px is None else request.smallest_region_px
    )
    ordered, ordered_peaks = np.sort(pairs, axis=1)
    images = pairs.shape[1]
    rate = rate_for(request, images)
    region_rate = rate if request.region_rate is None else request.region_rate
    check_request(images, replace(request, false_alarm_rate=rate, region_rate=region_rate))
    tails = Tails(fit_tail(ordered), fit_tail(ordered_peaks)) if request.tail else None
    found = Calibration(
        method, ordered, ordered_peaks, rate, region_rate, smallest, tails, costs, dropped=dropped
    )
    return replace(found, either_rate=either_rate(pairs, found))


def with_false_regions(
    calibration: Calibration,
    peaks: Mapping[str, float],
    map_of: MapOf,
    *,
    mapped: Set[str] | None = None,
) -> Calibration:
    """A calibration with what good images show at the pixel threshold, where that can be told.

    It is for a conformal threshold, and where all maps that are needed can be had.

    Args:
        calibration: without it.
        peaks: of each image's map as if it were new; of copies and groups the highest.
        map_of: gives an image's map by its name.
        mapped: names of the images whose maps can be had; by default all.
    """
    if calibration.region_basis != CONFORMAL:
        return calibration
    needed, _ = images_to_look_into(peaks, calibration.region_rate)
    if mapped is not None and not mapped >= set(needed):
        return calibration
    found = expect_false_regions(
        peaks,
        calibration.region_rate,
        map_of,
        smallest_region_px=calibration.smallest_region_px,
    )
    return replace(calibration, false_regions=found)


def read_calibration(facts: CalibrationFacts) -> Calibration:
    """The calibration that `Calibration.facts` told of."""
    # Of a threshold by costs, the rate is what it amounts to; the one of regions was asked for.
    rate = facts.region_rate if facts.costs else facts.false_alarm_rate
    return Calibration(
        method=facts.method,
        scores=np.sort([image.score for image in facts.scored]),
        peaks=np.sort([image.peak for image in facts.scored]),
        false_alarm_rate=rate,
        region_rate=facts.region_rate,
        smallest_region_px=facts.smallest_region_px,
        tails=facts.tails,
        costs=facts.costs.rule() if facts.costs else None,
        false_regions=facts.false_regions.figures() if facts.false_regions else None,
        either_rate=facts.either_rate,
        dropped=facts.dropped,
    )


def either_rate(pairs: NDArray[np.float64], found: Calibration) -> float | None:
    """Share of images that are rejected or show a region, each judged by the others.

    Args:
        pairs: score and peak of each image, 2 x n.
        found: the calibration, whose rates count.
    """
    images = pairs.shape[1]
    rates = (found.false_alarm_rate, found.region_rate)
    if found.costs or not all(promises(images, rate) for rate in rates):
        return None
    above = np.zeros(images, np.bool_)
    for values, rate in zip(pairs, rates, strict=True):
        place = images - 2 - exceedances(images, rate)  # of the threshold that the others give
        above |= values > (np.sort(values)[place] if place >= 0 else -np.inf)
    share: float = np.count_nonzero(above) / (images + 1)
    return share


def _threshold(values: NDArray[np.float64], rate: float, tail: Tail | None) -> float:
    if tail and not promises(len(values), rate):
        return tail.threshold(rate)
    return conformal_threshold(values, rate)


def _basis(images: int, rate: float) -> RegionBasis:
    return CONFORMAL if promises(images, rate) else MODEL_BASED
