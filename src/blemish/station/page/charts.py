"""Charts as SVG text, with classes that the style sheet colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 440, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 12, 26
FEWEST = 2  # points that make a chart


@dataclass(frozen=True)
class Point:
    """Of a p chart.

    Attributes:
        label: when.
        parts, rejected: how many.
        low, high: control limits of the share for so many parts.
    """

    label: str
    parts: int
    rejected: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """That was rejected."""
        return self.rejected / self.parts

    @property
    def out(self) -> bool:
        """Whether it is beyond the limits."""
        return not self.low <= self.share <= self.high


def p_chart(points: Sequence[Point], centre: float, *, title: str, told: str) -> str:
    """Shares that were rejected, over time, with limits; empty where there are too few.

    Args:
        points: in order.
        centre: the share of all of them.
        title: of the chart.
        told: what it shows, for those who listen.
    """
    points = [point for point in points if point.parts]
    if len(points) < FEWEST:
        return ""
    most = max(0.01, 1.15 * max(max(p.share, min(p.high, 3 * centre + 0.02)) for p in points))
    step = (WIDTH - LEFT - RIGHT) / len(points)
    middles = [LEFT + step * (i + 0.5) for i in range(len(points))]

    def y(share: float) -> float:
        return HEIGHT - BOTTOM - min(share, most) / most * (HEIGHT - TOP - BOTTOM)

    parts = [
        *(_grid(share, y(share)) for share in (0, most / 2, most)),
        _stairs([y(p.high) for p in points], step),
        _stairs([y(p.low) for p in points], step),
        f'<path class="centre" d="M{LEFT} {y(centre):.1f}H{WIDTH - RIGHT}"/>',
        _path([(x, y(p.share)) for x, p in zip(middles, points, strict=True)]),
        *(_dot(x, y(p.share), p) for x, p in zip(middles, points, strict=True)),
        _label(middles[0], points[0].label, "middle" if step > 60 else "start"),
        _label(middles[-1], points[-1].label, "middle" if step > 60 else "end"),
    ]
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{escape(title)}'
        f"</title><desc>{escape(told)}</desc>{''.join(parts)}</svg>"
    )


def _grid(share: float, y: float) -> str:
    digits = 0 if share == 0 or share >= 0.1 else 1
    return (
        f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        f'<text class="end" x="{LEFT - 6}" y="{y + 4:.1f}">{100 * share:.{digits}f} %</text>'
    )


def _stairs(levels: Sequence[float], step: float) -> str:
    corners = [
        f"{LEFT + step * (i + side):.1f},{level:.1f}"
        for i, level in enumerate(levels)
        for side in (0, 1)
    ]
    return f'<polyline class="limit" points="{" ".join(corners)}"/>'


def _path(points: Sequence[tuple[float, float]]) -> str:
    return f'<polyline class="line" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def _dot(x: float, y: float, point: Point) -> str:
    """Beyond the limits it is a square, not a circle."""
    told = escape(f"{point.label}: {point.rejected} / {point.parts}")
    if point.out:
        return (
            f'<rect class="dot out" x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10">'
            f"<title>{told}</title></rect>"
        )
    return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{told}</title></circle>'


def _label(x: float, words: str, anchor: str) -> str:
    return f'<text class="{anchor}" x="{x:.1f}" y="{HEIGHT - 8}">{escape(words)}</text>'
