"""`blemish learn`: good images that were rejected, added to a model."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from blemish.cli import console, outputs
from blemish.cli.bars import TerminalProgress
from blemish.cli.options import (
    AsJson,
    Because,
    Force,
    MaxPixels,
    ModelFile,
    NewModel,
    Provider,
    Raw,
    Threads,
    raw_arguments,
    read_limits,
    read_raw,
    use_threads,
)
from blemish.cli.steps import write_step
from blemish.images.suffixes import raw_counting
from blemish.station.images_named import find_images

Images = Annotated[
    list[Path],
    typer.Argument(metavar="IMAGE", help="Good images, and folders of them.", show_default=False),
]
Whole = Annotated[
    bool, typer.Option("--whole", help="Learn all of each image, not only what was flagged.")
]


def learn(
    model: ModelFile,
    images: Images,
    output: NewModel,
    *,
    whole: Whole = False,
    because: Because = "",
    max_pixels: MaxPixels = None,
    raw: Raw = None,
    threads: Threads = None,
    provider: Provider = "cpu",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Add good images that a model rejects to it, without a new fit.

    Only the flagged regions of each image are learned, or with --whole all of it. MODEL stays as
    it is; NEW.onnx says what was learned, why, and from which model (blemish inspect), and can be
    undone. The thresholds stay, and so does what they promise: more good patches can only lower a
    score. A defect that looks like what is learned is found no more, so learn good images alone.
    """
    use_threads(threads)
    outputs.check_file(output, force=force, sources=[model])
    import blemish
    from blemish.graph.engine import Engine

    raw_format = read_raw(raw)
    with raw_counting(raw_format is not None):
        named = [image.source for image in find_images(images).found]
    start = perf_counter()
    old = blemish.load(
        model, engine=Engine.named(provider), limits=read_limits(max_pixels), raw=raw_format
    )
    new = blemish.learn(old, named, whole=whole, because=because, progress=TerminalProgress())
    new.save(output, force=force)
    write_step(new, output, perf_counter() - start, as_json=as_json)
    console.next_steps(
        ["predict", output, "IMAGE...", *raw_arguments(raw_format)],
        ["undo", output, "-o", "OLD.onnx"],
    )
