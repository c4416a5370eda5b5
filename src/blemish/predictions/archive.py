"""Archives: any number of images judged by the machines of a Ray cluster, in parts.

The source is listed once, into the folder of the output; a part is some images of that list, the
unit of work, of trying again and of going on: it is there as a whole, or not at all. Pixels never
pass through Ray: whoever judges a part reads its images, and writes its file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from blemish.cluster.connect import connected
from blemish.cluster.pool import Places, places, through_pool
from blemish.cluster.probe import PROBE, check_machines
from blemish.errors import BlemishError, UsageError
from blemish.files import held, is_temporary, take_away_temporaries
from blemish.images.suffixes import raw_counting
from blemish.predictions.earlier import refuse_differing
from blemish.predictions.images_named import spell_passed_over
from blemish.predictions.part import How, Judge, part_name
from blemish.predictions.places import Folder, is_address, parquet
from blemish.predictions.sources import LIST, LIST_SUFFIXES, Parts, read_parts, write_list
from blemish.predictions.summary import Summary
from blemish.typed_json import Hash, JsonError, Positive, as_type, read_json
from blemish.wording import counted

if TYPE_CHECKING:
    from blemish.model.model import Model
    from blemish.progress import Progress

RUN = "_run.json"  # what judged; written after the list and before the first part
LEAST_IN_A_PART, MOST_IN_A_PART = 16, 256
PARTS_A_PLACE = 8  # at least, so that none waits long for the last of the others
MOST_PARTS = 10_000  # of however many images: each is a file, and a piece of work to remember
ON_A_GPU = ("cuda", "tensorrt")


@dataclass(frozen=True)
class Asked:
    """What has to be the same to go on.

    Attributes:
        model_sha256: of the model's file.
        provider: what runs the graph.
        outlines, maps, max_pixels, raw: as asked for.
        sources: as named, those on a disk by their whole paths.
    """

    model_sha256: Hash
    provider: str
    outlines: bool
    maps: str | None
    max_pixels: int | None
    sources: tuple[str, ...]
    raw: str | None = None


@dataclass(frozen=True)
class Run:
    """What an archive says of itself, in its folder.

    Attributes:
        blemish: version that began it.
        asked: what for.
        images_a_part: of each part but the last.
        list_sha256: of the list of images.
    """

    blemish: str
    asked: Asked
    images_a_part: Positive
    list_sha256: Hash


@dataclass(frozen=True)
class Judged:
    """What became of an archive: counts, how many parts it has, and how many were there before."""

    summary: Summary
    parts: int
    parts_before: int


def judge_archive(
    model: Model,
    sources: Sequence[str],
    folder: Folder,
    how: How,
    *,
    address: str | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress,
) -> Judged:
    """Judge all images of the sources, and write a Parquet file for each part to a folder.

    Args:
        model: whose bytes are sent to whoever judges.
        sources: images, folders, globs, lists; on a disk or in a store.
        folder: of the output.
        how: the images are judged.
        address: of a Ray cluster, as `connected` takes it.
        resume: whether parts that are there stay.
        force: whether those that are there are taken away.
        progress: to follow it.

    Raises:
        UsageError: what is there was made otherwise, or is something else; a wrong address.
        DataError: a source names nothing or cannot be read.
        ClusterError: the cluster cannot be reached, or its machines cannot do the work.
        BlemishError: the folder cannot be written.
    """
    parquet()  # that it is not installed is told before anything is done
    gpus, asked = _gpus_of(how.provider), _asked(model, sources, how)
    with ExitStack() as kept:
        _hold(folder, kept)
        run = _begun(folder, asked, resume=resume, force=force, progress=progress)
        ray = kept.enter_context(connected(address))
        where = places(ray, gpus=gpus)
        _check_machines(ray, asked, folder)
        if run is None:
            parts = _list(sources, folder, asked, where, progress)
        else:
            parts = _parts(folder, run)
        before = _count_there(folder, parts, progress) if resume else 0
        make = partial(Judge, model.to_bytes(), folder, how, where.on_a_machine)
        summary = Summary()
        with progress.stage("predict", parts.images) as advance:
            for counts in through_pool(ray, make, parts.pieces(), where):
                one = Summary(**counts)
                summary.join(one)
                advance(one.total)
    return Judged(summary, len(parts), before)


def _asked(model: Model, sources: Sequence[str], how: How) -> Asked:
    return Asked(
        model_sha256=model.sha256,
        provider=how.provider,
        outlines=how.outlines,
        maps=None if how.maps is None else how.maps.value,
        max_pixels=how.max_pixels,
        sources=tuple(one if is_address(one) else os.path.abspath(one) for one in sources),  # noqa: PTH100
        raw=None if how.raw is None else str(how.raw),
    )


def _gpus_of(provider: str) -> int:
    """GPUs of each session."""
    name, colon, _ = provider.partition(":")
    if colon:
        raise UsageError(
            f"'provider' must be {name} alone with Ray, which gives each session a device of its "
            f"own; got '{provider}'.",
            parameter="provider",
        )
    return int(name in ON_A_GPU)


def _hold(folder: Folder, kept: ExitStack) -> None:
    """Make the folder of the output, and keep it from others where that can be.

    One that was not there is taken away again where nothing is written to it.
    """
    if folder.path is None:
        folder.make()
        return
    if not folder.path.is_dir():
        kept.callback(_take_away_empty, folder.path)
    folder.make()
    busy = f"Another process writes to '{folder.path}'; wait for it, or name another folder."
    kept.enter_context(held(folder.path, busy=busy))
    take_away_temporaries(folder.path)
    for probe in folder.path.glob(f"{PROBE}-*"):  # of a run that was killed
        probe.unlink(missing_ok=True)


def _take_away_empty(path: Path) -> None:
    with suppress(OSError):  # something is in it
        path.rmdir()


def _begun(
    folder: Folder, asked: Asked, *, resume: bool, force: bool, progress: Progress
) -> Run | None:
    """The run to go on with; `None` where there is none.

    Raises:
        UsageError: the folder holds something else, or what was made otherwise.
    """
    names = folder.names()
    if force:
        for name in (RUN, LIST, *filter(_is_part, names)):  # no run without its list
            folder.remove(name)
        return None
    if not resume and names:
        raise UsageError(
            f"'{folder.place}' is not empty; name another folder, go on with resume=True, or write "
            "into it with force=True."
        )
    if RUN in names:
        return _read_run(folder, asked)
    if [name for name in names if name != LIST and not is_temporary(name)]:
        raise UsageError(
            f"'{folder.place}' holds no predictions to go on with (no {RUN}); name another folder, "
            "or write into it with force=True."
        )
    if resume:
        progress.say(f"There are no predictions in '{folder.place}' yet: it begins anew.")
    return None


def _is_part(name: str) -> bool:
    return name.startswith("part-") and name.endswith(".parquet")


def _read_run(folder: Folder, asked: Asked) -> Run:
    try:
        run = as_type(read_json((folder.read(RUN) or b"").decode()), Run)
    except (JsonError, UnicodeDecodeError) as error:
        raise BlemishError(
            f"'{folder.at(RUN)}' is damaged ({error}); name another folder."
        ) from error
    refuse_differing(folder.place, _plain(run.asked), _plain(asked))
    return run


def _plain(asked: Asked) -> dict[str, object]:
    return asdict(asked) | {"sources": " ".join(asked.sources)}


def _check_machines(ray: object, asked: Asked, folder: Folder) -> None:
    """Make sure that all machines see what is on a disk: the sources, and the output."""
    on_disk = (Path(one) for one in asked.sources if not is_address(one))
    check_machines(
        ray,
        shared=[] if folder.path is None else [folder.path],
        # No list, which is read here, no glob, and no file that is missing.
        readable=[path for path in on_disk if path.exists() and path.suffix not in LIST_SUFFIXES],
    )


def _list(
    sources: Sequence[str], folder: Folder, asked: Asked, where: Places, progress: Progress
) -> Parts:
    """List the sources, and say in the folder what is to be judged how."""
    with raw_counting(asked.raw is not None):
        listed = write_list(sources, folder)
    if listed.passed_over:
        progress.say(spell_passed_over(listed.first_passed_over, listed.passed_over))
    if listed.repeated:
        progress.say(
            f"{counted(listed.repeated, 'image is', 'images are')} named more than once, and "
            "judged once."
        )
    parts = read_parts(folder, _images_a_part(listed.images, where.everywhere))
    run = Run(metadata.version("blemish"), asked, parts.images_a_part, parts.sha256)
    folder.write(RUN, (json.dumps(asdict(run), indent=2) + "\n").encode())
    return parts


def _images_a_part(images: int, everywhere: int) -> int:
    """So many that all have work until the end, and that a part is worth its file."""
    shared_out = -(-images // (PARTS_A_PLACE * everywhere))
    return max(min(max(shared_out, LEAST_IN_A_PART), MOST_IN_A_PART), -(-images // MOST_PARTS))


def _parts(folder: Folder, run: Run) -> Parts:
    """The parts of a list that an earlier run wrote. Raises `BlemishError`."""
    parts = read_parts(folder, run.images_a_part)
    if parts.sha256 != run.list_sha256:
        raise BlemishError(
            f"'{folder.at(LIST)}' is not the list that its run wrote; name another folder, or "
            "begin anew with force=True."
        )
    return parts


def _count_there(folder: Folder, parts: Parts, progress: Progress) -> int:
    """How many parts an earlier run has left."""
    names = set(folder.names())
    there = sum(part_name(number) in names for number in range(len(parts)))
    if there:
        progress.say(f"{there:,} of {counted(len(parts), 'part')} are there and stay as they are.")
    return there
