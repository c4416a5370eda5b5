"""The checks of an audit: one function a kind of fault, each fault with its cost.

To add a check, write a function of a data set and of what reading its samples showed, and put it
into `CHECKS`.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from blemish.data.dataset import Dataset
from blemish.data.duplicates import MOST_COMPARED, alike_pairs, connected, nearly_one, to_look_at
from blemish.data.findings import Audited, Finding, Severity, how_many, ids_of, reasons
from blemish.data.mask_checks import check_lookalikes, check_masks
from blemish.data.masks import mask_paths
from blemish.data.sample import Sample
from blemish.data.split import FEWEST_DISTINCT, keys_of
from blemish.names import shown
from blemish.result import GOOD

USUAL_FALSE_ALARM_RATE = 0.01
MOST_ASPECT_SPREAD = 1.25


def _check_readable(_: Dataset, audited: Sequence[Audited]) -> Iterable[Finding]:
    unreadable = [one for one in audited if one.trouble]
    if unreadable:
        yield Finding(
            "error",
            "unreadable",
            f"{how_many(unreadable, 'image', 'images')} cannot be read and will stop a fit or "
            f"an evaluation: {reasons(one.trouble for one in unreadable)}",
            ids_of(unreadable),
        )
    if hiding := [one for one in audited if one.hides_alpha]:
        yield Finding(
            "error",
            "alpha",
            f"{how_many(hiding, 'image has', 'images have')} transparent pixels, which "
            "are refused unless alpha='flatten' puts them onto black, or alpha='drop' takes their "
            "colours as they are.",
            ids_of(hiding),
        )


def _check_names(dataset: Dataset, audited: Sequence[Audited]) -> Iterable[Finding]:
    ids = [one.sample.id for one in audited]
    masks = [path for one in audited for path in mask_paths(one.sample.masks)]
    below = [os.path.relpath(path, dataset.root) for path in masks]
    odd = tuple(name for name in (*ids, *below) if shown(name) != name)
    if shown(str(dataset.root)) != str(dataset.root):
        odd = (str(dataset.root), *odd)
    if odd:
        yield Finding(
            "warning",
            "names",
            f"{how_many(odd, 'name of a file or folder is', 'names of files or folders are')} no "
            "UTF-8; results show such bytes as \\xff, and other tools may not find the files by "
            "that: rename them.",
            odd,
        )


def _check_alike_in_kind(_: Dataset, audited: Sequence[Audited]) -> Iterable[Finding]:
    read = [one for one in audited if not one.trouble]
    depths = Counter(one.bit_depth for one in read)
    if len(depths) > 1:
        rare = [one for one in read if one.bit_depth == min(depths, key=lambda d: depths[d])]
        yield Finding(
            "error",
            "mixed-depth",
            f"Of {len(read)} images {depths[8]} are of 8 bits and {depths[16]} of 16; a model "
            "takes one depth, so a fit will refuse them: convert one kind.",
            ids_of(rare),
        )
    sizes = Counter(one.size_hw for one in read)
    if len(sizes) > 1:
        aspects = [width / height for height, width in sizes]
        distorted = max(aspects) / min(aspects) > MOST_ASPECT_SPREAD
        cost = (
            "stretched to one size they show the surface in different proportions, which costs "
            "accuracy: consider resize=shorter or resize=longer"
            if distorted
            else "all are brought to one size, so the surface shows at slightly different scales"
        )
        yield Finding(
            "warning" if distorted else "note",
            "sizes-differ",
            f"The images have {len(sizes)} sizes, aspect ratio (width / height) "
            f"{min(aspects):.2f} to {max(aspects):.2f}; {cost}.",
        )


def _check_exact_duplicates(_: Dataset, audited: Sequence[Audited]) -> Iterable[Finding]:
    by_pixels: defaultdict[str, list[Sample]] = defaultdict(list)
    for one in audited:
        if not one.trouble:
            by_pixels[one.pixels].append(one.sample)
    groups = [samples for samples in by_pixels.values() if len(samples) > 1]
    torn = [group for group in groups if len({sample.label for sample in group}) > 1]
    leaked = [group for group in groups if group not in torn and _across(group)]
    plain = [group for group in groups if group not in torn and group not in leaked]
    yield from _grouped(
        "error",
        "duplicates-good-and-defect",
        torn,
        "are labelled good and defect at once; one label is wrong, and every figure with it.",
    )
    yield from _grouped(
        "error",
        "duplicates-across-splits",
        leaked,
        "are in training and test at once; they are recognised, not judged, and make the figures "
        "look better than they are.",
    )
    yield from _grouped(
        "warning",
        "duplicates",
        plain,
        "occur more than once; in training they count as one, and in test twice.",
    )


def _check_near_duplicates(_: Dataset, audited: Sequence[Audited]) -> Iterable[Finding]:
    distinct = list({one.pixels: one for one in audited if one.thumbnail is not None}.values())
    if len(distinct) < 2:
        return
    thumbnails = np.stack([one.thumbnail for one in distinct if one.thumbnail is not None])
    groups = [
        [distinct[member].sample for member in group]
        for group in connected(alike_pairs(thumbnails))
    ]
    yield from _grouped(
        "warning",
        "near-duplicates-across-splits",
        [group for group in groups if _across(group)],
        "look nearly the same in training and test (one part taken twice?); the figures will look "
        "better than on new parts: list the images of a part as a group in a manifest.",
    )
    yield from _grouped(
        "warning",
        "near-duplicates",
        [group for group in groups if not _across(group)],
        "look nearly the same as another of their split (one part taken twice?); they add little, "
        "and thresholds come out too low where they vouch for each other.",
    )
    if len(audited) > MOST_COMPARED:
        yield Finding(
            "note",
            "near-duplicates-sampled",
            f"Only {MOST_COMPARED:,} of {len(audited):,} images, drawn by their names, were "
            "compared with each other for near duplicates; exact copies are found among all.",
        )


def _check_nearly_one(_: Dataset, audited: Sequence[Audited]) -> Iterable[Finding]:
    train = [one for one in audited if one.sample.split == "train"]
    few = to_look_at(one.sample.id for one in train)
    distinct = {
        one.pixels: one.thumbnail
        for one in train
        if one.thumbnail is not None and one.sample.id in few
    }
    if told := nearly_one(len(train), list(distinct.values())):
        yield Finding("warning", "nearly-one", told, ids_of(train))


def _check_groups(dataset: Dataset, _: Sequence[Audited]) -> Iterable[Finding]:
    by_group: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in dataset.samples:
        if sample.group is not None:
            by_group[sample.group].append(sample)
    yield from _grouped(
        "warning",
        "group-across-splits",
        # A defect is always tested: only good images of a group can be placed together.
        [group for group in by_group.values() if _across([s for s in group if s.label == GOOD])],
        "belong to a group of which other images are in the other split; the figures will look "
        "better than on new parts.",
    )


def _check_enough(dataset: Dataset, audited: Sequence[Audited]) -> Iterable[Finding]:
    train = [one for one in audited if one.sample.split == "train"]
    contents = [one.pixels or one.sample.id for one in train]
    count = len(set(keys_of([one.sample.group for one in train], contents)))
    lowest = 1 / (count + 1)
    counted = how_many(train, "good training image", "good training images")
    if count < len(train):
        counted += f" ({count} without copies and others of their group)"
    if count < FEWEST_DISTINCT:
        yield Finding(
            "error", "too-few-good", f"{counted}: a fit will refuse fewer than {FEWEST_DISTINCT}."
        )
    elif lowest > USUAL_FALSE_ALARM_RATE:
        needed = round(1 / USUAL_FALSE_ALARM_RATE) - 1
        yield Finding(
            "warning",
            "few-good",
            f"{counted} can promise a false-alarm rate of {lowest:.1%} at best; for "
            f"{USUAL_FALSE_ALARM_RATE:.0%} it takes {needed}.",
        )
    if all(sample.label == GOOD for sample in dataset.test):
        yield Finding(
            "warning",
            "no-defects",
            "There are no defect images to test on, so nothing will tell how many defects are "
            "missed.",
        )
    if all(sample.label != GOOD for sample in dataset.test):
        yield Finding(
            "warning",
            "no-good-test",
            "There are no good images to test on, so nothing will tell how often good parts are "
            "rejected.",
        )


def _check_leftovers(dataset: Dataset, _: Sequence[Audited]) -> Iterable[Finding]:
    left = dataset.leftovers
    if left.empty_folders:
        yield Finding(
            "warning",
            "empty-folder",
            f"{how_many(left.empty_folders, 'folder holds', 'folders hold')} no images "
            f"({_some(left.empty_folders)}) and will be missing from every table as a class.",
            left.empty_folders,
        )
    if left.training_defects:
        yield Finding(
            "note",
            "training-defects",
            f"{how_many(left.training_defects, 'defective image', 'defective images')} of the "
            "training part will be neither learnt from nor tested on.",
            left.training_defects,
        )
    if left.unlabelled:
        yield Finding(
            "note",
            "unlabelled",
            f"{how_many(left.unlabelled, 'image comes', 'images come')} without a label and will "
            "be neither learnt from nor tested on.",
            left.unlabelled,
        )
    if left.unused_images:
        yield Finding(
            "warning",
            "unused-images",
            f"{how_many(left.unused_images, 'image lies', 'images lie')} where this layout "
            "expects none and will be neither learnt from nor tested on.",
            left.unused_images,
        )
    if left.not_images:
        yield Finding(
            "note",
            "not-images",
            f"{how_many(left.not_images, 'file is no image', 'files are no images')} and "
            f"will be left alone ({_some(left.not_images)}).",
            left.not_images,
        )


CHECKS: tuple[Callable[[Dataset, Sequence[Audited]], Iterable[Finding]], ...] = (
    _check_readable,
    _check_names,
    _check_alike_in_kind,
    check_masks,
    check_lookalikes,
    _check_exact_duplicates,
    _check_near_duplicates,
    _check_nearly_one,
    _check_groups,
    _check_enough,
    _check_leftovers,
)


def _grouped(
    severity: Severity, code: str, groups: Sequence[Sequence[Sample]], what: str
) -> Iterable[Finding]:
    """One finding for all groups of samples, or none."""
    ids = tuple(tuple(sample.id for sample in group) for group in groups)
    flat = tuple(sample_id for group in ids for sample_id in group)
    if flat:
        plural = "groups" if len(ids) > 1 else "group"
        message = f"{len(flat)} images in {len(ids)} {plural} {what}"
        yield Finding(severity, code, message, flat, ids)


def _across(samples: Iterable[Sample]) -> bool:
    return len({sample.split for sample in samples}) > 1


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
