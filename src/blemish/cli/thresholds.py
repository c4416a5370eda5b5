"""Thresholds, what they promise, and images that stand out, as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blemish.wording import count_text, rate_text, score_text

MOST_SHOWN = 10  # images that stand out
NOT_KNOWN = "not known (a fit tells, or calibrate on images that the model was not fitted on)"
NOT_KNOWN_SO_LOW = "not known for a model-based rate"

Facts = Iterator[tuple[str, str]]


def threshold_facts(calibration: Mapping[str, Any]) -> Facts:
    """Names and values of what `Calibration.to_dict` gives; older files tell less."""
    images, method = calibration["images"], calibration["method"]
    yield "image threshold", score_text(calibration["image_threshold"])
    yield "pixel threshold", score_text(calibration["pixel_threshold"])
    if calibration["smallest_region_px"] > 1:
        yield "smallest region", f"{calibration['smallest_region_px']:,} pixels"
    yield "false-alarm rate", _promise(calibration)
    if calibration.get("costs"):
        yield from _costs(calibration["costs"])
    yield from _regions(calibration)
    if calibration.get("dropped"):
        rate = calibration["rate_if_dropped_were_good"]
        yield (
            "dropped",
            f"{calibration['dropped']:,} suspicious images; were they good ones, false alarms "
            f"would be at {small_rate_text(rate)}",
        )
    yield "calibrated on", f"{images:,} good images ({method})"


def suspicious_facts(training: Mapping[str, Any]) -> Facts:
    """The training images that stand out, and those that were dropped; nothing where none."""
    told = training.get("suspicious") or {}
    found = told.get("images", ())
    for number, one in enumerate(found[:MOST_SHOWN]):
        x0, y0, x1, y1 = one["box_xyxy"]
        yield (
            "" if number else "stand out",
            f"{one['id']}: score {score_text(one['score'])} (typical "
            f"{score_text(told['typical_score'])}), {_expected(one['expected'])}, at {x0},{y0} to "
            f"{x1},{y1}",
        )
    if len(found) > MOST_SHOWN:
        yield "", f"and {len(found) - MOST_SHOWN:,} more (--json lists all)"
    dropped = training.get("dropped") or ()
    for number, row in enumerate(dropped[:MOST_SHOWN]):
        yield "" if number else "dropped images", f"{row[0]}: score {score_text(row[2])}"
    if len(dropped) > MOST_SHOWN:
        yield "", f"and {len(dropped) - MOST_SHOWN:,} more (--json lists all)"


def small_rate_text(rate: float) -> str:
    """Percent, also where a rate is too small for the decimals of a table."""
    return rate_text(rate) if rate == 0 or rate >= 0.0005 else f"{100 * rate:.2g}%"


def _promise(calibration: Mapping[str, Any]) -> str:
    rate = small_rate_text(calibration["false_alarm_rate"])
    bound = small_rate_text(calibration["upper_bound_95"])
    return _spell_promise(calibration.get("basis", "conformal"), rate, bound)


def _spell_promise(basis: str, rate: str, bound: str) -> str:
    if basis == "model-based":
        return (
            f"{rate}, model-based: by a fitted tail, no promise; under {bound} with 95% confidence "
            "if the tail is right"
        )
    if basis == "costs":
        return f"{rate} at a threshold by costs, no promise; under {bound} with 95% confidence"
    return f"{rate} promised; under {bound} with 95% confidence"


def _costs(costs: Mapping[str, Any]) -> Facts:
    most = small_rate_text(costs["miss_rate_at_most_95"])
    yield (
        "misses",
        f"{costs['misses']:,} of {costs['defects']:,} known defects, each judged by a threshold "
        f"chosen without it; under {most} with 95% confidence for defects like them",
    )
    yield (
        "costs",
        f"miss {costs['miss']:g}, false alarm {costs['false_alarm']:g}, "
        f"{small_rate_text(costs['defect_rate'])} defects: {costs['expected_cost']:.3g} an image",
    )


def _regions(calibration: Mapping[str, Any]) -> Facts:
    if "region_rate" not in calibration:
        return
    if (
        calibration["region_rate"] != calibration["false_alarm_rate"]
        or calibration["region_basis"] != calibration["basis"]
    ):
        rate = small_rate_text(calibration["region_rate"])
        bound = small_rate_text(calibration["region_upper_bound_95"])
        yield "region rate", _spell_promise(calibration["region_basis"], rate, bound)
    shown = calibration["false_regions"]
    unknown = NOT_KNOWN if calibration["region_basis"] == "conformal" else NOT_KNOWN_SO_LOW
    yield "false regions", _spell_regions(shown) if shown else unknown
    if calibration["either_rate"] is not None:
        either = small_rate_text(calibration["either_rate"])
        yield "rejected or region", f"{either} of good images expected"


def _spell_regions(shown: Mapping[str, float]) -> str:
    regions, images = shown["regions_per_thousand"], shown["images_per_thousand"]
    return (
        f"{regions:.3g} expected in a thousand good images, in {images:.3g} of them; "
        f"{count_text(round(shown['pixels_per_image'], 1))} pixels an image"
    )


def _expected(count: float) -> str:
    """How many good images would score so high."""
    return f"{count:.1g} good ones expected so high" if count >= 0.001 else "no good one scores so"
