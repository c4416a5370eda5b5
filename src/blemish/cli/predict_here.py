"""`blemish predict` by this process: each result is printed, kept and watched as it is known."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import typer

from blemish.cli import console, outputs
from blemish.cli.bars import TerminalProgress
from blemish.cli.command import GATE_NOT_MET
from blemish.cli.drift import tell_drift
from blemish.cli.ending import end_as, tell_summary
from blemish.cli.options import read_limits
from blemish.cli.watched import Watched
from blemish.errors import BlemishError, UsageError
from blemish.images.suffixes import raw_counting
from blemish.predictions.images_named import NamedImage, find_images, spell_passed_over
from blemish.predictions.places import is_address
from blemish.predictions.sinks import FolderSink
from blemish.predictions.summary import Summary

if TYPE_CHECKING:
    from blemish.cli.verdict_table import VerdictTable
    from blemish.model.evidence import Comparisons
    from blemish.model.model import Model
    from blemish.monitor.monitor import Monitor
    from blemish.predictions.part import How
    from blemish.result import Failure, Prediction


def predict_here(
    model: Path,
    images: Sequence[str],
    output: str | None,
    how: How,
    watched: Watched | None,
    *,
    overlay: bool,
    evidence: bool,
    training_images: Path | None,
    resume: bool,
    force: bool,
    fail_on_defect: bool,
    as_json: bool,
) -> None:
    """Judge images, and print each result as it is known. Exits with 1, 3 or 4."""
    _refuse_stores([*images, *([] if output is None else [output])])
    folder = None if output is None else Path(output)
    found = _found(images, folder, raw=how.raw is not None)
    import blemish
    from blemish.graph.engine import Engine

    limits = read_limits(how.max_pixels)
    loaded = blemish.load(model, engine=Engine.named(how.provider), limits=limits, raw=how.raw)
    comparisons = _comparisons(loaded, training_images) if evidence else None
    sink, summary, start = None, Summary(), perf_counter()
    with ExitStack() as kept:  # what was judged and watched stays, whatever ends the rest
        monitor = None if watched is None else kept.enter_context(watched.held(loaded))
        if folder is not None:
            outputs.check_folder(folder, force=force or resume)
            sink = FolderSink(
                folder,
                loaded,
                TerminalProgress(),
                overlays=overlay,
                maps=how.maps,
                outlines=how.outlines,
                comparisons=comparisons,
            )
            kept.callback(sink.end)
            earlier = sink.begin(found, provider=how.provider, resume=resume)
            found = earlier.left
            for line in earlier.results:
                summary.add_earlier(line)
        results = loaded.predict_each(
            [image.source for image in found],
            batch=how.batch,
            memory_bytes=how.memory_bytes,
            outlines=how.outlines,
            looks=monitor is not None,
        )
        compared = _compared(comparisons, found, results) if comparisons else results
        table = None if as_json or not sys.stdout.isatty() else _table(loaded, found)
        _tell(found, compared, summary, sink, monitor, table=table)
    tell_summary(summary, perf_counter() - start)
    if monitor:
        tell_drift(monitor)
    end_as(summary, fail_on_defect=fail_on_defect, others=0 if sink is None else sink.failures)
    if watched and watched.fails and monitor and monitor.alarm:
        raise typer.Exit(GATE_NOT_MET)


def _found(images: Sequence[str], output: Path | None, *, raw: bool) -> Sequence[NamedImage]:
    """The images that are meant; what is passed over is told."""
    with raw_counting(raw):
        named = find_images([Path(image) for image in images], output=output)
    if named.passed_over:
        console.note(spell_passed_over(named.passed_over))
    return named.found


def _comparisons(model: Model, folder: Path | None) -> Comparisons:
    from blemish.model.evidence import Comparisons

    return Comparisons.of(model, folder)


def _compared(
    comparisons: Comparisons,
    images: Sequence[NamedImage],
    results: Iterator[Prediction | Failure],
) -> Iterator[Prediction | Failure]:
    """Results that say what their regions were compared with."""
    from blemish.result import Failure

    for image, result in zip(images, results, strict=True):
        if isinstance(result, Failure):
            yield result
            continue
        try:
            yield comparisons.shown(image.source, result)
        except BlemishError as error:
            yield Failure(result.path, str(error))


def _refuse_stores(places: Sequence[str]) -> None:
    """Raise `UsageError` where something is named that only the other engine knows."""
    for place in filter(is_address, places):
        raise UsageError(f"'{place}' is in an object store, which --engine ray reads and writes.")


def _table(model: Model, images: Sequence[NamedImage]) -> VerdictTable:
    """What a person at a terminal is shown, in the place of lines of JSON."""
    from blemish.cli.verdict_table import VerdictTable

    threshold = model.calibration.stated().image_threshold if model.calibration else None
    return VerdictTable([str(image.source) for image in images], threshold)


def _spelled(result: Prediction | Failure) -> Prediction | Failure:
    """A result, what failed told in options in the place of parameters."""
    from blemish.result import Failure

    if isinstance(result, Failure):
        return Failure(result.path, console.flags.of_text(result.error))
    return result


def _tell(
    images: Sequence[NamedImage],
    results: Iterator[Prediction | Failure],
    summary: Summary,
    sink: FolderSink | None,
    monitor: Monitor | None,
    *,
    table: VerdictTable | None,
) -> None:
    """Print, count, keep and watch each result as it is known."""
    from blemish.result import Prediction

    if table is not None and images:
        console.write(f"{table.heading()}\n")
    progress = TerminalProgress(bars=not sys.stdout.isatty())  # there, the lines tell
    with progress.stage("predict", len(images)) as advance:
        for image, found in zip(images, results, strict=True):
            result = _spelled(found)
            line = result.to_dict()
            if table is None:
                console.write_json_line(line)
            else:
                console.write(f"{table.row(result)}\n")
            summary.add(line)
            if sink is not None:
                sink.add(image.name, result)
            if monitor is not None and isinstance(result, Prediction):
                monitor.update(result)
            advance(1)
