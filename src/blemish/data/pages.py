"""Images of a data set that lie several in a file: TIFFs of several pages."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from blemish.data.entry import Entry
from blemish.data.masks import Mask, MaskFile
from blemish.errors import DataError
from blemish.images.header import paged
from blemish.images.tiff_pages import TIFF_SUFFIXES, images_in

READERS = 8  # of headers, which is to wait for a disk or a network


def with_pages(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The same, each TIFF of several images as so many entries: `a.tif#1`, `a.tif#2`, and so on.

    They are one group, unless a group is named. Of a mask file that belongs to them, each page is
    the mask of one. An entry that names its page stays as it is. Only headers of TIFFs are read.

    Raises:
        DataError: a mask does not say which of several images it is of.
    """
    every = tuple(entries)
    stacks = [one for one in every if one.page is None and one.path.suffix.lower() in TIFF_SUFFIXES]
    with ThreadPoolExecutor(READERS) as pool:
        counts = dict(zip(map(id, stacks), pool.map(_images_in, stacks), strict=True))
    return tuple(part for one in every for part in _parts(one, counts.get(id(one), 1)))


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
