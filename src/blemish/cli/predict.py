"""`blemish predict`: judge images; a line for each as soon as it is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blemish.cli import console
from blemish.cli.cluster import check_address
from blemish.cli.drift import FailOnDrift, PartsPerAlarm
from blemish.cli.options import (
    Force,
    JudgingMemory,
    MaxPixels,
    ModelFile,
    OnEngine,
    Provider,
    Raw,
    RayAddress,
    Threads,
    WorkEngine,
    read_megabytes,
    read_raw,
    use_threads,
)
from blemish.cli.predict_here import predict_here
from blemish.cli.watched import MonitorFile, OfLine, Watched
from blemish.errors import UsageError
from blemish.memory import MEGABYTE
from blemish.predictions.earlier import LINES
from blemish.predictions.places import Folder
from blemish.predictions.sinks import MapFormat

ImageArguments = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE",
        help="Images, and folders of them; with --engine ray also globs, lists and s3://...",
        show_default=False,
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help=f"Also write {LINES} to this folder; with --engine ray Parquet files.",
    ),
]
Overlay = Annotated[
    bool, typer.Option("--overlay", help="Draw the heat map over each image, to DIR.")
]
Maps = Annotated[
    bool, typer.Option("--maps", help="Write each map of raw scores, H x W float32 .npy, to DIR.")
]
MapsAs = Annotated[
    MapFormat | None,
    typer.Option(help="The same as a.png.npy, a.tiff or a.png.png; evaluate --maps reads all."),
]
Outlines = Annotated[
    bool, typer.Option("--outlines", help="Tell the outline of each region too, as polygons.")
]
WithEvidence = Annotated[
    bool, typer.Option("--evidence", help="Tell what good patch each region was compared with.")
]
TrainingImages = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Where its images are, to be drawn (default: thumbnails in MODEL)."
    ),
]
FailOnDefect = Annotated[
    bool,
    typer.Option(
        "--fail-on-defect", help="Exit code 3 where an image is a defect, or not inspectable."
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with the predictions in DIR that were interrupted.")
]
LinesAsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print JSON on a terminal, too, and errors as JSON; with --engine ray the counts.",
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, help="Most images to judge at once (default: what the fit found best)."
    ),
]


def predict(
    model: ModelFile,
    images: ImageArguments,
    *,
    output: Output = None,
    overlay: Overlay = False,
    maps: Maps = False,
    maps_as: MapsAs = None,
    outlines: Outlines = False,
    evidence: WithEvidence = False,
    training_images: TrainingImages = None,
    fail_on_defect: FailOnDefect = False,
    monitor: MonitorFile = None,
    monitor_line: OfLine = False,
    parts_per_alarm: PartsPerAlarm = None,
    fail_on_drift: FailOnDrift = False,
    batch: Batch = None,
    max_pixels: MaxPixels = None,
    raw: Raw = None,
    memory: JudgingMemory = None,
    threads: Threads = None,
    provider: Provider = "cpu",
    engine: OnEngine = WorkEngine.LOCAL,
    ray_address: RayAddress = None,
    resume: Resume = False,
    force: Force = False,
    as_json: LinesAsJson = False,
) -> None:
    """Judge images: a line for each as it is known.

    On a terminal it is one of a table: verdict, score beside the threshold, and where the image is
    odd. In a pipe or a file, or with --json, it is a line of JSON. That holds path, score, p_value
    (the share of good images that score as high), tail_p_value, verdict, regions, notes (what sets
    the image apart from all training images) and seconds; where the verdict is "not inspectable",
    also reasons; of an image that cannot be judged, path and error. Exit code 1: there is such an
    image, or one not drawn. DIR has each line, as JSON, right after it is printed (a run that is
    killed may have printed one more); with --resume those that are there stay, and their images are
    not judged again unless they have changed or lack a drawing.

    A TIFF of several images gives a line for each, whose path is a.tif#1, a.tif#2 and so on.

    A region holds area_px, box_xyxy (x1 and y1 exclusive), peak_score and peak_xy, in pixels of
    the original image, turned upright as its EXIF data say. With --outlines it also holds
    outline_xy, polygons along the edges of its pixels, in coordinates of the box: the outer one,
    then one for each hole. With --evidence it also holds evidence: the good patch that its oddest
    one was nearest to, with image and sha256 of the training image, box_xyxy there, patch_xyxy
    here, and distance. An overlay then shows both side by side, odd left, good right, where the
    model keeps thumbnails (fit --thumbnails) or --training-images names the folder of its images.

    With --monitor the images are parts of a line, in their order: STATE keeps how they compare with
    the training images, from run to run, and what has changed is told, once it is more than chance
    would show. Lines then hold look, too: brightness, contrast, sharpness, slant, right, down and
    turn_deg.

    With --engine ray IMAGE may also be a glob in quotes, a prefix or file of an object store
    (s3://, gs://), or a list, JSONL or Parquet with a column path or uri; DIR may be in a store,
    too. All images are listed once, to DIR/_images.jsonl, and judged in parts: DIR/part-*.parquet
    holds what lines hold, with error and model_sha256, and of each map its file (map_offset +
    map_scale * level is a score of a png16). Parts come in no order; with --resume those that are
    there stay, and what is listed stays the same. Nothing is printed on standard output but, with
    --json, the counts at the end.
    """
    map_format = maps_as or (MapFormat.NPY if maps else None)
    if output is None and (overlay or map_format):
        raise UsageError(f"{'--overlay' if overlay else '--maps'} needs a folder: -o DIR.")
    if training_images is not None and not evidence:
        raise UsageError("--training-images is where --evidence takes good patches from; add it.")
    if resume and (force or output is None):
        raise UsageError("--resume goes on with what is in -o DIR, and --force replaces it.")
    if monitor is None and (monitor_line or parts_per_alarm or fail_on_drift):
        raise UsageError("Drift is seen by a monitor: --monitor STATE.")
    check_address(engine, ray_address)
    use_threads(threads)
    from blemish.predictions.part import How

    how = How(
        str(model),
        provider=provider,
        batch=batch,
        max_pixels=max_pixels,
        raw=read_raw(raw),
        memory_bytes=_memory_bytes(memory),
        outlines=outlines,
        maps=map_format,
        here=str(Path.cwd()),
        spell=console.flags.of_text,
    )
    kept: dict[str, bool] = {"resume": resume, "force": force, "fail_on_defect": fail_on_defect}
    if engine == WorkEngine.RAY:
        watching = monitor is not None
        folder = _ray_folder(output, watching=watching, overlay=overlay, evidence=evidence)
        from blemish.cli.archive import predict_archive

        predict_archive(model, images, folder, how, address=ray_address, as_json=as_json, **kept)
        return
    asked = (monitor_line, parts_per_alarm, fail_on_drift)
    predict_here(
        model,
        images,
        output,
        how,
        None if monitor is None else Watched(monitor, *asked),
        overlay=overlay,
        evidence=evidence,
        training_images=training_images,
        as_json=as_json,
        **kept,
    )


def _ray_folder(output: str | None, *, watching: bool, overlay: bool, evidence: bool) -> Folder:
    """Where an archive goes. Raises `UsageError` where more is asked than parts can give."""
    if watching:
        raise UsageError("--engine ray judges in no order, and a monitor goes by it.")
    if overlay:
        raise UsageError("--engine ray draws no overlays.")
    if evidence:
        raise UsageError("--engine ray keeps no evidence.")
    if output is None:
        raise UsageError("--engine ray needs -o DIR.")
    return Folder.named(output)


def _memory_bytes(memory: str | None) -> int | None:
    megabytes = read_megabytes(memory)
    return None if megabytes is None else megabytes * MEGABYTE
