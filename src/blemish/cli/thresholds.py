"""Thresholds and what they promise, as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blemish.report.cells import rate_text, score_text


def threshold_facts(calibration: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and values of what `Calibration.to_dict` gives."""
    pictures, method = calibration["pictures"], calibration["method"]
    rate, bound = calibration["false_alarm_rate"], calibration["upper_bound_95"]
    yield "image threshold", score_text(calibration["image_threshold"])
    yield "pixel threshold", score_text(calibration["pixel_threshold"])
    if calibration["smallest_region_px"] > 1:
        yield "smallest region", f"{calibration['smallest_region_px']:,} pixels"
    yield (
        "false-alarm rate",
        f"{rate_text(rate)} promised; under {rate_text(bound)} with 95% confidence",
    )
    yield "calibrated on", f"{pictures:,} good pictures ({method})"
