"""Thresholds, what they promise, and images that stand out, as people read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from blemish.wording import count_text, rate_text, score_text

if TYPE_CHECKING:
    from blemish.calibration import Stated
    from blemish.calibration.costs import StatedCosts
    from blemish.calibration.false_regions import StatedRegions
    from blemish.calibration.inspectable import Inspectable
    from blemish.model.facts import TrainingFacts

MOST_SHOWN = 10  # images that stand out
NOT_KNOWN = "not known (a fit tells, or calibrate on images that the model was not fitted on)"
NOT_KNOWN_SO_LOW = "not known for a model-based rate"

Facts = Iterator[tuple[str, str]]


def threshold_facts(stated: Stated) -> Facts:
    """Names and values of what a calibration states."""
    yield "image threshold", score_text(stated.image_threshold)
    yield "pixel threshold", score_text(stated.pixel_threshold)
    if stated.smallest_region_px > 1:
        yield "smallest region", f"{stated.smallest_region_px:,} pixels"
    rate, bound = map(small_rate_text, (stated.false_alarm_rate, stated.upper_bound_95))
    yield "false-alarm rate", _spell_promise(stated.basis, rate, bound)
    if stated.costs:
        yield from _costs(stated.costs)
    yield from _regions(stated)
    if stated.rate_if_dropped_were_good is not None:
        yield (
            "dropped",
            f"{stated.dropped:,} suspicious images; were they good ones, false alarms would be at "
            f"{small_rate_text(stated.rate_if_dropped_were_good)}",
        )
    yield "calibrated on", f"{stated.images:,} good images ({stated.method})"


def inspectable_facts(facts: Inspectable) -> Facts:
    """What is promised of good images that cannot be inspected."""
    rate, bound = map(small_rate_text, (facts.rate, facts.upper_bound_95))
    yield (
        "not inspectable",
        f"at most {rate} of good images promised; under {bound} with 95% confidence",
    )


def suspicious_facts(training: TrainingFacts) -> Facts:
    """The training images that stand out, and those that were dropped; nothing where none."""
    told = training.suspicious
    found = told.images if told else ()
    for number, one in enumerate(found[:MOST_SHOWN]):
        x0, y0, x1, y1 = one.box_xyxy
        yield (
            "" if number else "suspicious",
            f"{one.id}: score {score_text(one.score)} (typical "
            f"{score_text(told.typical_score if told else 0)}), {_expected(one.expected)}, at "
            f"{x0},{y0} to {x1},{y1}",
        )
    if len(found) > MOST_SHOWN:
        yield "", f"and {len(found) - MOST_SHOWN:,} more (--json lists all)"
    dropped = training.dropped
    for number, image in enumerate(dropped[:MOST_SHOWN]):
        yield "" if number else "dropped images", f"{image.id}: score {score_text(image.score)}"
    if len(dropped) > MOST_SHOWN:
        yield "", f"and {len(dropped) - MOST_SHOWN:,} more (--json lists all)"


def small_rate_text(rate: float) -> str:
    """Percent, also where a rate is too small for the decimals of a table."""
    return rate_text(rate) if rate == 0 or rate >= 0.0005 else f"{100 * rate:.2g}%"


def _spell_promise(basis: str, rate: str, bound: str) -> str:
    if basis == "model-based":
        return (
            f"{rate}, model-based: by a fitted tail, no promise; under {bound} with 95% confidence "
            "if the tail is right"
        )
    if basis == "costs":
        return f"{rate} at a threshold by costs, no promise; under {bound} with 95% confidence"
    return f"{rate} promised; under {bound} with 95% confidence"


def _costs(costs: StatedCosts) -> Facts:
    most = small_rate_text(costs.miss_rate_at_most_95)
    yield (
        "misses",
        f"{costs.misses:,} of {costs.defects:,} known defects, each judged by a threshold chosen "
        f"without it; under {most} with 95% confidence for defects like them",
    )
    yield (
        "costs",
        f"miss {costs.miss:g}, false alarm {costs.false_alarm:g}, "
        f"{small_rate_text(costs.defect_rate)} defects: {costs.expected_cost:.3g} an image",
    )


def _regions(stated: Stated) -> Facts:
    if stated.region_rate != stated.false_alarm_rate or stated.region_basis != stated.basis:
        rate, bound = map(small_rate_text, (stated.region_rate, stated.region_upper_bound_95))
        yield "region rate", _spell_promise(stated.region_basis, rate, bound)
    unknown = NOT_KNOWN if stated.region_basis == "conformal" else NOT_KNOWN_SO_LOW
    shown = stated.false_regions
    yield "false regions", _spell_regions(shown) if shown else unknown
    if stated.either_rate is not None:
        either = small_rate_text(stated.either_rate)
        yield "rejected or region", f"{either} of good images expected"


def _spell_regions(shown: StatedRegions) -> str:
    regions, images = shown.regions_per_thousand, shown.images_per_thousand
    return (
        f"{regions:.3g} expected in a thousand good images, in {images:.3g} of them; "
        f"{count_text(round(shown.pixels_per_image, 1))} pixels an image"
    )


def _expected(count: float) -> str:
    """How many good images would score so high."""
    return f"{count:.1g} good ones expected so high" if count >= 0.001 else "no good one scores so"
