"""The report of a shift: one page A4 to print and sign."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from fpdf import FPDF

from blemish.ledger.entry import Kind
from blemish.ledger.query import Query
from blemish.ledger.reader import Reader
from blemish.station.inspection import Outcome
from blemish.station.statistics.drawing import (
    DARK,
    GREY,
    Box,
    draw_bars,
    draw_heat_map,
    draw_p_chart,
    text,
)
from blemish.station.statistics.p_chart import p_chart
from blemish.station.statistics.regions import pareto, region_heat_map
from blemish.station.statistics.shifts import Parts, ShiftFigures, shift_figures
from blemish.wording import counted, rate_text

LEFT, WIDTH = 15.0, 180.0  # mm, on A4
MOST_RECIPES, MOST_ZONES = 6, 8  # that have room


def shift_report(
    ledger: Reader,
    since: datetime,
    until: datetime,
    *,
    station: str = "",
    zone: tzinfo | None = None,
) -> bytes:
    """A PDF of one page: figures with their limits, p chart, zones, where defects lie.

    Args:
        ledger: to read.
        since: when the shift began; aware.
        until: when it ended; aware.
        station: its name.
        zone: in which times are told; by default the machine's.
    """
    figures = shift_figures(ledger, since, until)
    pdf = FPDF(format="A4")
    pdf.set_auto_page_break(False)
    pdf.set_margins(LEFT, 15)
    pdf.add_page()
    pdf.set_title(f"Shift report {station} {since.astimezone(zone):%Y-%m-%d %H:%M}")
    pdf.set_creator("blemish")
    _head(pdf, figures, station, zone)
    _numbers(pdf, figures.all)
    _recipes(pdf, figures)
    step = (until - since) / 16
    draw_p_chart(pdf, Box(LEFT, 118, WIDTH, 58), p_chart(ledger, since, until, step=step), zone)
    bars = pareto(ledger, since, until)[:MOST_ZONES]
    draw_bars(pdf, Box(LEFT, 188, 85, 72), bars)
    draw_heat_map(pdf, Box(115, 188, 80, 72), region_heat_map(ledger, since, until))
    _foot(pdf, ledger, figures, zone)
    return bytes(pdf.output())


def _head(pdf: FPDF, figures: ShiftFigures, station: str, zone: tzinfo | None) -> None:
    start, end = figures.since.astimezone(zone), figures.until.astimezone(zone)
    text(pdf, LEFT, 15, "Shift report", size=20, bold=True)
    text(pdf, LEFT + WIDTH, 15, station, size=14, bold=True, align="R")
    text(pdf, LEFT, 25, f"{start:%A, %d %B %Y, %H:%M} to {end:%H:%M} ({start:%Z})", size=11)
    if figures.until > datetime.now(UTC):
        text(pdf, LEFT + WIDTH, 25, "The shift still runs.", size=11, bold=True, align="R")
    pdf.set_draw_color(*DARK)
    pdf.line(LEFT, 33, LEFT + WIDTH, 33)


def _numbers(pdf: FPDF, parts: Parts) -> None:
    """The figures that are read first, large."""
    low, high = parts.reject_limits
    rate = "-" if parts.reject_rate is None else rate_text(parts.reject_rate)
    limits = f"95 % limits {rate_text(low)} to {rate_text(high)}" if parts.parts else "no parts"
    columns = [
        ("Parts", f"{parts.parts:,}", f"{parts.outcomes[Outcome.GOOD]:,} good"),
        ("Rejects", f"{parts.rejects:,}", f"{parts.outcomes[Outcome.DEFECT]:,} with a defect"),
        ("Reject rate", rate, limits),
    ]
    for column, (name, value, below) in enumerate(columns):
        x = LEFT + column * WIDTH / 3
        text(pdf, x, 38, name, size=10, colour=GREY)
        text(pdf, x, 44, value, size=24, bold=True)
        text(pdf, x, 56, below, size=9, colour=GREY)
    others = (
        f"{parts.outcomes[Outcome.NOT_INSPECTABLE]:,} not inspectable, "
        f"{parts.outcomes[Outcome.NOT_INSPECTED]:,} not inspected"
    )
    text(pdf, LEFT + WIDTH / 3, 61, others, size=9, colour=GREY)


def _recipes(pdf: FPDF, figures: ShiftFigures) -> None:
    """A line a recipe, those with the most parts first."""
    order = sorted(figures.recipes.items(), key=lambda item: -item[1].parts)
    rows = [("Recipe", "Parts", "Rejects", "Rate", "95 % limits")]
    for name, parts in order[:MOST_RECIPES]:
        low, high = parts.reject_limits
        rate = rate_text(parts.reject_rate or 0.0)
        limits = f"{rate_text(low)} to {rate_text(high)}"
        rows.append((name or "(none)", f"{parts.parts:,}", f"{parts.rejects:,}", rate, limits))
    for line, (name, *values) in enumerate(rows):
        y, colour = 70 + 5.5 * line, DARK if line else GREY
        text(pdf, LEFT, y, name, size=9, colour=colour, width=60)
        for column, value in enumerate(values):
            text(pdf, LEFT + 85 + 28 * column, y, value, size=9, colour=colour, align="R")
    if len(order) > MOST_RECIPES:
        left = counted(len(order) - MOST_RECIPES, "more recipe")
        text(pdf, LEFT, 70 + 5.5 * len(rows), f"and {left}", size=9, colour=GREY)


def _foot(pdf: FPDF, ledger: Reader, figures: ShiftFigures, zone: tzinfo | None) -> None:
    reviewed = figures.confirmed + figures.false_rejects + figures.missed
    said = (
        f"Reviewed: {counted(reviewed, 'part')}; {figures.confirmed:,} confirmed, "
        f"{figures.false_rejects:,} rejected though good, {figures.missed:,} passed though not."
    )
    text(pdf, LEFT, 264, said, size=9)
    head = ledger.head()
    newest = ledger.rows(Query([Kind.INSPECTION], since=figures.since, until=figures.until), most=1)
    row = f"last row of the shift {newest[0].number:,}; " if newest else ""
    now = datetime.now(UTC).astimezone(zone)
    text(
        pdf,
        LEFT,
        271,
        f"Record: {row}head {head.number:,}, SHA-256 {head.sha256}",
        size=7,
        colour=GREY,
    )
    text(pdf, LEFT, 276, f"Made {now:%Y-%m-%d %H:%M %Z}", size=7, colour=GREY)
    pdf.set_draw_color(*GREY)
    pdf.line(130, 283, LEFT + WIDTH, 283)
    text(pdf, 130, 284, "Signature", size=7, colour=GREY)
