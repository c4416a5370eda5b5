"""Charts on a page of PDF, drawn with lines and boxes. Lengths are in mm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from blemish.wording import rate_text

if TYPE_CHECKING:
    from fpdf import FPDF

    from blemish.station.statistics.p_chart import PChart
    from blemish.station.statistics.regions import Bar, HeatMap

Colour = tuple[int, int, int]

DARK: Colour = (26, 32, 44)
GREY: Colour = (95, 103, 115)
PALE: Colour = (226, 230, 236)
BLUE: Colour = (36, 92, 160)
RED: Colour = (190, 30, 45)
POINT = 25.4 / 72  # of a letter's size
TITLE = 7.0  # above a chart
AXIS = 14.0  # left of a chart, for its numbers


class Box(NamedTuple):
    """A rectangle on the page."""

    x: float
    y: float
    width: float
    height: float


def text(
    pdf: FPDF,
    x: float,
    y: float,
    words: str,
    *,
    size: float,
    bold: bool = False,
    colour: Colour = DARK,
    align: str = "L",
    width: float | None = None,
) -> None:
    """Write a line, its top at `y`; what is wider than `width` is cut.

    Letters that the fonts of every PDF reader lack are written as question marks.
    """
    pdf.set_font("Helvetica", "B" if bold else "", size)
    pdf.set_text_color(*colour)
    words = words.encode("latin-1", "replace").decode("latin-1")
    while width is not None and len(words) > 1 and pdf.get_string_width(words) > width:
        words = f"{words[:-3]}.." if words.endswith("..") else f"{words[:-2]}.."
    shift = {"L": 0.0, "C": 0.5, "R": 1.0}[align] * pdf.get_string_width(words)
    pdf.text(x - shift, y + size * POINT, words)


def draw_p_chart(pdf: FPDF, box: Box, chart: PChart, zone: tzinfo | None) -> None:
    """Points over time, the centre line, and the limits as a band of steps."""
    minutes = round(chart.seconds / 60)
    title = f"Share of rejects, a point for {minutes} min, with limits of three sigmas (exact)"
    text(pdf, box.x, box.y, title, size=10, bold=True)
    plot = Box(box.x + AXIS, box.y + TITLE, box.width - AXIS, box.height - TITLE - 5)
    if chart.centre is None or not chart.points:
        text(pdf, plot.x, plot.y + 5, "No parts.", size=9, colour=GREY)
        return
    top = max(max(point.share, point.upper) for point in chart.points) or 0.01
    first = chart.points[0].start
    steps = round((chart.points[-1].start - first).total_seconds() / chart.seconds) + 1
    step = plot.width / steps

    def height(share: float) -> float:
        return plot.y + plot.height * (1 - share / top)

    def left(number: int) -> float:
        start = chart.points[number].start
        return plot.x + step * round((start - first).total_seconds() / chart.seconds)

    pdf.set_fill_color(*PALE)
    for number, point in enumerate(chart.points):
        y = height(point.upper)
        pdf.rect(left(number), y, step, height(point.lower) - y, style="F")
    pdf.set_draw_color(*GREY)
    for share in (0.0, chart.centre, top):
        pdf.line(plot.x, height(share), plot.x + plot.width, height(share))
    for share in {0.0, top, chart.centre if 0.12 < chart.centre / top < 0.88 else 0.0}:
        text(pdf, plot.x - 1.5, height(share) - 1.5, rate_text(share), size=8, align="R")
    places = [(left(n) + step / 2, height(p.share)) for n, p in enumerate(chart.points)]
    pdf.set_draw_color(*BLUE)
    for (x, y), (to_x, to_y) in pairwise(places):
        pdf.line(x, y, to_x, to_y)
    for (x, y), point in zip(places, chart.points, strict=True):
        radius = 1.3 if point.out else 0.8
        pdf.set_fill_color(*(RED if point.out else BLUE))
        pdf.ellipse(x - radius, y - radius, 2 * radius, 2 * radius, style="F")
    every = max(1, len(chart.points) // 8)
    for number in range(0, len(chart.points), every):
        at = chart.points[number].start.astimezone(zone)
        text(pdf, left(number), plot.y + plot.height + 1, f"{at:%H:%M}", size=8)


def draw_bars(pdf: FPDF, box: Box, bars: Sequence[Bar]) -> None:
    """A Pareto of zones, the longest bar on top."""
    text(pdf, box.x, box.y, "Zones with defects (parts, share so far)", size=10, bold=True)
    if not bars:
        text(pdf, box.x, box.y + TITLE, "No defects.", size=9, colour=GREY)
        return
    pitch = min(9.0, (box.height - TITLE) / len(bars))
    for number, bar in enumerate(bars):
        y = box.y + TITLE + number * pitch
        name = bar.zone or "(in no zone)"
        text(pdf, box.x, y + 0.6, name, size=8, width=26)
        pdf.set_fill_color(*BLUE)
        pdf.rect(box.x + 28, y, 32 * bar.parts / bars[0].parts, pitch - 2, style="F")
        told = f"{bar.parts:,}   {rate_text(bar.cumulative)}"
        text(pdf, box.x + box.width, y + 0.6, told, size=8, align="R")


def draw_heat_map(pdf: FPDF, box: Box, found: HeatMap | None) -> None:
    """Cells from white to red, with the frame of the image."""
    text(pdf, box.x, box.y, "Where defects lie on the part", size=10, bold=True)
    if found is None:
        text(pdf, box.x, box.y + TITLE, "No defects.", size=9, colour=GREY)
        return
    rows, columns = len(found.counts), len(found.counts[0])
    cell = min(box.width / columns, (box.height - TITLE - 6) / rows)
    most = max(max(row) for row in found.counts) or 1
    for y, row in enumerate(found.counts):
        for x, count in enumerate(row):
            if count:
                share = 0.15 + 0.85 * count / most
                pdf.set_fill_color(*(round(255 + share * (end - 255)) for end in RED))
                place = (box.x + x * cell, box.y + TITLE + y * cell)
                pdf.rect(*place, cell, cell, style="F")
    pdf.set_draw_color(*GREY)
    pdf.rect(box.x, box.y + TITLE, columns * cell, rows * cell)
    told = f"darkest: {most:,} of {found.parts:,} parts"
    text(pdf, box.x, box.y + TITLE + rows * cell + 1, told, size=8, colour=GREY)
