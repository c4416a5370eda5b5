"""Whether the good images of a data set can promise what is asked, told before a fit."""

from __future__ import annotations

from collections.abc import Sequence

from blemish.calibration import CalibrationRequest, check_request
from blemish.data.split import FEWEST_DISTINCT
from blemish.detectors.contract import Detector
from blemish.errors import CalibrationError, DataError


def check_promise(
    name: str,
    keys: Sequence[str],
    request: CalibrationRequest | None = None,
    *,
    detector: Detector | None = None,
    aligned: bool = False,
) -> int:
    """How many training images count for a promise: copies, and those of a group, count as one.

    Args:
        name: of the data set.
        keys: of its training images; those of one key belong together.
        request: rates to be promised.
        detector: only images that it will leave out count; without one, all.
        aligned: whether one of them, not chosen yet, will be the reference that the others are
            aligned with. It is like no image of the line, so its score does not count.

    Raises:
        DataError: fewer than 2 images.
        CalibrationError: they cannot promise the rates, or are too few for a tail.
    """
    all_count = len(set(keys)) - aligned
    if all_count < FEWEST_DISTINCT:
        less = "the reference that parts are aligned with, " if aligned else ""
        raise DataError(
            f"'{name}' has {len(keys)} good images to learn from, {all_count} without {less}copies "
            f"and others of their group; at least {FEWEST_DISTINCT} are needed, and 99 for a "
            "false-alarm rate of 1 %."
        )
    count = all_count if detector is None else detector.calibration_images(keys) - aligned
    if count <= 0:
        raise CalibrationError(
            f"Of the {all_count} good images of '{name}' too few would be left out of the fit to "
            "find a threshold; give more, or have more left out."
        )
    if request is not None:
        folds = detector is not None and "calibration_folds" in detector.settings.names()
        how = " (calibration_folds=5)" * folds
        _check_request(count, all_count, request, how)
    return count


def _check_request(count: int, all_count: int, request: CalibrationRequest, how: str) -> None:
    """Raise `CalibrationError` where the images left out cannot give what is asked."""
    try:
        check_request(count, request)
    except CalibrationError as error:
        if count == all_count or not _can_give(all_count, request):
            raise
        raise CalibrationError(
            f"{error} These are held out of the fit; if each of all {all_count} is left out in "
            f"turn{how}, that can be had."
        ) from error


def _can_give(images: int, request: CalibrationRequest) -> bool:
    try:
        check_request(images, request)
    except CalibrationError:
        return False
    return True
