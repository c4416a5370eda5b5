"""`blemish forget`: training images, taken out of a model."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from blemish.cli import console, outputs
from blemish.cli.bars import TerminalProgress
from blemish.cli.options import AsJson, Because, Force, ModelFile, NewModel
from blemish.cli.steps import write_step

Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE",
        help="Training images: their files, or their names as inspect --json has them.",
        show_default=False,
    ),
]
TrainingImages = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where all images are that MODEL was fitted on."),
]


def forget(
    model: ModelFile,
    images: Images,
    output: NewModel,
    *,
    training_images: TrainingImages = None,
    because: Because = "",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Take training images out of a model, without a new fit.

    Their patches leave the bank, so that defects among the good images hide others like them no
    more; what other images share with them stays, for which these are looked at in DIR. MODEL
    stays as it is; NEW.onnx says what was forgotten and can be undone. Thresholds are set anew from
    the images that stay, but what they promise is open until blemish calibrate has seen good images
    that are new to the model. Images that were learned since go without any of that.
    """
    outputs.check_file(output, force=force, sources=[model])
    import blemish

    start = perf_counter()
    old = blemish.load(model)
    new = blemish.forget(
        old,
        images,
        training_images=training_images,
        because=because,
        progress=TerminalProgress(),
    )
    new.save(output, force=force)
    write_step(new, output, perf_counter() - start, as_json=as_json)
    console.next_steps(
        ["calibrate", output, "NEW-GOOD", "-o", "CALIBRATED.onnx"],
        ["undo", output, "-o", "OLD.onnx"],
    )
