"""`blemish export`: a data set, or predictions to correct, in the format of another tool."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from blemish.cli import console
from blemish.cli.bars import TerminalProgress
from blemish.cli.options import (
    AsJson,
    Category,
    DataChoice,
    Defect,
    Force,
    Good,
    Ignore,
    MaxPixels,
    Raw,
    SplitSeed,
    TestFraction,
    read_limits,
    read_raw,
)


class To(StrEnum):
    """The formats."""

    COCO = "coco"
    LABELME = "labelme"
    YOLO = "yolo"
    FIFTYONE = "fiftyone"
    MVTEC_AD = "mvtec-ad"
    LABEL_STUDIO = "label-studio"


Source = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="Folder of images, manifest, surfaces; or a folder that predict -o wrote.",
        show_default=False,
    ),
]
Wanted = Annotated[To, typer.Option("--to", help="The format.", show_default=False)]
Output = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="DIR", help="Folder to write.", show_default=False),
]
Link = Annotated[bool, typer.Option("--link", help="Write links to the images, not copies.")]


def export(
    data: Source,
    *,
    to: Wanted,
    output: Output,
    category: Category = None,
    link: Link = False,
    good: Good = None,
    ignore: Ignore = None,
    defect: Defect = None,
    test_fraction: TestFraction = None,
    split_seed: SplitSeed = 0,
    max_pixels: MaxPixels = None,
    raw: Raw = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write data, or predictions to be corrected, for other tools.

    DIR holds images and annotations, whole or not at all: COCO (annotations/ and images/), LabelMe
    (a JSON file beside each image), YOLO (data.yaml, images/ and labels/), FiftyOne
    (FiftyOneDataset) or MVTec AD. Splits and types of defects are kept, and masks to the pixel;
    what a format has no place for is in DIR/blemish-images.jsonl. All of it is read again by
    blemish.

    Where DATA is a folder that predict --outlines -o DATA wrote, its regions become annotations:
    COCO, or tasks for Label Studio with labeling.xml, the interface that they go with.
    """
    from blemish.predictions.preannotations import export_predictions, holds_predictions

    limits, raw_format = read_limits(max_pixels), read_raw(raw)
    progress = TerminalProgress()
    if holds_predictions(data):
        names = export_predictions(
            data,
            output,
            to=to,
            link=link,
            force=force,
            limits=limits,
            raw=raw_format,
            progress=progress,
        )
        counts = {"images": len(names)}
    else:
        from blemish.data.export.write import export_dataset, format_named

        format_named(to)  # before any image is looked at
        choice = DataChoice(
            data, category, test_fraction, split_seed, good, ignore, defect, raw_format
        )
        dataset = choice.open()
        for text in dataset.notes:
            console.note(text)
        names = export_dataset(
            dataset,
            output,
            to=to,
            link=link,
            force=force,
            limits=limits,
            raw=raw_format,
            progress=progress,
        )
        counts = dict(sorted(Counter(sample.split for sample in dataset.samples).items()))
    if as_json:
        console.write_json({"path": str(output), "format": to.value, "images": names})
    else:
        facts = [("written", str(output)), ("format", to.value)]
        console.write_facts([*facts, *((name, f"{n:,}") for name, n in counts.items())])
    console.next_steps(["check", output])
