"""Thresholds and p-values from good images alone, with what they can and cannot promise.

Conformal prediction (Vovk et al., 2005): if a new good image and the n calibration images are
exchangeable, the chance that it scores above the threshold is at most the rate that was asked for.
That is exact for images held out of the fit. Training images left out in parts come from models
that differ a little from the one that ships (cross-conformal); there the rate holds nearly, as
measured. No label of a test image ever comes in here. A known defect does where a user names it
and its costs, and then the threshold says that it follows costs.

    request         what a user asks for
    conformal       thresholds, p-values, what so many images can promise
    tail            a fitted tail for rates below that, model-based
    false_regions   pixels and regions that good images show
    suspicious      training images that stand out
    inspectable     how far an image may depart from good ones as a whole
    costs           a threshold by what misses and false alarms cost
    thresholds      all that together: `Calibration`
    change          what other thresholds do on the line
    facts, stated   what a file states of it, and whether that is what follows
"""

from blemish.calibration.conformal import (
    check_rate,
    conformal_threshold,
    images_needed,
    lowest_rate,
    p_value,
    upper_bound,
)
from blemish.calibration.costs import CostRule, Costs, choose_threshold
from blemish.calibration.facts import CalibrationFacts, Stated
from blemish.calibration.request import (
    DEFAULT_RATE,
    SMALLEST_REGION_PX,
    CalibrationRequest,
    check_request,
    lowest_rate_for,
    rate_for,
    with_rate,
)
from blemish.calibration.stated import read_stated
from blemish.calibration.thresholds import (
    Calibration,
    calibrate,
    with_false_regions,
)

__all__ = [
    "DEFAULT_RATE",
    "SMALLEST_REGION_PX",
    "Calibration",
    "CalibrationFacts",
    "CalibrationRequest",
    "CostRule",
    "Costs",
    "Stated",
    "calibrate",
    "check_rate",
    "check_request",
    "choose_threshold",
    "conformal_threshold",
    "images_needed",
    "lowest_rate",
    "lowest_rate_for",
    "p_value",
    "rate_for",
    "read_stated",
    "upper_bound",
    "with_false_regions",
    "with_rate",
]
