"""Figures as lines of text, for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from blemish.cli import console
from blemish.metrics.catalogue import FIGURES, LEVELS, Figure, Level, figures_of
from blemish.report.cells import UNDEFINED
from blemish.report.columns import PER_TYPE
from blemish.report.undefined import undefined_told
from blemish.wording import FORMATS, Kind, interval_text, seconds_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blemish.evaluation import Evaluation
    from blemish.records.findings import Regions

READING = "Recall: at so many false alarms. In brackets: 95% over the choice of images."


def figures_text(found: Evaluation) -> str:
    """Figures of images and pixels side by side, of regions, of each type of defect."""
    parts = [_levels(found) + READING + "\n", _regions(found.regions)]
    if found.per_type:
        parts.append(console.columns(_type_rows(found)))
    parts.append("".join(f"{_filled(told)}\n" for told in undefined_told(found.undefined)))
    took = found.seconds.get("predict_per_image")
    each = "" if took is None else f", {seconds_text(took)} each"
    parts.append(f"{len(found.images):,} images{each}\n")
    return "\n".join(part for part in parts if part)


def _levels(found: Evaluation) -> str:
    """A line for each figure, of images and of pixels."""
    titles = list(dict.fromkeys(map(_title, FIGURES)))
    columns = [_even(["", *titles], str.ljust)]
    columns += [_level(level, found, titles) for level in LEVELS]
    lines = ("  ".join(parts).rstrip() for parts in zip(*columns, strict=True))
    return "".join(f"{line}\n" for line in lines)


def _title(figure: Figure) -> str:
    """Its title, told apart from that of the best of all thresholds: `F1-max`."""
    best = f"{figure.title}-max" in {other.title for other in FIGURES}
    return f"{figure.title} at threshold" if best else figure.title


def _level(level: Level, found: Evaluation, titles: Sequence[str]) -> list[str]:
    """The figures of a level under its name, each with its interval where it has one."""
    figures = {_title(figure): figure for figure in figures_of(level)}
    told = [_told(figures.get(title), found) for title in titles]
    values = _even([level, *(value for value, _ in told)], str.rjust)
    spreads = _even(["", *(spread for _, spread in told)], str.ljust)
    return [f"{value} {spread}" for value, spread in zip(values, spreads, strict=True)]


def _told(figure: Figure | None, found: Evaluation) -> tuple[str, str]:
    """A figure and its interval; nothing where the level has no such figure."""
    if figure is None:
        return "", ""
    ends = found.intervals.get(figure.level, {}).get(figure.name)
    value = _spell(found.figures().at(figure.level)[figure.name], figure.kind)
    return value, interval_text(ends, figure.kind) if ends else ""


def _regions(regions: Regions | None) -> str:
    """How many regions were found, which was the smallest, and the largest that was missed."""
    if regions is None or not regions.regions:
        return ""
    if regions.found is None:
        return f"{regions.regions:,} labelled regions\n"
    text = f"{regions.found:,} of {regions.regions:,} labelled regions found\n"
    named = {"smallest found": regions.smallest_found, "largest missed": regions.largest_missed}
    for title, region in named.items():
        if region:
            text += f"{title}  {region.area_px:,} px  {region.image}\n"
    return text


def _type_rows(found: Evaluation) -> Iterator[tuple[str, ...]]:
    yield "defect", *(column.title for column in PER_TYPE)
    for kind, figures in found.per_type.items():
        yield kind, *(_spell(figures[column.name], column.kind) for column in PER_TYPE)


def _even(texts: Sequence[str], pad: Callable[[str, int], str]) -> list[str]:
    """Texts of one width."""
    width = max(map(len, texts))
    return [pad(text, width) for text in texts]


def _filled(text: str) -> str:
    return console.filled(text, stream=sys.stdout)


def _spell(value: float | None, kind: Kind) -> str:
    return UNDEFINED if value is None else FORMATS[kind](value)
