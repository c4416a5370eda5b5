"""All checks, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from blemish.detectors.conformance import of_one_fit, of_other_fits, without_a_fit
from blemish.detectors.conformance.images import DrawnImages, training_images
from blemish.detectors.conformance.subject import (
    Make,
    Problems,
    Subject,
    found_by,
    missing,
    raised,
)
from blemish.detectors.contract import Detector, Fitted
from blemish.graph.engine import CPU
from blemish.progress import LoggedProgress

T = TypeVar("T")


def check_detector(make: Make, *, chance: float = 1.0) -> None:
    """Check that a detector keeps the contract.

    Args:
        make: gives a new detector for a seed; small settings keep the checks quick.
        chance: how many times as high one fit's scores may be as another's by chance alone. 1 is
            right for what does not depend on it; nets that were trained for a few steps need more.

    Raises:
        AssertionError: it does not, with all that was found.
    """
    detector = _got("making a detector", lambda: make(0))
    _told(found_by(missing, detector, Detector))
    problems = [p for check in without_a_fit.CHECKS for p in found_by(check, detector)]
    _told([*problems, *found_by(without_a_fit.seed_is_a_setting, make)])
    images = DrawnImages(training_images())
    fitted = _got("a fit", lambda: detector.fit(images, progress=LoggedProgress(), engine=CPU))
    try:
        problems = _of_fits(make, images, fitted, chance)
    finally:
        unclosed = found_by(_closing_twice_does_no_harm, fitted)
    _told([*problems, *unclosed])


def _of_fits(make: Make, images: DrawnImages, fitted: Fitted, chance: float) -> list[str]:
    """What is found of one fit and of others; only what keeps the rest from being checked first."""
    for blocking in (
        found_by(missing, fitted, Fitted),
        found_by(of_one_fit.its_graph_can_be_run, fitted),
    ):
        if blocking:
            return blocking
    left_out = _got(
        "held_out_scores", lambda: list(fitted.held_out_scores(progress=LoggedProgress()))
    )
    subject = Subject(make, images, fitted, left_out, chance)
    checks = (*of_one_fit.CHECKS, *of_other_fits.CHECKS)
    return [problem for check in checks for problem in found_by(check, subject)]


def _closing_twice_does_no_harm(fitted: Fitted) -> Problems:
    fitted.close()
    fitted.close()
    yield from ()


def _got(what: str, step: Callable[[], T]) -> T:
    """What a step gives without which nothing else can be checked."""
    try:
        return step()
    except Exception as error:  # of the detector's own code
        raise AssertionError(f"{what} {raised(error)}") from error


def _told(problems: Sequence[str]) -> None:
    if problems:
        raise AssertionError("\n".join(problems))
