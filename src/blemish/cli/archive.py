"""`blemish predict --engine ray`: what is told of an archive, and how the command ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from blemish.cli import console
from blemish.cli.bars import TerminalProgress
from blemish.cli.ending import end_as, tell_summary
from blemish.cli.options import read_limits
from blemish.predictions.archive import Judged, judge_archive
from blemish.predictions.part import How
from blemish.predictions.places import Folder


def predict_archive(
    model: Path,
    sources: Sequence[str],
    folder: Folder,
    how: How,
    *,
    address: str | None,
    resume: bool,
    force: bool,
    fail_on_defect: bool,
    as_json: bool,
) -> None:
    """Judge an archive, and tell what became of it. Exits with 1 or 3 as `predict` does."""
    import blemish

    start = perf_counter()
    loaded = blemish.load(model, limits=read_limits(how.max_pixels), raw=how.raw)
    judged = judge_archive(
        loaded,
        sources,
        folder,
        how,
        address=address,
        resume=resume,
        force=force,
        progress=TerminalProgress(),
    )
    summary, seconds = judged.summary, perf_counter() - start
    if as_json:
        console.write_json(_as_json(judged, folder, seconds))
    tell_summary(summary, seconds)
    end_as(summary, fail_on_defect=fail_on_defect)


def _as_json(judged: Judged, folder: Folder, seconds: float) -> dict[str, object]:
    summary = judged.summary
    return {
        "output": folder.place,
        "images": summary.total,
        "good": summary.good,
        "defects": summary.defects,
        "not_inspectable": summary.not_inspectable,
        "failures": summary.failures,
        "judged_before": summary.earlier,
        "unlike": summary.unlike,
        "parts": judged.parts,
        "parts_before": judged.parts_before,
        "seconds": seconds,
    }
