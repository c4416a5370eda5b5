"""What a model file says of its thresholds: all that is stated, and the scores it follows from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from blemish.calibration.costs import StatedCosts
from blemish.calibration.false_regions import StatedRegions
from blemish.calibration.tail import Tails
from blemish.result import ScoredImage
from blemish.typed_json import Count, Positive, Rate, Share, as_json

Basis = Literal["conformal", "model-based", "costs"]
RegionBasis = Literal["conformal", "model-based"]


@dataclass(frozen=True)
class Stated:
    """Thresholds, what they promise, and what they rest on.

    Attributes:
        method: how the scores were had; see `Calibration`.
        images: good images that the thresholds rest on.
        basis: what the image threshold rests on: ranks of the scores, a fitted tail, or costs.
        false_alarm_rate: share of good images above the image threshold: promised, modelled, or
            what a threshold by costs amounts to.
        lowest_rate: what so many images can promise.
        upper_bound_95: what the rate stays under with 95 % confidence over the draw of the images.
        image_threshold: an image is rejected where its score is greater.
        pixel_threshold: a pixel belongs to a region where its score is greater.
        smallest_region_px: regions of fewer pixels are not shown.
        region_rate, region_basis, region_upper_bound_95: the same of images with a pixel above the
            pixel threshold.
        false_regions: what a good image shows; `None` where not known.
        either_rate: share of good images that are rejected or show a region; `None` where not
            known.
        dropped: training images that were left out of fit and calibration as suspicious.
        rate_if_dropped_were_good: the false-alarm rate then; `None` where none was dropped.
        tails: fitted to scores and peaks; `None` without.
        costs: what the image threshold follows in place of a rate; `None` without.
    """

    method: str
    images: Positive
    basis: Basis
    false_alarm_rate: Share
    lowest_rate: Share
    upper_bound_95: Share
    image_threshold: float
    pixel_threshold: float
    smallest_region_px: Positive
    region_rate: Rate
    region_basis: RegionBasis
    region_upper_bound_95: Share
    false_regions: StatedRegions | None
    either_rate: Share | None
    dropped: Count
    rate_if_dropped_were_good: Share | None
    tails: Tails | None
    costs: StatedCosts | None

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        values: dict[str, Any] = as_json(self)
        return values


@dataclass(frozen=True)
class CalibrationFacts(Stated):
    """The same with the images that it follows from.

    Attributes:
        scored: the good ones.
        defects: known ones that had a say in a threshold by costs.
    """

    scored: tuple[ScoredImage, ...]
    defects: tuple[ScoredImage, ...] = ()
