"""Numbers and lists as people read them, wherever they are told: in errors, tables, on pages.

Convention: shares (AUROC, AP, F1) have three decimals and are 1.000 only where they are exactly 1;
rates are in percent; bytes are in decimal units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum


class Kind(StrEnum):
    """What a number is, and so how it is printed."""

    TEXT = "text"
    SHARE = "share"
    DIFFERENCE = "difference"
    RATE = "rate"
    SCORE = "score"
    COUNT = "count"
    SECONDS = "seconds"
    BYTES = "bytes"


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


def bytes_text(value: float) -> str:
    """A size in decimal units: `2.41 GB`, `350.2 MB`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= 0.9995 * size:
            return f"{value / size:.{2 if value < 9.995 * size else 1}f} {unit}"
    return f"{value:.0f} B"


def listed(items: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(part for part in (", ".join(items[:-1]), *items[-1:]) if part)


def first_few(items: Sequence[str], most: int, *, separator: str = ", ") -> str:
    """The first few of some items, and how many more there are: `a, b and 7 more`."""
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return separator.join(items[:most]) + more


def quoted_few(names: Sequence[str], most: int) -> str:
    """The first few of some names, in quotation marks: `'a', 'b' and 7 more`."""
    return first_few([f"'{name}'" for name in names], most)


def counted(count: int, one: str, many: str = "") -> str:
    """How many of something: `1 image`, `1,200 images`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


FORMATS: dict[Kind, Callable[[float], str]] = {
    Kind.SHARE: share_text,
    Kind.DIFFERENCE: difference_text,
    Kind.RATE: rate_text,
    Kind.SCORE: score_text,
    Kind.COUNT: count_text,
    Kind.SECONDS: seconds_text,
    Kind.BYTES: bytes_text,
}
