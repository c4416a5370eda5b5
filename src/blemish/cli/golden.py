"""`blemish golden`: keep what a model makes of chosen images in its file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli import console, outputs
from blemish.cli.bars import TerminalProgress
from blemish.cli.models import ModelChoice, tell_made
from blemish.cli.options import (
    AsJson,
    Force,
    MaxPixels,
    ModelFile,
    NewModel,
    Provider,
    Raw,
    Threads,
    use_threads,
)
from blemish.wording import score_text

if TYPE_CHECKING:
    from blemish.model.model import Model

GoldenFolder = Annotated[
    Path,
    typer.Argument(metavar="DIR", help="Folder of the golden images.", show_default=False),
]
Add = Annotated[bool, typer.Option("--add", help="Golden samples that the model has already stay.")]


def golden(
    model: ModelFile,
    folder: GoldenFolder,
    *,
    output: NewModel,
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

    choice = ModelChoice.read(model, provider, max_pixels, raw)
    old = choice.load()
    with choice.raw_counting():
        new = blemish.keep_golden(old, folder, add=add, progress=TerminalProgress())
    new.save(output, force=force)
    tell_made(
        new,
        output,
        as_json=as_json,
        result={"golden": new.facts.to_dict()["golden"]},
        facts=[("golden samples", f"{len(new.facts.golden):,}")],
        table=_table(new),
    )
    place = "DIR..." if add else folder  # what was there before may be from elsewhere
    console.next_steps(["verify", output, place, *choice.raw_arguments])


def _table(model: Model) -> Iterator[tuple[str, ...]]:
    """Golden samples, headed: scores, how far from the threshold, verdicts."""
    threshold = model.calibration.image_threshold
    yield "image", "score", "from threshold", "verdict"
    for image in model.facts.golden:
        margin = f"{100 * image.margin(threshold):+.3g}%"
        yield image.id, score_text(image.score), margin, str(image.verdict(threshold))
