"""`blemish evaluate`: how good a model is, or the maps of another tool, on labelled images."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blemish.cli import console
from blemish.cli.bars import TerminalProgress
from blemish.cli.command import GATE_NOT_MET
from blemish.cli.options import (
    AsJson,
    Category,
    DataChoice,
    Defect,
    Good,
    Ignore,
    MaxPixels,
    Provider,
    Raw,
    SplitSeed,
    TestFraction,
    Threads,
    read_limits,
    read_raw,
    use_threads,
)
from blemish.errors import UsageError, raise_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blemish.data.dataset import Dataset
    from blemish.evaluation import Evaluation
    from blemish.images.header import Reader
    from blemish.model.model import Model

ModelAndData = Annotated[
    list[Path],
    typer.Argument(
        metavar="[MODEL] DATA",
        help="Model file (none with --maps), and folder, manifest, or surfaces (drawn).",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="Also write scores.csv, and a record for blemish report.",
    ),
]
Require = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIGURE=VALUE",
        help="Exit code 4 unless met, as image.auroc=0.95; rates at most. Repeatable.",
    ),
]
Maps = Annotated[
    Path | None,
    typer.Option(
        "--maps",
        metavar="DIR",
        help="Measure maps of another tool (.npy, .tiff, 16-bit .png) in place of a model.",
    ),
]
Scores = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="With --maps: CSV or JSON of path and score (default: maxima of maps).",
    ),
]
ImageThreshold = Annotated[
    float | None,
    typer.Option("--threshold", metavar="SCORE", help="With --maps: reject images above it."),
]
PixelThreshold = Annotated[
    float | None,
    typer.Option(metavar="SCORE", help="With --maps: flag pixels above it."),
]
ResizeMaps = Annotated[
    bool,
    typer.Option("--resize-maps", help="With --maps: bring maps to their images' size."),
]
Name = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="With --maps: of the tool (default: the folder's name)."),
]
RunSeed = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="With --maps: seed of the tool's run.")
]


def evaluate(
    model_and_data: ModelAndData,
    *,
    maps: Maps = None,
    output: Output = None,
    require: Require = None,
    category: Category = None,
    good: Good = None,
    ignore: Ignore = None,
    defect: Defect = None,
    test_fraction: TestFraction = None,
    split_seed: SplitSeed = 0,
    scores: Scores = None,
    threshold: ImageThreshold = None,
    pixel_threshold: PixelThreshold = None,
    resize_maps: ResizeMaps = False,
    name: Name = None,
    seed: RunSeed = None,
    max_pixels: MaxPixels = None,
    raw: Raw = None,
    threads: Threads = None,
    provider: Provider = "cpu",
    as_json: AsJson = False,
) -> None:
    """Measure a model, or maps of another tool, on labelled images.

    From raw scores, at the images' own resolution; no label moves a threshold.
    """
    of_maps: dict[str, Any] = {
        "--scores": scores,
        "--threshold": threshold,
        "--pixel-threshold": pixel_threshold,
        "--resize-maps": resize_maps or None,
        "--name": name,
        "--seed": seed,
    }
    model, data = _model_and_data(model_and_data, maps)
    _check_options(of_maps, maps, provider)
    use_threads(threads)
    import blemish
    from blemish.cli.gates import read_gates
    from blemish.graph.engine import Engine
    from blemish.images.header import Reader

    gates, raw_format = read_gates(require or ()), read_raw(raw)
    choice = DataChoice(data, category, test_fraction, split_seed, good, ignore, defect, raw_format)
    dataset = choice.open()
    limits = read_limits(max_pixels)
    if maps is None:
        loaded = blemish.load(model, engine=Engine.named(provider), limits=limits, raw=raw_format)
        found = _measure_model(loaded, dataset, output)
    else:
        found = _measure_maps(maps, dataset, output, Reader(limits, raw=raw_format), of_maps)
    _tell(found, dataset, output, as_json=as_json)
    missed = [problem for gate in gates if (problem := gate.problem(found.figures()))]
    for problem in missed:
        console.error(problem)
    if missed:
        raise typer.Exit(GATE_NOT_MET)


def _model_and_data(words: Sequence[Path], maps: Path | None) -> tuple[Path, Path]:
    """Model and data set that were named; of maps the data set is the only one, given twice.

    Raises:
        UsageError: too much or too little is named.
    """
    if maps is None and len(words) == 1:
        raise UsageError(
            f"'{words[0]}' is all that is named; name a model and a data set (MODEL DATA), or a "
            "data set and the maps of another tool (DATA --maps DIR)."
        )
    if maps is not None and len(words) == 2:
        raise UsageError(
            f"--maps measures '{maps}' in place of a model; leave out '{words[0]}', or --maps."
        )
    if len(words) > 2:
        raise UsageError(f"'{words[2]}' is one name too many; evaluate takes [MODEL] DATA.")
    return words[0], words[-1]


def _check_options(of_maps: Mapping[str, Any], maps: Path | None, provider: str) -> None:
    """Raise `UsageError` for options that do not go together, or hold what cannot be used."""
    given = {option: value for option, value in of_maps.items() if value is not None}
    problems = [f"'{option}' goes with --maps." for option in given] if maps is None else []
    if maps is not None and provider != "cpu":
        problems.append("'--provider' goes with a model; maps need none.")
    problems += [
        f"'{option}' must be a finite number; got {given[option]}."
        for option in ("--threshold", "--pixel-threshold")
        if option in given and not math.isfinite(given[option])
    ]
    if not given.get("--name", "maps").strip():
        problems.append("'--name' must not be empty.")
    raise_all(problems, UsageError)


def _measure_model(model: Model, dataset: Dataset, output: Path | None) -> Evaluation:
    from blemish.evaluation import evaluate as measure
    from blemish.evaluation.recording import evaluate_into

    progress = TerminalProgress()
    if output is None:
        return measure(model, dataset, progress=progress)
    return evaluate_into(model, dataset, output, progress=progress)[0]


def _measure_maps(
    folder: Path,
    dataset: Dataset,
    output: Path | None,
    reader: Reader,
    options: Mapping[str, Any],
) -> Evaluation:
    from blemish.evaluation import ScoreMaps, evaluate_maps
    from blemish.evaluation.recording import evaluate_maps_into
    from blemish.metrics.decisions import Thresholds

    progress = TerminalProgress()
    maps = ScoreMaps(
        folder,
        dataset,
        scores=options["--scores"],
        resize=bool(options["--resize-maps"]),
        thresholds=Thresholds(options["--threshold"], options["--pixel-threshold"]),
        reader=reader,
    )
    if output is None:
        return evaluate_maps(maps, progress=progress)
    name = options["--name"] or folder.resolve().name or "maps"
    seed = options["--seed"] or 0
    return evaluate_maps_into(maps, dataset, output, name=name, seed=seed, progress=progress)[0]


def _tell(found: Evaluation, dataset: Dataset, output: Path | None, *, as_json: bool) -> None:
    """Figures on standard output; what must be said of them, and what comes next, beside it."""
    if as_json:
        console.write_json(found.figures().to_dict() | {"seconds": found.seconds})
    else:
        from blemish.cli.figures import figures_text

        console.write(figures_text(found))
    for sentence in (*dataset.notes, *found.notes):
        console.note(sentence)
    if output is not None:
        from blemish.records.folder import read_records
        from blemish.records.scores import write_scores

        write_scores(output, read_records(output))
        console.next_steps(["report", output])
