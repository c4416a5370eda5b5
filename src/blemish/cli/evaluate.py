"""`blemish evaluate`: how good a model is, on labelled test pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli import console
from blemish.cli.bars import TerminalProgress
from blemish.cli.command import GATE_NOT_MET
from blemish.cli.gates import read_gates
from blemish.cli.options import (
    AsJson,
    Category,
    Data,
    MaxPixels,
    ModelFile,
    Provider,
    SplitSeed,
    TestFraction,
    Threads,
    read_limits,
    use_threads,
)
from blemish.report.cells import UNDEFINED, count_text, rate_text, seconds_text, share_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from blemish.evaluation import Evaluation

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Also write a record for blemish report."),
]
Require = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIGURE=VALUE",
        help="Exit code 4 unless met, as image.auroc=0.95; rates at most. Repeatable.",
    ),
]

FIGURES: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("AUROC", "auroc", share_text),
    ("AP", "ap", share_text),
    ("F1-max", "f1_max", share_text),
    ("F1 at threshold", "f1", share_text),
    ("False alarms", "false_alarm_rate", rate_text),
    ("Misses", "miss_rate", rate_text),
)


def evaluate(
    model: ModelFile,
    data: Data,
    *,
    output: Output = None,
    require: Require = None,
    category: Category = None,
    test_fraction: TestFraction = None,
    split_seed: SplitSeed = 0,
    max_pixels: MaxPixels = None,
    threads: Threads = None,
    provider: Provider = "cpu",
    as_json: AsJson = False,
) -> None:
    """Measure a model on labelled test pictures.

    From raw scores, at the pictures' own resolution; no label moves a threshold.
    """
    use_threads(threads)
    gates = read_gates(require or ())
    import blemish
    from blemish.benchmark.records import evaluate_into

    loaded = blemish.load(model, provider=provider)
    dataset = blemish.open_dataset(
        data, category=category, seed=split_seed, test_fraction=test_fraction
    )
    progress, limits = TerminalProgress(), read_limits(max_pixels)
    if output is None:
        found = blemish.evaluate(loaded, dataset, limits=limits, progress=progress)
    else:
        found, _ = evaluate_into(loaded, dataset, output, progress=progress, limits=limits)
    if as_json:
        console.write_json(found.figures() | {"seconds": found.seconds})
    else:
        console.write(_text(found))
    for sentence in (*dataset.notes, *found.notes):
        console.note(sentence)
    if output is not None:
        console.next_steps(["report", output])
    missed = [problem for gate in gates if (problem := gate.problem(found.figures()))]
    for problem in missed:
        console.error(problem)
    if missed:
        raise typer.Exit(GATE_NOT_MET)


def _text(found: Evaluation) -> str:
    """Figures of pictures and pixels side by side, then those of each type of defect."""
    rows: list[tuple[str, ...]] = [("", "image", "pixel")]
    for title, name, spell in FIGURES:
        rows.append((title, *(_spell(level[name], spell) for level in (found.image, found.pixel))))
    text = console.columns(rows)
    if found.per_type:
        text += "\n" + console.columns(_type_rows(found))
    took = found.seconds["predict_per_picture"]
    return text + f"\n{len(found.pictures):,} pictures, {seconds_text(took)} each\n"


def _type_rows(found: Evaluation) -> Iterator[tuple[str, ...]]:
    yield "defect", "pictures", "image AUROC", "pixel AUROC", "misses"
    for kind, figures in found.per_type.items():
        yield (
            kind,
            _spell(figures["pictures"], count_text),
            _spell(figures["image_auroc"], share_text),
            _spell(figures["pixel_auroc"], share_text),
            _spell(figures["miss_rate"], rate_text),
        )


def _spell(value: float | None, spell: Callable[[float], str]) -> str:
    return UNDEFINED if value is None else spell(value)
