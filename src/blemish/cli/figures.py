"""Figures as lines of text, for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from blemish.cli import console
from blemish.report.cells import UNDEFINED
from blemish.report.titles import RATES, SHARES, undefined_told
from blemish.wording import FORMATS, Kind, interval_text, seconds_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from blemish.evaluation import Evaluation
    from blemish.records.record import Regions

TITLES = SHARES | RATES | {"f1": "F1 at threshold"}
READING = "Recall: at so many false alarms. In brackets: 95% over the choice of images."
PER_TYPE = (
    ("images", "images", Kind.COUNT),
    ("image AUROC", "image_auroc", Kind.SHARE),
    ("pixel AUROC", "pixel_auroc", Kind.SHARE),
    ("AU-PRO", "pixel_au_pro_30", Kind.SHARE),
    ("regions", "region_recall", Kind.RATE),
    ("misses", "miss_rate", Kind.RATE),
)


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
    levels = {"image": found.image, "pixel": found.pixel}
    names = [name for name in TITLES if any(name in figures for figures in levels.values())]
    titles = _even(["", *(TITLES[name] for name in names)], str.ljust)
    columns = [
        _level(level, figures, found.intervals.get(level, {}), names)
        for level, figures in levels.items()
    ]
    lines = ("  ".join(parts).rstrip() for parts in zip(titles, *columns, strict=True))
    return "".join(f"{line}\n" for line in lines)


def _level(
    level: str,
    figures: Mapping[str, float | None],
    intervals: Mapping[str, Any],
    names: Sequence[str],
) -> list[str]:
    """The figures of a level under its name, each with its interval where it has one."""
    values = [_spell(figures[name], _kind(name)) if name in figures else "" for name in names]
    ends = [intervals.get(name) for name in names]
    spreads = [interval_text(end, _kind(name)) if end else ""
               for name, end in zip(names, ends, strict=True)]  # fmt: skip
    pairs = zip(_even([level, *values], str.rjust), _even(["", *spreads], str.ljust), strict=True)
    return [f"{value} {spread}" for value, spread in pairs]


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
    yield "defect", *(title for title, _, _ in PER_TYPE)
    for kind, figures in found.per_type.items():
        yield kind, *(_spell(figures[name], of) for _, name, of in PER_TYPE)


def _kind(name: str) -> Kind:
    return Kind.SHARE if name in SHARES else Kind.RATE


def _even(texts: Sequence[str], pad: Callable[[str, int], str]) -> list[str]:
    """Texts of one width."""
    width = max(map(len, texts))
    return [pad(text, width) for text in texts]


def _filled(text: str) -> str:
    return console.filled(text, stream=sys.stdout)


def _spell(value: float | None, kind: Kind) -> str:
    return UNDEFINED if value is None else FORMATS[kind](value)
