"""Write the report of a folder of records: one HTML page, the same tables as Markdown and CSV.

The page is one file: style, charts and images are inside, no script, nothing is fetched. Text
from records is escaped. Files are written whole under a temporary name and then renamed.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blemish.errors import DataError
from blemish.files import write_whole
from blemish.images.overlay import MASK_RGB, RAMP_RGB, REGION_RGB
from blemish.records.grouping import Group, conditions, group_records
from blemish.records.record import AnyRecord, Record
from blemish.records.scores import write_scores
from blemish.report import cells, plain, tables
from blemish.report.columns import Column
from blemish.report.comparison import comparisons, sides
from blemish.report.glossary import glossary
from blemish.report.promise import promise_table
from blemish.report.protocol import protocol
from blemish.report.published import published_table
from blemish.report.sections import make_section
from blemish.wording import bytes_text, counted, listed

READING = (
    "1 is perfect, an AUROC of 0.5 is guessing. In square brackets: what the figure might have "
    "been with other test images, 95%. F1-max is read at the best threshold in hindsight; "
    "what the calibrated threshold does is in its own table below."
)


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where a report was written."""

    html: Path
    markdown: Path
    csv: Path
    scores: Path


def write_report(
    directory: Path | str,
    records: Sequence[AnyRecord],
    *,
    runs: Mapping[str, Path] | None = None,
) -> ReportFiles:
    """Write `report.html`, `report.md`, `table.csv` and `scores.csv` into a folder.

    Args:
        directory: the folder that `blemish benchmark` or `blemish evaluate` wrote; images that
            records name are read from it.
        records: those of its jobs.
        runs: where records of several folders are reported together: each folder, to read images
            from, by what its records say under `run`.

    Raises:
        DataError: there are no records.
    """
    directory = Path(directory)
    if directory.is_file():
        raise DataError(f"'{directory}' is a file; give the folder of a benchmark or evaluation.")
    if not records:
        raise DataError(
            f"There are no records in '{directory}' to report on; "
            f"make some: blemish benchmark DATA -o {shlex.quote(str(directory))}"
        )
    context = _context(runs or {"": directory}, records)
    html, markdown = directory / "report.html", directory / "report.md"
    table = directory / "table.csv"
    write_whole(html, _render("page.html.j2", context))
    write_whole(markdown, _render("page.md.j2", context))
    write_whole(table, plain.render_csv(tables.full_table(records)))
    return ReportFiles(html, markdown, table, write_scores(directory, records))


def _context(runs: Mapping[str, Path], records: Sequence[AnyRecord]) -> dict[str, Any]:
    """All that the templates print; images come from the folder of a record's run."""
    groups = group_records(records)
    shown = [(f"part-{i}", group) for i, group in enumerate(groups, 1) if group.records]
    ended = [record for _, group in shown for record in group.records]
    return {
        "summary": _summary(groups),
        "date": max(record.date for record in records)[:10],
        "main": tables.main_table(records),
        "sides": sides(records),
        "comparisons": comparisons(records),
        "fuller": _fuller(records),
        "failures": tables.failures(groups),
        "anchors": {(group.category, group.detector): anchor for anchor, group in shown},
        "sections": [
            make_section(runs[group.records[0].run], group, anchor) for anchor, group in shown
        ],
        "settings": _shared(ended, _settings),
        "machines": _shared(ended, _environment),
        "sources": [_source(record) for record in ended],
        "reading": READING,
        "protocol": protocol(ended),
        "glossary": glossary(),
        "colours": {"region": _css(REGION_RGB), "mask": _css(MASK_RGB)},
        "ramp": ", ".join(_css(colour) for colour in RAMP_RGB),
    }


def _fuller(records: Sequence[AnyRecord]) -> list[tables.Table]:
    """The tables below the first; those that may have nothing to say only where they do."""
    promises, published = promise_table(records), published_table(records)
    return [
        tables.separating_table(records),
        tables.locating_table(records),
        tables.threshold_table(records),
        *([promises] if promises.rows else []),
        *([published] if published.rows else []),
        tables.cost_table(records),
    ]


def _render(template: str, context: Mapping[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("blemish.report"),
        autoescape=template.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["main_text"] = cells.main_text
    environment.filters["side_texts"] = cells.side_texts
    environment.filters["runs"] = _runs
    environment.filters["markdown"] = plain.render_markdown
    environment.filters["one_line"] = plain.escape_markdown
    return environment.get_template(template).render(context)


def _runs(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Neighbouring columns of the same group, for the upper line of headings."""
    return [
        {"group": group, "span": len(list(members))}
        for group, members in itertools.groupby(columns, key=lambda column: column.group)
    ]


def _summary(groups: Sequence[Group]) -> str:
    """What was measured, in a few sentences."""
    ended = [group for group in groups if group.records]
    if not ended:
        return "No job ended well, so there is nothing to compare yet."
    good, defect = (_images(ended, kind) for kind in ("test_good", "test_defect"))
    categories = counted(len({g.category for g in ended}), "category", "categories")
    tested = f"{counted(good + defect, 'image')}: {good:,} good and {defect:,} with defects"
    ours = [group for group in ended if not _foreign(group)]
    told = []
    if ours:
        names = list(dict.fromkeys(group.detector for group in ours))
        fitted = counted(_images(ours, "train_good"), "image")
        were = "was" if len(names) == 1 else "were"
        told.append(
            f"{_detectors(names)} learned from {fitted} of good parts, without ever seeing a "
            f"defect, and {were} tested on others."
        )
    others = list(dict.fromkeys(group.detector for group in ended if _foreign(group)))
    if others:
        told.append(f"Maps that {listed(others)} wrote were measured by the same code.")
    return " ".join([*told, f"The test: {tested}, in {categories}."])


def _images(groups: Sequence[Group], kind: str) -> int:
    """How many images of a kind there are in all categories."""
    firsts = {group.category: group.records[0] for group in reversed(groups)}
    return sum(getattr(record.dataset, kind) for record in firsts.values())


def _foreign(group: Group) -> bool:
    """Whether its maps were written by another tool, of whose training nothing is known."""
    return any(record.maps_sha256 for record in group.records)


def _shared(
    records: Sequence[Record], read: Callable[[Record], dict[str, str]]
) -> list[tuple[dict[str, str], list[str]]]:
    """What `read` finds in records, each different finding once, with the jobs it holds for."""
    found: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for record in records:
        items = {name: value for name, value in read(record).items() if value}
        found.setdefault(tuple(items.items()), []).append(record.job)
    return [(dict(items), jobs) for items, jobs in found.items() if items]


def _settings(record: Record) -> dict[str, str]:
    named = {"detector": record.detector, **conditions(record)}
    for source in record.sources:
        named[f"{source.role} sha256"] = source.sha256
        named[f"{source.role} licence"] = source.licence
    return named


def _environment(record: Record) -> dict[str, str]:
    machine = record.machine
    return {
        "processor": machine.processor or "",
        "cores": str(machine.cores),
        "memory": "" if machine.memory_bytes is None else bytes_text(machine.memory_bytes),
        "system": machine.system,
        **record.versions,
    }


def _source(record: Record) -> dict[str, str]:
    """Where a row comes from, for whoever wants to check it."""
    return {
        "job": record.job,
        "date": record.date[:19].replace("T", " "),
        "dataset": f"{record.dataset.name} {record.dataset.layout}",
        "images": record.dataset.fingerprint,
        "model": record.model_sha256 or "",
    }


def _detectors(names: Sequence[str]) -> str:
    return f"The detector{'s' if len(names) > 1 else ''} {listed(names)}"


def _css(colour: tuple[int, int, int]) -> str:
    return f"rgb({', '.join(map(str, colour))})"
