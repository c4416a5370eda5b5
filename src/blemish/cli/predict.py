"""`blemish predict`: judge images, a line of JSON for each as soon as it is known."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli import console, outputs
from blemish.cli.bars import TerminalProgress
from blemish.cli.cluster import check_address
from blemish.cli.command import GATE_NOT_MET
from blemish.cli.drift import FailOnDrift, MonitorFile, OfLine, PartsPerAlarm, tell_drift
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
from blemish.errors import BlemishError, UsageError
from blemish.images.suffixes import raw_counting
from blemish.memory import MEGABYTE
from blemish.predictions.earlier import LINES
from blemish.predictions.images_named import NamedImage, find_images, spell_passed_over
from blemish.predictions.places import Folder, is_address
from blemish.predictions.sinks import FolderSink, MapFormat
from blemish.predictions.summary import Summary

if TYPE_CHECKING:
    from blemish.model.evidence import Comparisons
    from blemish.model.model import Model
    from blemish.monitor.monitor import Monitor
    from blemish.predictions.part import How
    from blemish.result import Failure, Prediction

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


@dataclass(frozen=True)
class Watched:
    """What is asked of a monitor.

    Attributes:
        path: of its state.
        of_line: whether it begins with the line's own parts.
        parts_per_alarm: parts among which a false alarm may come once.
        fails: whether drift ends the command with an exit code.
    """

    path: Path
    of_line: bool
    parts_per_alarm: int | None
    fails: bool

    def begin(self, model: Model) -> Monitor:
        """A new monitor, or the one whose state is there.

        Raises:
            MonitorError: what is there is no state, or one of another model.
            UsageError: what is asked differs from what it began with, or it cannot be written.
        """
        from blemish.monitor.monitor import PARTS_PER_ALARM, Monitor
        from blemish.monitor.reference import reference_of

        outputs.check_file(self.path, force=True)
        if not self.path.exists():
            reference = reference_of(model)
            return Monitor(
                reference.of_line() if self.of_line else reference,
                parts_per_alarm=self.parts_per_alarm or PARTS_PER_ALARM,
            )
        monitor = Monitor.load(self.path, model_sha256=model.sha256)
        if self.parts_per_alarm not in (None, monitor.parts_per_alarm):
            raise UsageError(
                f"'{self.path}' began with --parts-per-alarm {monitor.parts_per_alarm}; leave the "
                "option out, or name another file to begin anew."
            )
        return monitor


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
    if engine == WorkEngine.LOCAL:
        asked = (monitor_line, parts_per_alarm, fail_on_drift)
        watched = None if monitor is None else Watched(monitor, *asked)
        _predict_here(
            model,
            images,
            output,
            how,
            watched,
            overlay=overlay,
            evidence=evidence,
            training_images=training_images,
            **kept,
        )
        return
    if monitor is not None:
        raise UsageError("--engine ray judges in no order, and a monitor goes by it.")
    if output is None or overlay or evidence:
        not_there = "draws no overlays" if overlay else "keeps no evidence"
        raise UsageError(f"--engine ray {not_there if overlay or evidence else 'needs -o DIR'}.")
    from blemish.cli.archive import predict_archive

    folder = Folder.named(output)
    predict_archive(model, images, folder, how, address=ray_address, as_json=as_json, **kept)


def _predict_here(
    model: Path,
    images: Sequence[str],
    output: str | None,
    how: How,
    watched: Watched | None,
    *,
    overlay: bool,
    evidence: bool,
    training_images: Path | None,
    resume: bool,
    force: bool,
    fail_on_defect: bool,
) -> None:
    """Judge by this process, and print each result as it is known. Exits with 1, 3 or 4."""
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
    monitor = None if watched is None else watched.begin(loaded)
    comparisons = _comparisons(loaded, training_images) if evidence else None
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
                comparisons=comparisons,
            )
            kept.callback(sink.end)  # what was judged stays, whatever ends the rest
            earlier = sink.begin(found, provider=how.provider, resume=resume)
            found = earlier.left
            for line in earlier.results:
                summary.add_earlier(line)
        if monitor and watched:
            kept.callback(monitor.save, watched.path)  # as far as it went, whatever ends the rest
        results = loaded.predict_each(
            [image.source for image in found],
            batch=how.batch,
            memory_bytes=how.memory_bytes,
            outlines=how.outlines,
            looks=monitor is not None,
        )
        compared = _compared(comparisons, found, results) if comparisons else results
        _tell(found, compared, summary, sink, monitor)
    tell_summary(summary, perf_counter() - start)
    if monitor:
        tell_drift(monitor)
    end_as(summary, fail_on_defect=fail_on_defect, others=0 if sink is None else sink.failures)
    if watched and watched.fails and monitor and monitor.alarm:
        raise typer.Exit(GATE_NOT_MET)


def _comparisons(model: Model, folder: Path | None) -> Comparisons:
    from blemish.model.evidence import Comparisons

    return Comparisons.of(model, folder)


def _compared(
    comparisons: Comparisons,
    images: Sequence[NamedImage],
    results: Iterator[Prediction | Failure],
) -> Iterator[Prediction | Failure]:
    """Results that say what their regions were compared with."""
    from blemish.result import Failure

    for image, result in zip(images, results, strict=True):
        if isinstance(result, Failure):
            yield result
            continue
        try:
            yield comparisons.shown(image.source, result)
        except BlemishError as error:
            yield Failure(result.path, str(error))


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
    monitor: Monitor | None,
) -> None:
    """Print, count, keep and watch each result as it is known."""
    from blemish.result import Prediction

    progress = TerminalProgress(bars=not sys.stdout.isatty())  # there, the lines tell
    with progress.stage("predict", len(images)) as advance:
        for image, found in zip(images, results, strict=True):
            result = _spelled(found)
            line = result.to_dict()
            console.write_json_line(line)
            summary.add(line)
            if sink is not None:
                sink.add(image.name, result)
            if monitor is not None and isinstance(result, Prediction):
                monitor.update(result)
            advance(1)
