"""What a user asks of a calibration, and whether so many good images can give it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from blemish.calibration.conformal import check_rate, check_share, lowest_rate, promises
from blemish.calibration.tail import FARTHEST, check_reach
from blemish.errors import CalibrationError
from blemish.progress import Progress

DEFAULT_RATE = 0.01
SMALLEST_REGION_PX, LARGEST_REGION_PX = 1, 2**31 - 1


@dataclass(frozen=True)
class CalibrationRequest:
    """What a user asks of a calibration.

    Attributes:
        false_alarm_rate: share of good images that may be rejected, in (0, 1); `None` for 0.01,
            or the lowest that the images can promise.
        region_rate: share of good images that may show a region, in (0, 1); `None` for the same.
        smallest_region_px: regions of fewer pixels are not shown; `None` for 1.
        tail: rates below the lowest that can be promised come from a fitted tail (model-based).

    Raises:
        CalibrationError: regions of no pixel, or of more than any image has, are asked for.
    """

    false_alarm_rate: float | None = None
    region_rate: float | None = None
    smallest_region_px: int | None = None
    tail: bool = False

    def __post_init__(self) -> None:
        smallest = self.smallest_region_px
        if smallest is not None and not 1 <= smallest <= LARGEST_REGION_PX:
            raise CalibrationError(
                f"'smallest_region_px' must be in [1, {LARGEST_REGION_PX}]; got {smallest}."
            )


def check_request(images: int, request: CalibrationRequest) -> None:
    """Raise `CalibrationError` where so many images cannot give what is asked."""
    for name in ("false_alarm_rate", "region_rate"):
        rate: float | None = getattr(request, name)
        if rate is None:
            continue
        check_share(rate, name=name)
        if not request.tail:
            check_rate(images, rate, name=name)
        elif not promises(images, rate):
            check_reach(images, rate)


def lowest_rate_for(request: CalibrationRequest, images: int) -> float:
    """The lowest rate that so many images can give: promised, or by a fitted tail."""
    return lowest_rate(images) / (FARTHEST if request.tail else 1)


def rate_for(request: CalibrationRequest, images: int, *, default: float = DEFAULT_RATE) -> float:
    """The false-alarm rate that is asked for; where none is, the default or the lowest there is."""
    if request.false_alarm_rate is not None:
        return request.false_alarm_rate
    return max(default, lowest_rate_for(request, images))


def with_rate(
    request: CalibrationRequest, images: int, progress: Progress, *, default: float = DEFAULT_RATE
) -> CalibrationRequest:
    """What is asked, with `rate_for` it; the user hears where that is not the default."""
    rate = rate_for(request, images, default=default)
    if request.false_alarm_rate is None and rate > default:
        progress.say(
            f"{images} good images cannot promise a false-alarm rate of {default:g}; "
            f"thresholds are set for {rate:.2g}."
        )
    return replace(request, false_alarm_rate=rate)
