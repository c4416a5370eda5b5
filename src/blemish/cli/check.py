"""`blemish check`: the audit of a data set before anything is fitted."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import typer

from blemish.cli import console
from blemish.cli.bars import TerminalProgress
from blemish.cli.command import FAILED
from blemish.cli.options import (
    AsJson,
    Category,
    Data,
    MaxPixels,
    Raw,
    SplitSeed,
    TestFraction,
    data_arguments,
    read_limits,
    read_raw,
)
from blemish.wording import first_few

if TYPE_CHECKING:
    from blemish.data.audit import Audit
    from blemish.data.checks import Finding, Severity

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
MOST_EXAMPLES = 4


def check(
    data: Data,
    *,
    category: Category = None,
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

    raw_format = read_raw(raw)
    dataset = blemish.open_dataset(
        data, category=category, seed=split_seed, test_fraction=test_fraction, raw=raw_format
    )
    audit = blemish.audit(
        dataset, limits=read_limits(max_pixels), raw=raw_format, progress=TerminalProgress()
    )
    if as_json:
        console.write_json(audit.to_dict())
    else:
        console.write_facts(_overview(audit))
        console.write("\n" + "".join(f"{line}\n" for line in _findings(audit)))
    if audit.of_severity("error"):
        raise typer.Exit(FAILED)
    same_data = data_arguments(
        data, category, test_fraction, split_seed, max_pixels=max_pixels, raw=raw_format
    )
    console.next_steps(["plan", *same_data])


def _overview(audit: Audit) -> Iterator[tuple[str, str]]:
    """What is there, as names and values."""
    yield "data set", f"{audit.name} ({audit.layout})"
    for split, types in audit.counts.items():
        yield split, _spell_counts(types) or "none"
    sizes = [f"{height} x {width}" for height, width in audit.sizes_hw]
    yield "height x width", first_few(sizes, MOST_EXAMPLES) or "unknown"
    yield "bits a channel", ", ".join(map(str, audit.bit_depths)) or "unknown"


def _spell_counts(types: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in types.items())


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
