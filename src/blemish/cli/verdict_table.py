"""What `predict` says of images to a person at a terminal: a line each, in columns."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from blemish.names import harmless, shown
from blemish.result import Verdict
from blemish.wording import score_text

if TYPE_CHECKING:
    from blemish.result import Failure, Prediction, Region

MOST_OF_NAME, LEAST_OF_NAME = 0.4, 12  # share of the terminal's width, and characters
VERDICT_WIDTH = max(map(len, Verdict))
SCORE = "score / threshold"
GAP = "  "


class VerdictTable:
    """Lines of a table whose rows come one after the other.

    Args:
        names: of all images that will come, as far as they are known.
        threshold: of the score; `None` where the model is not calibrated.
        width: of the terminal, in characters; by default what it says itself.
    """

    def __init__(
        self, names: Sequence[str], threshold: float | None, *, width: int | None = None
    ) -> None:
        width = width or shutil.get_terminal_size().columns
        longest = max(map(len, map(_plain, names)), default=0)
        self._width = max(LEAST_OF_NAME, min(longest, int(MOST_OF_NAME * width)))
        self._threshold = threshold

    def heading(self) -> str:
        """What stands above the rows."""
        return self._line("image", "verdict", SCORE, "where")

    def row(self, result: Prediction | Failure) -> str:
        """The line of one image."""
        from blemish.result import Failure

        name = _plain(result.path or "")
        if isinstance(result, Failure):
            return self._line(name, "error", "", _plain(result.error))
        verdict = "" if result.verdict is None else str(result.verdict)
        limit = "" if self._threshold is None else f" / {score_text(self._threshold)}"
        return self._line(name, verdict, score_text(result.score) + limit, _where(result))

    def _line(self, name: str, verdict: str, score: str, where: str) -> str:
        if len(name) > self._width:
            name = "..." + name[3 - self._width :]
        columns = name.ljust(self._width), verdict.ljust(VERDICT_WIDTH), score.rjust(len(SCORE))
        return GAP.join((*columns, where)).rstrip()


def _plain(text: str) -> str:
    """Text of one line, of which a terminal takes nothing for an order."""
    return harmless(shown(" ".join(text.split())))


def _where(found: Prediction) -> str:
    """Why an image is not inspectable; else where it is odd."""
    if found.reasons:
        return found.reasons[0].message
    if not found.regions:
        return ""
    others = len(found.regions) - 1
    more = f", and {others} more" if others else ""
    return f"{_place(found.regions[0])}{more}"


def _place(region: Region) -> str:
    """Where a region is: its size, and its left upper corner, in pixels of the image."""
    left, top, right, bottom = region.box_xyxy
    zone = "" if region.zone is None else f" in {_plain(region.zone)}"
    return f"{right - left} x {bottom - top} px at {left}, {top}{zone}"
