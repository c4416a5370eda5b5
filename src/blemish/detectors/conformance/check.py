"""All checks, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from blemish.detectors.conformance import of_one_fit, of_other_fits, without_a_fit
from blemish.detectors.conformance.images import DrawnImages, training_images
from blemish.detectors.conformance.subject import Make, Subject, missing
from blemish.detectors.contract import Detector, Fitted
from blemish.progress import LoggedProgress


def check_detector(make: Make, *, chance: float = 1.0) -> None:
    """Check that a detector keeps the contract.

    Args:
        make: gives a new detector for a seed; small settings keep the checks quick.
        chance: how many times as high one fit's scores may be as another's by chance alone. 1 is
            right for what does not depend on it; nets that were trained for a few steps need more.

    Raises:
        AssertionError: it does not, with all that was found.
    """
    detector = make(0)
    _told([*missing(detector, Detector)])
    problems = [
        *(problem for check in without_a_fit.CHECKS for problem in check(detector)),
        *without_a_fit.seed_is_a_setting(make),
    ]
    _told(problems)
    images = DrawnImages(training_images())
    fitted = detector.fit(images, progress=LoggedProgress())
    _told([*missing(fitted, Fitted)])
    with closing(fitted):
        left_out = list(fitted.held_out_scores(progress=LoggedProgress()))
        checks = (*of_one_fit.CHECKS, *of_other_fits.CHECKS)
        subject = Subject(make, images, fitted, left_out, chance)
        _told([problem for check in checks for problem in check(subject)])
    fitted.close()  # twice does no harm


def _told(problems: Sequence[str]) -> None:
    if problems:
        raise AssertionError("\n".join(problems))
