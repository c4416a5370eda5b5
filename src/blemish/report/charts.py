"""Charts as SVG text: a histogram of scores, ROC, PRO and training curves, without any library.

Colours are classes (`good`, `defect`, `image`, `pixel`, `axis`) that the page's style sheet fills
in, so that a chart follows light and dark. Every chart has a title and a description for those who
listen.

Convention: a chart is `WIDTH` x `HEIGHT` units and scales with its place; x grows right, y down.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 16, 14, 44
BINS = 36


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve: `style` is its class in the style sheet, `point` where the threshold puts it.

    `recall` is of images or pixels, or the mean over regions, which is PRO.
    """

    name: str
    style: str
    false_alarm_rate: Sequence[float]
    recall: Sequence[float]
    point: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A value above 0 by step; `style` is its class in the style sheet."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of the images of one label; `flagged` of them do not pass."""

    name: str
    style: str
    values: Sequence[float]
    flagged: int | None = None

    @property
    def told(self) -> str:
        """A line of text over its bars."""
        flagged = "" if self.flagged is None else f", {self.flagged} flagged"
        return f"{self.name}: {len(self.values)} images{flagged}"


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values `low..high` to places `start..end` of the chart."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def histogram(good: Scores, defect: Scores, *, threshold: float | None, chart_id: str) -> str:
    """Scores of good images above, of defects below, on one axis with the threshold across.

    Scores far beyond the others are counted in the outermost bars, so that one of them does not
    squeeze the rest; the axis title then says so. Gives an empty text where there are no scores.
    """
    everything = [*good.values, *defect.values]
    if not everything:
        return ""
    low, high = _bulk(everything, threshold)
    x = Scale(low, high, LEFT, WIDTH - RIGHT)
    cut = min(everything) < low or max(everything) > high
    middle, base = (TOP + HEIGHT - BOTTOM) / 2, HEIGHT - BOTTOM
    parts = [
        _bars(good, x, top=TOP, base=middle - 8),
        _line(LEFT, middle - 8, WIDTH - RIGHT, middle - 8, "axis"),
        _bars(defect, x, top=middle + 14, base=base),
        _x_axis(x, "score, raw" + ("; outermost bars count all beyond" if cut else "")),
    ]
    names = [
        _text(LEFT + 2, TOP + 6, good.told, f"name {good.style}"),
        _text(LEFT + 2, middle + 20, defect.told, f"name {defect.style}"),
    ]
    description = f"By raw score. {good.told}. {defect.told}."
    if threshold is not None:
        parts.append(_line(x(threshold), TOP + 12, x(threshold), base, "threshold"))
        description += f" The threshold is {threshold:.4g}."
    return _svg([*parts, *names], chart_id, "Scores of good and defect test images", description)


def roc(curves: Sequence[Curve], *, chart_id: str) -> str:
    """ROC curves; a dot marks where the calibrated threshold puts a curve.

    Gives an empty text where no curve has points.
    """
    curves = [curve for curve in curves if _drawable(curve)]
    if not curves:
        return ""
    x, y = _square(1)
    parts = [_line(x(0), y(0), x(1), y(1), "chance"), _y_axis(y, "recall")]
    parts += [_x_axis(x, "false-alarm rate"), *(_curve(curve, x, y) for curve in curves)]
    for row, curve in enumerate(curves):
        if curve.point is not None:
            parts.append(_dot(x(curve.point[0]), y(curve.point[1]), curve))
        parts.append(_key(curve, row))
    names = " and ".join(curve.name for curve in curves)
    return _svg(parts, chart_id, "ROC curves", f"Recall over false-alarm rate, {names} level.")


def pro(curve: Curve, *, chart_id: str, limit: float = 0.3, mark: float = 0.05) -> str:
    """The PRO curve up to a limit: the area under it, filled, is AU-PRO times the limit.

    A line marks the lower limit that is also in use. Gives an empty text without points.
    """
    if not _drawable(curve):
        return ""
    x, y = _square(limit)
    shown = _up_to(curve, limit)
    corners = [(0.0, 0.0), *zip(shown.false_alarm_rate, shown.recall, strict=True), (limit, 0.0)]
    area = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in corners)
    parts = [
        f'<polygon class="area {curve.style}" points="{area}"/>',
        _y_axis(y, "mean share found of a region"),
        _x_axis(x, "share of other pixels flagged"),
        _line(x(mark), TOP, x(mark), y(0), "chance"),
        _curve(shown, x, y),
    ]
    told = f"Mean share found of a region over the share of other pixels flagged, up to {limit:g}."
    return _svg(parts, chart_id, "PRO curve", told)


def training(traces: Sequence[Trace], *, chart_id: str) -> str:
    """Values by step of a training, upwards by powers.

    Gives an empty text where nothing has two points.
    """
    traces = [trace for trace in traces if len(trace.points) > 1]
    if not traces:
        return ""
    last = max(step for trace in traces for step, _ in trace.points)
    values = [value for trace in traces for _, value in trace.points]
    low, high = math.log10(min(values)) - 0.05, math.log10(max(values)) + 0.05
    x, y = Scale(0, last, LEFT, WIDTH - RIGHT), Scale(low, high, HEIGHT - BOTTOM, TOP)
    marks = {math.log10(value): f"{value:g}" for value in _round_between(10**low, 10**high)}
    parts = [_y_axis(y, "loss, share left", marks), _x_axis(x, "step")]
    for row, trace in enumerate(traces):
        points = [(x(step), y(math.log10(value))) for step, value in trace.points]
        parts += [_path(points, f"curve {trace.style}"), _key(trace, row, top=TOP + 12)]
    names = " and ".join(trace.name for trace in traces)
    return _svg(parts, chart_id, "The training", f"By step: {names}.")


def _round_between(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten inside `low..high`."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = [float(f"{m}e{power}") for power in powers for m in (1, 2, 5)]
    return [value for value in values if low <= value <= high]


def _drawable(curve: Curve) -> bool:
    return len(curve.recall) == len(curve.false_alarm_rate) > 1


def _square(most: float) -> tuple[Scale, Scale]:
    """Scales of a chart of shares over rates from 0 to `most`."""
    return Scale(0, most, LEFT, WIDTH - RIGHT), Scale(0, 1, HEIGHT - BOTTOM, TOP)


def _up_to(curve: Curve, limit: float) -> Curve:
    """A curve whose rates rise, as far as a rate, with the point in between that lies on it."""
    rates, heights = curve.false_alarm_rate, curve.recall
    inside = sum(rate <= limit for rate in rates)
    kept_rates, kept = list(rates[:inside]), list(heights[:inside])
    if 0 < inside < len(rates):
        share = (limit - rates[inside - 1]) / (rates[inside] - rates[inside - 1])
        kept.append(heights[inside - 1] + share * (heights[inside] - heights[inside - 1]))
        kept_rates.append(limit)
    return replace(curve, false_alarm_rate=kept_rates, recall=kept)


def _curve(curve: Curve, x: Scale, y: Scale) -> str:
    points = zip(curve.false_alarm_rate, curve.recall, strict=True)
    return _path([(x(a), y(b)) for a, b in points], f"curve {curve.style}")


def ticks(low: float, high: float, *, about: int = 6) -> list[float]:
    """Round numbers inside `low..high`, steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _bulk(values: Sequence[float], threshold: float | None) -> tuple[float, float]:
    """A range that holds the threshold and all values but those far beyond the others."""
    ordered = sorted(values)
    last = len(ordered) - 1
    near, far = ordered[round(0.02 * last)], ordered[round(0.98 * last)]
    room = (far - near) or abs(far) * 0.1 or 1.0
    held = [max(ordered[0], near - room), min(ordered[-1], far + room)]
    held += [] if threshold is None else [threshold]
    margin = (max(held) - min(held) or room) * 0.02
    return min(held) - margin, max(held) + margin


def _bars(scores: Scores, x: Scale, *, top: float, base: float) -> str:
    counts = [0] * BINS
    for value in scores.values:
        place = (min(max(value, x.low), x.high) - x.low) / (x.high - x.low)
        counts[min(int(place * BINS), BINS - 1)] += 1
    tallest, wide = max(counts) or 1, (x.end - x.start) / BINS
    room = base - top - 16  # the name stands above the bars
    bars = [
        f'<rect x="{x.start + i * wide + 0.5:.1f}" y="{base - tall:.1f}" '
        f'width="{wide - 1:.1f}" height="{tall:.1f}"/>'
        for i, tall in enumerate(max(count / tallest * room, 1.5) for count in counts)
        if counts[i]
    ]
    parts = [
        f'<g class="{scores.style}">{"".join(bars)}</g>',
        _text(x.start - 6, base, "0", "tick end"),
        _text(x.start - 6, base - room + 8, str(max(counts)), "tick end") if bars else "",
    ]
    return "".join(parts)


def _x_axis(x: Scale, title: str) -> str:
    base = HEIGHT - BOTTOM
    parts = [_line(x.start, base, x.end, base, "axis")]
    for tick in ticks(x.low, x.high):
        parts.append(_line(x(tick), base, x(tick), base + 4, "axis"))
        parts.append(_text(x(tick), base + 17, f"{tick:g}", "tick middle"))
    parts.append(_text((x.start + x.end) / 2, HEIGHT - 8, title, "label middle"))
    return "".join(parts)


def _y_axis(y: Scale, title: str, marks: Mapping[float, str] | None = None) -> str:
    """An axis with its own marks, or with round numbers."""
    parts = []
    for tick, words in (marks or {tick: f"{tick:g}" for tick in ticks(y.low, y.high)}).items():
        parts.append(_line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "grid"))
        parts.append(_text(LEFT - 6, y(tick) + 4, words, "tick end"))
    parts.append(
        f'<text class="label middle" transform="translate(12 {(y.start + y.end) / 2:.1f}) '
        f'rotate(-90)">{escape(title)}</text>'
    )
    return "".join(parts)


def _key(curve: Curve | Trace, row: int, *, top: float = HEIGHT - BOTTOM - 44) -> str:
    x, y = WIDTH - RIGHT - 150, top + 20 * row
    name = _text(x + 34, y + 4, curve.name, "name")
    return _line(x, y, x + 26, y, f"curve {curve.style}") + name


def _dot(x: float, y: float, curve: Curve) -> str:
    alarm, recall = curve.point or (0.0, 0.0)
    told = f"{curve.name} at the threshold: false-alarm rate {alarm:.3f}, recall {recall:.3f}"
    return (
        f'<circle class="dot {curve.style}" cx="{x:.1f}" cy="{y:.1f}" r="5">'
        f"<title>{escape(told)}</title></circle>"
    )


def _path(points: Sequence[tuple[float, float]], style: str) -> str:
    """A line through points, less those that would not move it by a third of a unit."""
    kept = [points[0]]
    for point in points[1:-1]:
        if math.dist(point, kept[-1]) >= 0.33:
            kept.append(point)
    kept.append(points[-1])
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in kept)
    return f'<polyline class="{style}" points="{steps}"/>'


def _line(x0: float, y0: float, x1: float, y1: float, style: str) -> str:
    return f'<line class="{style}" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>'


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _svg(parts: Sequence[str], chart_id: str, title: str, description: str) -> str:
    name = escape(chart_id, quote=True)
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{"".join(parts)}</svg>'
    )
