"""Writing a data set in another format: images, masks, splits and types, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.data.annotations.supplement import FILE as SUPPLEMENT
from blemish.data.annotations.supplement import Supplement, as_text
from blemish.data.dataset import Dataset
from blemish.data.drawn import DrawnSample
from blemish.data.export.coco import COCO
from blemish.data.export.contract import Format, Placed, Read
from blemish.data.export.fiftyone import FIFTYONE
from blemish.data.export.folder import written_whole
from blemish.data.export.labelme import LABELME
from blemish.data.export.mvtec_ad import MVTEC_AD
from blemish.data.export.names import distinct, unique_names
from blemish.data.export.types import check_types, renamed
from blemish.data.export.yolo import YOLO
from blemish.data.sample import Sample
from blemish.errors import (
    BlemishError,
    DataError,
    ImageError,
    SettingError,
    did_you_mean,
    raise_some,
)
from blemish.images.header import DEFAULT_LIMITS, FilePage, Reader, ReadLimits, path_of
from blemish.images.raw import RawFormat
from blemish.images.read import read_image
from blemish.images.suffixes import RAW_SUFFIXES
from blemish.names import shown
from blemish.parallel import read_ahead
from blemish.progress import LoggedProgress, Progress
from blemish.result import GOOD

FOR_PREDICTIONS = "label-studio"  # see `blemish.predictions.preannotations`
FORMATS = {one.name: one for one in (COCO, LABELME, YOLO, FIFTYONE, MVTEC_AD)}


def export_dataset(
    dataset: Dataset,
    folder: str | Path,
    *,
    to: str,
    link: bool = False,
    force: bool = False,
    limits: ReadLimits = DEFAULT_LIMITS,
    raw: RawFormat | None = None,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Write a data set in the format of another tool, with its images.

    Splits and types of defects are kept, and masks to the pixel. What the format has no place for
    (groups, metadata, defects of which no pixel is known) goes to `blemish-images.jsonl`.

    Args:
        dataset: to write.
        folder: to write to.
        to: `coco`, `labelme`, `yolo`, `fiftyone` or `mvtec-ad`.
        link: write links to the images, not copies.
        force: replace what this function wrote there; nothing else is ever replaced.
        limits: what a file may cost.
        raw: how the pixels lie in files without a header, which become PNG files.
        progress: told of each image, and of types that get another name.

    Returns:
        Where each image lies in the folder, by its id.

    Raises:
        SettingError: there is no such format.
        UsageError: the folder is there already, or holds what is to be written.
        DataError: images or masks cannot be read, or types of defects would not come back; all of
            them are named.
        BlemishError: a file cannot be written.
    """
    form = format_named(to)
    told = progress or LoggedProgress()
    kinds = distinct(dataset.defect_types)
    check_types(form, kinds)
    placed = _placed(dataset, form, {GOOD: GOOD} | kinds)
    sources = [dataset.root, *(one.sample.path for one in placed)]
    with written_whole(Path(folder), form.name, sources, force=force) as unfinished:
        write = partial(_write, unfinished, form, link=link, reader=Reader(limits, raw=raw))
        records, supplements = _written(placed, write, told, f"writing {form.name}")
        form.finish(unfinished, dataset.name, placed, records)
        text = as_text(supplements)
        if text:
            (unfinished / SUPPLEMENT).write_text(text, encoding="utf-8")
    for sentence in renamed(form, kinds):
        told.say(sentence)
    return {one.sample.id: one.name for one in placed}


def format_named(name: str) -> Format:
    """The format of a name. Raises `SettingError` where there is none."""
    if name == FOR_PREDICTIONS:
        raise SettingError(
            f"'to' must be {', '.join(FORMATS)} for a data set; '{name}' is for predictions: give "
            "the folder that they were written to, with outlines=True."
        )
    if name not in FORMATS:
        raise SettingError(
            f"'to' must be {', '.join(FORMATS)}; got '{name}'.{did_you_mean(name, FORMATS)}"
        )
    return FORMATS[name]


def write_image(source: Path | FilePage, target: Path, *, link: bool, reader: Reader) -> None:
    """Copy an image, or make a link to it, whatever links lead to it itself.

    A page of a TIFF and a raw file become a PNG. Raises `ImageError` where one cannot.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if not _is_copied(source):
        target.write_bytes(_png(read_image(source, reader), str(source)))
    elif link:
        target.symlink_to(os.path.realpath(path_of(source)))
    else:
        shutil.copyfile(path_of(source), target)


def suffix_of(source: Path | FilePage) -> str:
    """What the name of an image ends in once `write_image` has written it."""
    return path_of(source).suffix if _is_copied(source) else ".png"


def _is_copied(source: Path | FilePage) -> bool:
    """Whether an image is a file of its own that others can read."""
    paged = isinstance(source, FilePage) and source.page is not None
    return not paged and path_of(source).suffix.lower() not in RAW_SUFFIXES


def _placed(dataset: Dataset, form: Format, kinds: Mapping[str, str]) -> list[Placed]:
    samples = dataset.samples
    folders = [form.folder(sample, kinds[sample.defect_type]) for sample in samples]
    suffixes = [suffix_of(sample.source) for sample in samples]
    names = unique_names([sample.id for sample in samples], folders, suffixes)
    return [
        Placed(sample, name, kinds[sample.defect_type])
        for sample, name in zip(samples, names, strict=True)
    ]


def _written(
    placed: Sequence[Placed], write: partial[tuple[Any, Supplement]], progress: Progress, what: str
) -> tuple[list[Any], dict[str, Supplement]]:
    records, supplements, problems = [], {}, []
    with progress.stage(what, len(placed)) as advance:
        for one, result in read_ahead(placed, write):
            if isinstance(result, BlemishError):
                problems.append(str(result))
            elif isinstance(result, Exception):
                raise result
            else:
                record, supplements[one.name] = result
                records.append(record)
            advance(1)
    raise_some(problems, DataError)
    return records, supplements


def _write(
    folder: Path, form: Format, placed: Placed, *, link: bool, reader: Reader
) -> tuple[Any, Supplement]:
    sample, target = placed.sample, folder / placed.name
    size_hw = sample.probe(reader).size_hw
    read = Read(size_hw, sample.read_mask(size_hw, reader))
    if isinstance(sample, DrawnSample):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_png(sample.read(reader), sample.id))
    else:
        write_image(sample.source, target, link=link, reader=reader)
    return form.write(folder, placed, read), _supplement(form, sample, read)


def _supplement(form: Format, sample: Sample, read: Read) -> Supplement:
    silent = sample.label != GOOD and (read.mask is None or not read.mask.any())
    told = silent and not form.keeps_types
    return Supplement(
        label=shown(sample.defect_type) if told else None,
        empty_mask=told and read.mask is not None,
        group=sample.group,
        metadata=sample.metadata,
    )


def _png(pixels: NDArray[Any], name: str) -> bytes:
    """An image that is no file of its own, as one. Raises `ImageError` for 16-bit colour."""
    from PIL import Image

    grey = pixels[:, :, 0]
    if pixels.dtype == np.uint16 and not (pixels == grey[..., np.newaxis]).all():
        raise ImageError(
            f"{name}: has colours of 16 bits, which cannot be written as a PNG here; save it to a "
            "file of its own."
        )
    stream = BytesIO()
    Image.fromarray(grey if pixels.dtype == np.uint16 else pixels).save(stream, "PNG")
    return stream.getvalue()
