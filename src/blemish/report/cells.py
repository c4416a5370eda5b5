"""What stands in a cell of a table, and how it is printed for a reader.

Convention: shares (AUROC, AP, F1) have three decimals and are 1.000 only where they are exactly 1;
rates are in percent; bytes are in decimal units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from blemish.wording import bytes_text

UNDEFINED = "\u2013"  # an en dash


class Kind(StrEnum):
    """What a column holds, and so how it is printed."""

    TEXT = "text"
    SHARE = "share"
    DIFFERENCE = "difference"
    RATE = "rate"
    SCORE = "score"
    COUNT = "count"
    SECONDS = "seconds"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a row: mean, lowest and highest over seeds.

    `counts` are the hits and the total behind a rate. `mean_of` is set in a row of means whose
    figure is known of fewer categories than the row has. `interval` is that of a single run.
    """

    mean: float
    low: float
    high: float
    counts: tuple[int, int] | None = None
    mean_of: int | None = None
    interval: tuple[float, float] | None = None


Cell = str | Figure | None


def main_text(cell: Cell, kind: Kind) -> str:
    """A cell without what is beside it: the name, or the mean."""
    if isinstance(cell, str):
        return cell
    return UNDEFINED if cell is None else FORMATS[kind](cell.mean)


def side_texts(cell: Cell, kind: Kind) -> list[str]:
    """What stands beside a mean: counts behind a rate, or the range over seeds; its interval."""
    if not isinstance(cell, Figure):
        return []
    low, high = FORMATS[kind](cell.low), FORMATS[kind](cell.high)
    beside = [] if low == high else [f"{low} to {high}"]
    if cell.counts is not None:
        beside = [f"{cell.counts[0]} of {cell.counts[1]}"]
    elif cell.mean_of is not None:
        beside = [f"of {cell.mean_of}"]
    return beside + ([] if cell.interval is None else [interval_text(cell.interval, kind)])


def side_text(cell: Cell, kind: Kind) -> str:
    """The same on one line, as it follows a mean: `(1 of 4) [0%, 75.0%]`; often nothing."""
    texts = side_texts(cell, kind)
    return " ".join(text if text.startswith("[") else f"({text})" for text in texts)


def interval_text(interval: Sequence[float], kind: Kind) -> str:
    """Low and high end: `[0.962, 0.997]`."""
    return f"[{', '.join(FORMATS[kind](end) for end in interval)}]"


def share_text(value: float) -> str:
    """Three decimals; 1.000 is kept for exactly 1."""
    return f"{value if value >= 1 else min(value, 0.999):.3f}"


def difference_text(value: float) -> str:
    """A difference of shares, with its sign."""
    return f"{value:+.3f}"


def rate_text(value: float) -> str:
    """Percent, with as many decimals as small rates need."""
    percent = 100 * value
    decimals = 0 if percent in (0, 100) else 1 if percent >= 0.95 else 2
    return f"{percent:.{decimals}f}%"


def seconds_text(value: float) -> str:
    """Milliseconds below one second, minutes above two."""
    if value < 0.9995:
        return f"{1000 * value:.3g} ms" if value < 0.0995 else f"{1000 * value:.0f} ms"
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min"


def count_text(value: float) -> str:
    """A whole number with thousands apart; means of seeds have one decimal."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def score_text(value: float) -> str:
    """A raw score: four significant digits."""
    return f"{value:.4g}"


FORMATS: dict[Kind, Callable[[float], str]] = {
    Kind.SHARE: share_text,
    Kind.DIFFERENCE: difference_text,
    Kind.RATE: rate_text,
    Kind.SCORE: score_text,
    Kind.COUNT: count_text,
    Kind.SECONDS: seconds_text,
    Kind.BYTES: bytes_text,
}
