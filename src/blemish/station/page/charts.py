"""Charts as SVG text, with classes that the style sheet colours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from html import escape

from blemish.station.statistics.p_chart import PChart, Point
from blemish.station.statistics.regions import HeatMap

WIDTH, HEIGHT = 440, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 12, 26
FEWEST = 2  # points that make a chart


def p_chart_svg(chart: PChart, zone: tzinfo | None, *, title: str, told: str) -> str:
    """Shares that were rejected, over time, with limits; empty where there are too few.

    Args:
        chart: to draw.
        zone: in which times are told; `None` for the machine's.
        title: of the chart.
        told: what it shows, for those who listen.
    """
    points, centre = chart.points, chart.centre
    if len(points) < FEWEST or centre is None:
        return ""
    most = max(0.01, 1.15 * max(max(p.share, min(p.upper, 3 * centre + 0.02)) for p in points))
    step = (WIDTH - LEFT - RIGHT) / len(points)
    middles = [LEFT + step * (i + 0.5) for i in range(len(points))]

    def y(share: float) -> float:
        return HEIGHT - BOTTOM - min(share, most) / most * (HEIGHT - TOP - BOTTOM)

    parts = [
        *(_grid(share, y(share)) for share in (0, most / 2, most)),
        _stairs([y(p.upper) for p in points], step),
        _stairs([y(p.lower) for p in points], step),
        f'<path class="centre" d="M{LEFT} {y(centre):.1f}H{WIDTH - RIGHT}"/>',
        _path([(x, y(p.share)) for x, p in zip(middles, points, strict=True)]),
        *(_dot(x, y(p.share), p, zone) for x, p in zip(middles, points, strict=True)),
        _label(middles[0], _time(points[0], zone), "middle" if step > 60 else "start"),
        _label(middles[-1], _time(points[-1], zone), "middle" if step > 60 else "end"),
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


def _dot(x: float, y: float, point: Point, zone: tzinfo | None) -> str:
    """Beyond the limits it is a square, not a circle."""
    told = escape(f"{_time(point, zone)}: {point.rejects} / {point.parts}")
    if point.out:
        return (
            f'<rect class="dot out" x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10">'
            f"<title>{told}</title></rect>"
        )
    return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{told}</title></circle>'


def _label(x: float, words: str, anchor: str) -> str:
    return f'<text class="{anchor}" x="{x:.1f}" y="{HEIGHT - 8}">{escape(words)}</text>'


def heat_map_svg(found: HeatMap, *, title: str) -> str:
    """Cells, the stronger the more parts have a region there."""
    rows, columns = len(found.counts), len(found.counts[0])
    most = max(map(max, found.counts)) or 1
    cells = "".join(
        f'<rect class="bar-of" x="{x}" y="{y}" width="1" height="1" '
        f'fill-opacity="{count / most:.2f}"><title>{count}</title></rect>'
        for y, row in enumerate(found.counts)
        for x, count in enumerate(row)
        if count
    )
    return (
        f'<svg class="chart heat" viewBox="0 0 {columns} {rows}" role="img">'
        f"<title>{escape(title)}</title>{cells}</svg>"
    )


def _time(point: Point, zone: tzinfo | None) -> str:
    return f"{point.start.astimezone(zone):%H:%M}"
