"""`blemish predict`: judge images, a line of JSON for each as soon as it is known."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli import console, outputs
from blemish.cli.bars import TerminalProgress
from blemish.cli.cluster import check_address
from blemish.cli.ending import end_as, tell_summary
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
    read_limits,
    read_megabytes,
    read_raw,
    use_threads,
)
from blemish.errors import UsageError
from blemish.images.suffixes import raw_counting
from blemish.memory import MEGABYTE
from blemish.station.earlier import LINES
from blemish.station.images_named import NamedImage, find_images, spell_passed_over
from blemish.station.places import Folder, is_address
from blemish.station.sinks import FolderSink, MapFormat
from blemish.station.summary import Summary

if TYPE_CHECKING:
    from blemish.result import Failure, Prediction
    from blemish.station.part import How

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
FailOnDefect = Annotated[
    bool,
    typer.Option(
        "--fail-on-defect", help="Exit code 3 where an image is a defect, or not inspectable."
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with the predictions in DIR that were interrupted.")
]
ErrorAsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print an error as JSON too (results always are); with --engine ray the counts.",
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
    fail_on_defect: FailOnDefect = False,
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
    as_json: ErrorAsJson = False,
) -> None:
    """Judge images: a line of JSON for each as it is known.

    A line holds path, score, p_value, tail_p_value, verdict, regions, notes (what sets the image
    apart from all training images) and seconds; where the verdict is "not inspectable", also
    reasons; of an image that cannot be judged, path and error. Exit code 1: there is such an image,
    or one not drawn. DIR has each line right after it is printed (a run that is killed may have
    printed one more); with --resume those that are there stay, and their images are not judged
    again unless they have changed or lack a drawing.

    A TIFF of several images gives a line for each, whose path is a.tif#1, a.tif#2 and so on.

    A region holds area_px, box_xyxy (x1 and y1 exclusive), peak_score and peak_xy, in pixels of
    the original image, turned upright as its EXIF data say. With --outlines it also holds
    outline_xy, polygons along the edges of its pixels, in coordinates of the box: the outer one,
    then one for each hole.

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
    if resume and (force or output is None):
        raise UsageError("--resume goes on with what is in -o DIR, and --force replaces it.")
    check_address(engine, ray_address)
    use_threads(threads)
    from blemish.station.part import How

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
    if engine == WorkEngine.LOCAL:
        _predict_here(model, images, output, how, overlay=overlay, **kept)
        return
    if output is None or overlay:
        raise UsageError(
            "--engine ray draws no overlays." if overlay else "--engine ray needs -o DIR."
        )
    from blemish.cli.archive import predict_archive

    folder = Folder.named(output)
    predict_archive(model, images, folder, how, address=ray_address, as_json=as_json, **kept)


def _predict_here(
    model: Path,
    images: Sequence[str],
    output: str | None,
    how: How,
    *,
    overlay: bool,
    resume: bool,
    force: bool,
    fail_on_defect: bool,
) -> None:
    """Judge by this process, and print each result as it is known. Exits with 1 or 3."""
    _refuse_stores([*images, *([] if output is None else [output])])
    folder = None if output is None else Path(output)
    with raw_counting(how.raw is not None):
        named = find_images([Path(image) for image in images], output=folder)
    if named.passed_over:
        console.note(spell_passed_over(named.passed_over))
    import blemish
    from blemish.graph.engine import Engine

    limits = read_limits(how.max_pixels)
    loaded = blemish.load(model, engine=Engine.named(how.provider), limits=limits, raw=how.raw)
    sink, summary, start = None, Summary(), perf_counter()
    with ExitStack() as kept:
        found = named.found
        if folder is not None:
            outputs.check_folder(folder, force=force or resume)
            sink = FolderSink(
                folder,
                loaded,
                TerminalProgress(),
                overlays=overlay,
                maps=how.maps,
                outlines=how.outlines,
            )
            kept.callback(sink.end)  # what was judged stays, whatever ends the rest
            earlier = sink.begin(found, provider=how.provider, resume=resume)
            found = earlier.left
            for line in earlier.results:
                summary.add_earlier(line)
        results = loaded.predict_each(
            [image.source for image in found],
            batch=how.batch,
            memory_bytes=how.memory_bytes,
            outlines=how.outlines,
        )
        _tell(found, results, summary, sink)
    tell_summary(summary, perf_counter() - start)
    end_as(summary, fail_on_defect=fail_on_defect, others=0 if sink is None else sink.failures)


def _memory_bytes(memory: str | None) -> int | None:
    megabytes = read_megabytes(memory)
    return None if megabytes is None else megabytes * MEGABYTE


def _refuse_stores(places: Sequence[str]) -> None:
    """Raise `UsageError` where something is named that only the other engine knows."""
    for place in filter(is_address, places):
        raise UsageError(f"'{place}' is in an object store, which --engine ray reads and writes.")


def _spelled(result: Prediction | Failure) -> Prediction | Failure:
    """A result, what failed told in options in the place of parameters."""
    from blemish.result import Failure

    if isinstance(result, Failure):
        return Failure(result.path, console.flags.of_text(result.error))
    return result


def _tell(
    images: Sequence[NamedImage],
    results: Iterator[Prediction | Failure],
    summary: Summary,
    sink: FolderSink | None,
) -> None:
    """Print, count and keep each result as it is known."""
    progress = TerminalProgress(bars=not sys.stdout.isatty())  # there, the lines tell
    with progress.stage("predict", len(images)) as advance:
        for image, found in zip(images, results, strict=True):
            result = _spelled(found)
            line = result.to_dict()
            console.write_json_line(line)
            summary.add(line)
            if sink is not None:
                sink.add(image.name, result)
            advance(1)
