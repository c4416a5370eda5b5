"""One family of errors: every message says what was wrong, what is allowed, and what to do next.

A `BlemishError` is a fault that the user can mend: a wrong setting, an unreadable image, a model
file of another make. Anything else that is raised is a fault of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

MOST_PROBLEMS_SHOWN = 20  # of a file or a set


class BlemishError(Exception):
    """Base of all errors that a user can mend.

    Attributes:
        exit_code: what the command line ends with.
        parameter: the one that the error is about, which its text names in quotes; or `None`.
    """

    exit_code = 1

    def __init__(self, message: str = "", *, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter


class UsageError(BlemishError):
    """A wrong argument or combination of arguments."""

    exit_code = 2


class SettingError(UsageError):
    """One or more settings have unknown names or values outside their limits."""


class ImageError(BlemishError):
    """An image or mask cannot be read, or is not what the model was fitted on."""


class DataError(BlemishError):
    """A data set is missing, empty, or contradicts itself."""


class BackboneError(BlemishError):
    """A backbone file cannot be used, or lacks the levels that were asked for."""


class ModelFileError(BlemishError):
    """A model file is truncated, tampered with, of a newer schema, or not ours."""


class CalibrationError(BlemishError):
    """The good images at hand cannot promise what was asked of them."""


class MonitorError(BlemishError):
    """The state of a monitor is damaged, of a newer schema, or not ours."""


class OtherModelError(MonitorError):
    """The state of a monitor belongs to another model: its scores mean something else."""


class LedgerError(BlemishError):
    """A ledger is damaged, of a newer schema, not ours, written by another, or cannot be kept."""


class MissingExtraError(BlemishError):
    """A function needs an optional part of blemish that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional part: pip install 'blemish[{extra}]'")


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the closest of `allowed`, or an empty string where none is close."""
    close = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def raise_all(problems: Sequence[str], error: type[BlemishError]) -> None:
    """Raise `error` with all `problems`, one a line; do nothing where there are none."""
    if problems:
        raise error("\n".join(problems))


def raise_some(problems: Sequence[str], error: type[BlemishError], *, place: object = "") -> None:
    """The same where there may be very many: the first of them, and how many more there are.

    Args:
        problems: what is wrong.
        error: to raise.
        place: the file that all are in, which goes in front of each.
    """
    lead = f"{place}: " if place else ""
    shown = [f"{lead}{problem}" for problem in problems[:MOST_PROBLEMS_SHOWN]]
    if len(problems) > len(shown):
        rest = f"{len(problems) - len(shown):,} more problems."
        shown.append(f"{lead}and {rest}" if lead else f"And {rest}")
    raise_all(shown, error)
