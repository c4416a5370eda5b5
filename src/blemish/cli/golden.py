"""`blemish golden`: keep what a model makes of chosen images in its file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli import console, outputs
from blemish.cli.bars import TerminalProgress
from blemish.cli.options import (
    AsJson,
    Force,
    MaxPixels,
    ModelFile,
    Provider,
    Raw,
    Threads,
    raw_arguments,
    read_limits,
    read_raw,
    use_threads,
)
from blemish.wording import score_text

if TYPE_CHECKING:
    from blemish.model.model import Model

GoldenFolder = Annotated[
    Path,
    typer.Argument(metavar="DIR", help="Folder of the golden images.", show_default=False),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="NEW.onnx", help="Model file to write.", show_default=False
    ),
]
Add = Annotated[bool, typer.Option("--add", help="Golden samples that the model has already stay.")]


def golden(
    model: ModelFile,
    folder: GoldenFolder,
    *,
    output: Output,
    add: Add = False,
    max_pixels: MaxPixels = None,
    raw: Raw = None,
    threads: Threads = None,
    provider: Provider = "cpu",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Keep scores and maps of chosen images in a model file.

    blemish verify checks them after each update, wherever the model runs. Take some images of each
    kind, good and defective, in folders named for it; PNG or BMP decode alike everywhere. The
    images themselves are not in the file: keep DIR beside it. Golden samples that the model has
    are replaced, unless there is --add. Thresholds and scores stay as they are.
    """
    use_threads(threads)
    outputs.check_file(output, force=force)
    import blemish
    from blemish.graph.engine import Engine
    from blemish.images.suffixes import raw_counting

    raw_format = read_raw(raw)
    old = blemish.load(
        model, engine=Engine.named(provider), limits=read_limits(max_pixels), raw=raw_format
    )
    with raw_counting(raw_format is not None):
        new = blemish.keep_golden(old, folder, add=add, progress=TerminalProgress())
    new.save(output, force=force)
    if as_json:
        console.write_json(
            {"path": str(output), "sha256": new.sha256, "golden": new.facts.to_dict()["golden"]}
        )
    else:
        console.write_facts(
            [
                ("model", output),
                ("sha256", new.sha256),
                ("golden samples", f"{len(new.facts.golden):,}"),
            ]
        )
        console.write("\n" + console.columns(_table(new)))
    place = "DIR..." if add else folder  # what was there before may be from elsewhere
    console.next_steps(["verify", output, place, *raw_arguments(raw_format)])


def _table(model: Model) -> Iterator[tuple[str, ...]]:
    """Golden samples, headed: scores, how far from the threshold, verdicts."""
    threshold = model.calibration.image_threshold
    yield "image", "score", "from threshold", "verdict"
    for image in model.facts.golden:
        margin = f"{100 * image.margin(threshold):+.3g}%"
        yield image.id, score_text(image.score), margin, str(image.verdict(threshold))
