"""`blemish verify`: does a model score its golden images here as it did where they were kept?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli import console
from blemish.cli.bars import TerminalProgress
from blemish.cli.command import FAILED, GATE_NOT_MET
from blemish.cli.golden import GoldenFolder
from blemish.cli.models import ModelChoice
from blemish.cli.options import (
    AsJson,
    MaxPixels,
    ModelFile,
    Provider,
    Raw,
    Threads,
    use_threads,
)
from blemish.wording import counted, score_text

if TYPE_CHECKING:
    from blemish.model.golden import Circumstances
    from blemish.predictions.golden_report import GoldenReport

Tolerance = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Largest difference, as a share of the threshold (default 0.0001).",
        show_default=False,
    ),
]


def verify(
    model: ModelFile,
    folder: GoldenFolder,
    *,
    tolerance: Tolerance = None,
    max_pixels: MaxPixels = None,
    raw: Raw = None,
    threads: Threads = None,
    provider: Provider = "cpu",
    as_json: AsJson = False,
) -> None:
    """Check the golden samples of a model file, here and now.

    Each golden image in DIR is judged, and its score, map and verdict compared with what the file
    keeps (blemish golden). Exit code 4: a score or map differs by more than the tolerance, or a
    verdict differs. Exit code 1: a golden image is missing, is another image, or cannot be judged.
    An image that was saved anew with the same pixels counts; one that is decoded otherwise here is
    compared, and told.
    """
    use_threads(threads)
    import blemish
    from blemish.predictions.golden import TOLERANCE

    choice = ModelChoice.read(model, provider, max_pixels, raw)
    loaded = choice.load()
    with choice.raw_counting():
        report = blemish.verify_golden(
            loaded,
            folder,
            tolerance=TOLERANCE if tolerance is None else tolerance,
            progress=TerminalProgress(),
        )
    if as_json:
        console.write_json({"path": str(model), "sha256": loaded.sha256} | report.to_dict())
    else:
        console.write_facts([("model", model), ("sha256", loaded.sha256), *_facts(report)])
        console.write("\n" + console.columns(_table(report)))
    for sentence in report.notes():
        console.note(sentence)
    for sentence in report.problems():
        console.error(console.flags.of_text(sentence))
    if not report.ok:
        raise typer.Exit(GATE_NOT_MET if report.complete else FAILED)


def _facts(report: GoldenReport) -> Iterator[tuple[str, str]]:
    from blemish.records.machine import machine

    score, score_map = report.largest
    fine = sum(check.outcome(report.tolerance) == "ok" for check in report.checks)
    yield "golden samples", f"{fine:,} of {counted(len(report.checks), 'image')} ok"
    yield "tolerance", f"{report.tolerance:g} of the threshold"
    yield "largest difference", f"score {score:.2g}, map {score_map:.2g}"
    yield "kept by", "; ".join(map(str, report.kept_by))
    yield "here", _spell_here(report.here, machine()["processor"])


def _spell_here(here: Circumstances, processor: str | None) -> str:
    return f"{here} ({processor})" if processor else str(here)


def _table(report: GoldenReport) -> Iterator[tuple[str, ...]]:
    """Golden samples, headed; differences as shares of the threshold."""
    yield "image", "score kept", "here", "difference", "of map", "verdict kept", "here", ""
    for check in report.checks:
        yield (
            check.kept.id,
            score_text(check.kept.score),
            score_text(check.here.score) if check.here else "",
            _share(check.score_difference),
            _share(check.map_difference),
            str(check.verdict_kept),
            str(check.verdict or ""),
            check.outcome(report.tolerance),
        )


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"
