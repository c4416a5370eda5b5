"""`blemish learn`: good images that were rejected, added to a model."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blemish.cli import console, outputs
from blemish.cli.bars import TerminalProgress
from blemish.cli.models import ModelChoice
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
    use_threads,
)
from blemish.cli.steps import write_step
from blemish.errors import UsageError

if TYPE_CHECKING:
    from blemish.result import Box

Images = Annotated[
    list[Path],
    typer.Argument(metavar="IMAGE", help="Images, and folders of them.", show_default=False),
]
Whole = Annotated[
    bool, typer.Option("--whole", help="Learn all of each image, not only what was flagged.")
]
Defect = Annotated[
    bool, typer.Option("--defect", help="The images are defects: find what is nearly the same.")
]
Good = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="PATH",
        help="Of --defect: good images that MODEL has not seen, or folders of them. Repeatable.",
    ),
]
BoxXyxy = Annotated[
    str | None,
    typer.Option(
        metavar="X0,Y0,X1,Y1",
        help="Of --defect: where it is, in pixels (default: what is flagged).",
    ),
]


def learn(
    model: ModelFile,
    images: Images,
    output: NewModel,
    *,
    whole: Whole = False,
    defect: Defect = False,
    good: Good = None,
    box_xyxy: BoxXyxy = None,
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

    With --defect the images are defects, and what is nearer to them than to any good patch is
    raised, as far as --good images allow: how many good images that may reject more is told.
    """
    box = _check(defect=defect, good=good, box_xyxy=box_xyxy, whole=whole)
    use_threads(threads)
    outputs.check_file(output, force=force, sources=[model])
    import blemish

    choice = ModelChoice.read(model, provider, max_pixels, raw)
    named, fresh = choice.images(images), choice.images(good)
    start = perf_counter()
    old = choice.load()
    told: dict[str, Any] = {"because": because, "progress": TerminalProgress()}
    if defect:
        new = blemish.learn_defects(old, named, fresh, box_xyxy=box, **told)
    else:
        new = blemish.learn(old, named, whole=whole, **told)
    new.save(output, force=force)
    write_step(new, output, perf_counter() - start, as_json=as_json)
    console.next_steps(
        ["predict", output, "IMAGE...", *choice.raw_arguments],
        ["undo", output, "-o", "OLD.onnx"],
    )


def _check(
    *, defect: bool, good: list[Path] | None, box_xyxy: str | None, whole: bool
) -> Box | None:
    """The box of a defect, if any. Raises `UsageError` where options do not go together."""
    if not defect and (good or box_xyxy):
        raise UsageError("--good and --box-xyxy are for --defect; add it.")
    if defect and whole:
        raise UsageError("--whole is for good images; --box-xyxy says where a defect is.")
    if defect and not good:
        raise UsageError(
            "How near to a defect counts is set by good images that MODEL has not seen: add --good "
            "FOLDER."
        )
    if box_xyxy is None:
        return None
    words = box_xyxy.split(",")
    if len(words) != 4 or not all(word.strip().isdecimal() for word in words):
        raise UsageError(f"--box-xyxy must be four whole numbers, X0,Y0,X1,Y1; got '{box_xyxy}'.")
    x0, y0, x1, y1 = map(int, words)
    return x0, y0, x1, y1
