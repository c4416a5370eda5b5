"""`blemish check`: the audit of a data set before anything is fitted."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from blemish.cli import console
from blemish.cli.bars import TerminalProgress
from blemish.cli.command import FAILED
from blemish.cli.options import (
    AsJson,
    Category,
    Data,
    DataChoice,
    Defect,
    Good,
    Ignore,
    MaxPixels,
    Raw,
    SplitSeed,
    TestFraction,
    read_limits,
    read_raw,
)
from blemish.wording import first_few

if TYPE_CHECKING:
    from blemish.data.audit import Audit
    from blemish.data.findings import Finding, Severity
    from blemish.report.tables import Table

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
MOST_EXAMPLES = 4


def check(
    data: Data,
    *,
    category: Category = None,
    good: Good = None,
    ignore: Ignore = None,
    defect: Defect = None,
    test_fraction: TestFraction = None,
    split_seed: SplitSeed = 0,
    max_pixels: MaxPixels = None,
    raw: Raw = None,
    as_json: AsJson = False,
) -> None:
    """Look for faults in a data set, and say what each will cost.

    Exit code 1: there are errors, and a fit or its figures would fail or be wrong.
    """
    import blemish
    from blemish.report.plain import render_text

    raw_format = read_raw(raw)
    choice = DataChoice(data, category, test_fraction, split_seed, good, ignore, defect, raw_format)
    dataset = choice.open()
    audit = blemish.audit(
        dataset, limits=read_limits(max_pixels), raw=raw_format, progress=TerminalProgress()
    )
    if as_json:
        console.write_json(audit.to_dict())
    else:
        found = dataset.leftovers.notes()  # told as findings
        for sentence in dataset.notes:
            if sentence not in found:
                console.note(sentence)
        console.write_facts(_overview(audit))
        console.write("\n" + render_text(_understood(audit)))
        console.write("\n" + "".join(f"{line}\n" for line in _findings(audit)))
    if audit.of_severity("error"):
        raise typer.Exit(FAILED)
    same_data = choice.arguments(max_pixels)
    console.next_steps(["plan", *same_data])


def _overview(audit: Audit) -> Iterator[tuple[str, str]]:
    """What is there, as names and values."""
    yield "data set", f"{audit.name} ({audit.layout})"
    sizes = [f"{height} x {width}" for height, width in audit.sizes_hw]
    yield "height x width", first_few(sizes, MOST_EXAMPLES) or "unknown"
    yield "bits a channel", ", ".join(map(str, audit.bit_depths)) or "unknown"


def _understood(audit: Audit) -> Table:
    """What each class was taken for: how many images in which split, and how many masks."""
    from blemish.report.cells import Cell, Spread
    from blemish.report.columns import Column
    from blemish.report.tables import Row, Table
    from blemish.result import GOOD
    from blemish.wording import Kind

    def cell(count: int | None) -> Cell:
        return None if count is None else Spread(count, count, count)

    types = sorted({kind for types in audit.counts.values() for kind in types})
    types.sort(key=lambda kind: kind != GOOD)
    rows = []
    for kind in types:
        masks = audit.masks.get(kind)
        counts = [types.get(kind) for types in audit.counts.values()]
        found = (masks.with_masks, masks.without_masks) if masks else (None, None)
        share = masks.median_share if masks else None
        marked = None if share is None else Spread(share, share, share)
        rows.append(Row((kind, *map(cell, (*counts, *found)), marked)))
    columns = (
        Column("class", "", Kind.TEXT, "Class"),
        *(Column(split, split, Kind.COUNT, "Images") for split in audit.counts),
        Column("with_masks", "found", Kind.COUNT, "Masks"),
        Column("without_masks", "missing", Kind.COUNT, "Masks"),
        Column("marked", "(median)", Kind.RATE, "Marked"),
    )
    return Table("What was understood", columns, tuple(rows))


def _findings(audit: Audit) -> Iterator[str]:
    """Each finding with examples, errors first; then how many there are of each kind."""
    for finding in audit.findings:
        yield from _finding(finding)
    if audit.findings:
        yield ""
    counts = Counter(finding.severity for finding in audit.findings)
    yield ", ".join(f"{counts[s] or 'no'} {s}{'s' * (counts[s] != 1)}" for s in SEVERITIES)


def _finding(finding: Finding) -> Iterator[str]:
    lead = f"{finding.severity + ':':<9}"
    yield console.filled(console.flags.of_text(finding.message), lead=lead, stream=sys.stdout)
    examples = [" = ".join(group) for group in finding.groups] or finding.ids
    if examples:
        text = first_few(examples, MOST_EXAMPLES)
        yield console.filled(text, lead=" " * len(lead), stream=sys.stdout)
