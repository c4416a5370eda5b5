"""Images of a data set that lie several in a file: TIFFs of several pages.

A camera saves a series of parts in one file as well as views of one part, and nothing tells which.
Where there are several files, those of each are taken for one part, which can only make figures
worse; where all good images are in a single one, nothing could be learnt so, and they are taken for
different parts. Either is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from blemish.data.entry import Entry
from blemish.data.masks import Mask, MaskFile
from blemish.errors import DataError
from blemish.images.header import paged
from blemish.images.tiff_pages import TIFF_SUFFIXES, images_in
from blemish.result import GOOD
from blemish.wording import counted

READERS = 8  # of headers, which is to wait for a disk or a network


def with_pages(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The same, each TIFF of several images as so many entries: `a.tif#1`, `a.tif#2`, and so on.

    They are one group, unless a group is named, or no other good image is there. Of a mask file
    that belongs to them, each page is the mask of one. An entry that names its page stays as it is.
    Only headers of TIFFs are read.

    Raises:
        DataError: a mask does not say which of several images it is of.
    """
    every = tuple(entries)
    stacks = [one for one in every if one.page is None and one.path.suffix.lower() in TIFF_SUFFIXES]
    with ThreadPoolExecutor(READERS) as pool:
        counts = dict(zip(map(id, stacks), pool.map(_images_in, stacks), strict=True))
    parts = [part for one in every for part in _parts(one, counts.get(id(one), 1))]
    if _of_one_file(parts) and not any(one.group for one in every if one.defect_type == GOOD):
        parts = [replace(one, group=None) if one.defect_type == GOOD else one for one in parts]
    return tuple(parts)


def notes_of_pages(entries: Iterable[Entry]) -> list[str]:
    """What was taken for granted of the pages of files, of entries that `with_pages` gave."""
    pages = [one for one in entries if one.page is not None and one.defect_type == GOOD]
    files = dict.fromkeys(one.path for one in pages)
    parted = [one for one in pages if one.group is None]
    if len(parted) > 1 and len(files) == 1:
        return [
            f"All {len(parted):,} good images are pages of '{parted[0].path.name}', and are taken "
            "for different parts; if they show fewer, save those of each part to a file of its own."
        ]
    grouped = {one.path for one in pages if one.group == one.id.rpartition("#")[0]}
    if not grouped:
        return []
    return [
        f"The good pages of {counted(len(grouped), 'file')} are taken for one part each, and count "
        "as one; if each page shows another part, save them to files of their own."
    ]


def _of_one_file(parts: Sequence[Entry]) -> bool:
    """Whether all good images are pages of a single file."""
    good = [one for one in parts if one.defect_type == GOOD]
    return all(one.page is not None for one in good) and len({one.path for one in good}) == 1


def _images_in(entry: Entry) -> int:
    return images_in(entry.path)


def _parts(entry: Entry, count: int) -> Iterable[Entry]:
    if count == 1:
        return [entry]
    masks = [_file_of_masks(entry, mask, count) for mask in entry.masks]
    return (
        replace(
            entry,
            id=paged(entry.id, page),
            masks=tuple(replace(mask, page=page) for mask in masks),
            group=entry.group or entry.id,
            page=page,
        )
        for page in range(count)
    )


def _file_of_masks(entry: Entry, mask: Mask, count: int) -> MaskFile:
    """A mask file that has a page for each image. Raises `DataError` where it has not."""
    if not isinstance(mask, MaskFile):
        raise DataError(
            f"'{entry.id}' holds {count} images, and '{mask.path.name}' does not say on which of "
            "them it draws; save them to files of their own."
        )
    masks = images_in(mask.path)
    if masks != count:
        raise DataError(
            f"'{entry.id}' holds {count} images, and '{mask.path.name}' {masks} "
            f"mask{'s' * (masks != 1)}; give a TIFF of {count} masks, or save the images to files "
            "of their own."
        )
    return mask
