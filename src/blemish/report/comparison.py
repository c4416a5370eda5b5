"""Detectors beside each other on the same images: who is ahead, how surely, and at what cost.

Differences are drawn in pairs: each draw of test images gives a figure of both detectors, and
what the choice of images does to both alike falls out of their difference. Over several seeds the
draws of the seeds are averaged first. Categories whose images are not the same are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from blemish.metrics.intervals import Difference, difference
from blemish.records.grouping import Group, group_records
from blemish.records.record import AnyRecord, Record
from blemish.report.cells import Spread
from blemish.report.columns import CATEGORY, COST, MISSION, Column
from blemish.report.tables import Row, Table, mission_table, over_seeds, without_detector
from blemish.wording import Kind, bytes_text, listed, seconds_text

FIGURE = Column("figure", "Figure", Kind.TEXT)
APART = Column("difference", "Difference", Kind.DIFFERENCE, interval=lambda _: None)
WINS = Column("wins", "Draws ahead", Kind.RATE)
AHEAD = Column("ahead", "Ahead", Kind.TEXT)
UNSURE = "too close to call"
NOTE = (
    "Both judged the same test images. The difference is the first less the second; in brackets "
    "its 95% interval, where test images are drawn again for both alike. Where it holds 0, other "
    "images of the same kind could turn the order around."
)
COSTS = {
    "fit_seconds": "takes {} long to fit",
    "predict_seconds": "takes {} long an image",
    "model_bytes": "has a model file {} large",
}
HARDLY = 1.05  # times as much, which is not worth telling


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two detectors: the table of their differences, and what follows from it in sentences."""

    table: Table
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Duel:
    """One figure of two detectors on one category."""

    category: str
    column: Column
    figures: tuple[Spread, Spread]
    apart: Difference | None

    def ahead(self, names: tuple[str, str]) -> str:
        """Who is ahead for sure, or that nobody is."""
        if self.apart is None:
            return ""
        if self.apart.low <= 0 <= self.apart.high:
            return UNSURE
        return names[0] if self.apart.value > 0 else names[1]


def sides(records: Sequence[AnyRecord]) -> list[Table]:
    """A table of figures for each detector; none where there is just one."""
    whole = mission_table(records)
    detectors = list(dict.fromkeys(str(row.cells[1]) for row in whole.rows))
    if len(detectors) < 2:
        return []
    return [
        without_detector(
            replace(whole, title=name, rows=tuple(r for r in whole.rows if r.cells[1] == name))
        )
        for name in detectors
    ]


def comparisons(records: Sequence[AnyRecord]) -> list[Comparison]:
    """The first detector against each other one that has a category in common with it.

    Of several runs: each detector of the first run against the same one of the others.
    """
    by_detector: dict[str, dict[str, Group]] = {}
    for group in group_records(records):
        if group.records:
            by_detector.setdefault(group.detector, {})[group.category] = group
    series: dict[str, list[str]] = {}
    for name, groups in by_detector.items():
        shown = next(iter(groups.values())).records[0]
        series.setdefault(shown.detector if shown.run else "", []).append(name)
    found = (
        _compare(first, other, by_detector)
        for first, *others in series.values()
        for other in others
    )
    return [comparison for comparison in found if comparison.table.rows]


def _compare(first: str, second: str, by_detector: dict[str, dict[str, Group]]) -> Comparison:
    pairs = [
        (group, by_detector[second][category])
        for category, group in by_detector[first].items()
        if category in by_detector[second] and _same_images(group, by_detector[second][category])
    ]
    duels = [duel for pair in pairs for column in MISSION if (duel := _duel(column, *pair))]
    names = (first, second)
    columns = (
        CATEGORY,
        FIGURE,
        *(Column(f"figure_{i}", name, Kind.SHARE) for i, name in enumerate(names, 1)),
        APART,
        WINS,
        AHEAD,
    )
    rows = tuple(_row(duel, names) for duel in duels)
    table = Table(f"{first} against {second}", columns, rows, NOTE)
    return Comparison(table, (*_tell_ahead(duels, names), *_tell_costs(pairs, names)))


def _same_images(one: Group, other: Group) -> bool:
    return len({record.dataset.fingerprint for g in (one, other) for record in g.records}) == 1


def _duel(column: Column, one: Group, other: Group) -> _Duel | None:
    cells = [over_seeds(column, group.records) for group in (one, other)]
    if cells[0] is None or cells[1] is None:
        return None
    draws = [_draws(column, group.records) for group in (one, other)]
    apart = None
    if draws[0] is not None and draws[1] is not None and len(draws[0]) == len(draws[1]):
        apart = difference(cells[0].mean, cells[1].mean, draws[0], draws[1])
    plain = (replace(cells[0], interval=None), replace(cells[1], interval=None))
    return _Duel(one.category, column, plain, apart)


def _draws(column: Column, records: Sequence[Record]) -> NDArray[np.float64] | None:
    """Draws of a figure, averaged over seeds; `None` where a record has none."""
    figure = column.figure
    if figure is None:
        return None
    found = [record.draws.get(figure.level, {}).get(figure.name) for record in records]
    if not all(found):
        return None
    arrays = [np.array(values, np.float64) for values in found]
    if len({len(array) for array in arrays}) > 1 or not np.isfinite(sum(arrays)).any():
        return None
    mean: NDArray[np.float64] = np.mean(arrays, axis=0)
    return mean


def _row(duel: _Duel, names: tuple[str, str]) -> Row:
    apart, wins = None, None
    if (d := duel.apart) is not None:
        apart = Spread(d.value, d.value, d.value, interval=(d.low, d.high))
        wins = Spread(d.first_wins, d.first_wins, d.first_wins)
    told = (duel.category, duel.column.full_title)
    return Row((*told, *duel.figures, apart, wins, duel.ahead(names)))


def _tell_ahead(duels: Sequence[_Duel], names: tuple[str, str]) -> Iterator[str]:
    """A sentence for each figure: who is ahead where, and by how much."""
    for column in MISSION:
        own = [duel for duel in duels if duel.column == column and duel.apart]
        told = []
        for name in names:
            won = [
                f"{duel.category} (by {abs(duel.apart.value):.3f})"
                for duel in own
                if duel.apart and duel.ahead(names) == name
            ]
            told += [f"{name} is ahead on {listed(won)}"] if won else []
        unsure = [duel.category for duel in own if duel.ahead(names) == UNSURE]
        told += (
            [f"{listed(unsure)} {'is' if len(unsure) == 1 else 'are'} {UNSURE}"] if unsure else []
        )
        if told:
            yield f"{column.full_title}: {'; '.join(told)}."


def _tell_costs(pairs: Sequence[tuple[Group, Group]], names: tuple[str, str]) -> Iterator[str]:
    """Which of the two costs more, how many times: means over the categories of both."""
    told: dict[str, list[str]] = {name: [] for name in names}
    for column in COST:
        means = [_mean(column, [pair[i] for pair in pairs]) for i in (0, 1)]
        if column.name not in COSTS or not means[0] or not means[1]:
            continue
        costlier = names[means[1] > means[0]]
        low, high = sorted((means[0], means[1]))
        if high < HARDLY * low:
            continue
        spell = seconds_text if column.kind is Kind.SECONDS else bytes_text
        words = COSTS[column.name].format(f"{high / low:.2g} times as")
        told[costlier].append(f"{words} ({spell(high)} against {spell(low)})")
    parts = [f"{name} {listed(costs)}" for name, costs in told.items() if costs]
    if parts:
        yield f"Cost, on average: {'; '.join(parts)}."


def _mean(column: Column, groups: Sequence[Group]) -> float | None:
    cells = [over_seeds(column, group.records) for group in groups]
    known = [cell.mean for cell in cells if cell is not None]
    return float(np.mean(known)) if known and len(known) == len(cells) else None
