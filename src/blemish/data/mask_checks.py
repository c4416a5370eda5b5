"""The checks of masks: those that are there, and images that look like some.

A mask that is wrong in a way that no reading can tell from a right one (inverted, say) is found
here by how it differs from usual ones, and told with the numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np

from blemish.data.audited_masks import AuditedMasks
from blemish.data.dataset import Dataset
from blemish.data.findings import Audited, Finding, Severity, how_many, ids_of, reasons
from blemish.data.mask_names import named_like_masks
from blemish.images.flat_values import MOST_LABELS
from blemish.result import GOOD
from blemish.wording import counted, listed, rate_text

MOST_MARKED = 0.5  # share of the pixels of an image
BORDER_MARKED = (
    0.9  # share of the pixels along its border: a defect seldom covers it, good pixels do
)


def check_masks(dataset: Dataset, audited: Sequence[Audited]) -> Iterable[Finding]:
    """Masks that are missing, empty, or cannot be used, and what they say."""
    defects = [one for one in audited if one.sample.label != GOOD and not one.trouble]
    if unusable := [one for one in audited if one.mask_trouble]:
        yield Finding(
            "error",
            "mask-unusable",
            f"{how_many(unusable, 'mask', 'masks')} cannot be used and will stop an evaluation of "
            f"pixels: {reasons(one.mask_trouble for one in unusable)}",
            ids_of(unusable),
        )
    without = [one for one in defects if not one.has_mask]
    if without and len(without) == len(defects):
        yield Finding(
            "note", "no-masks", "There are no masks, so there will be no figures for pixels."
        )
    elif without:
        yield Finding(
            "warning",
            "mask-missing",
            f"Of {len(defects)} defect images, {how_many(without, 'has', 'have')} no mask; "
            "figures for pixels leave them out.",
            ids_of(without),
        )
    if empty := [one for one in defects if one.mask is not None and not one.mask.marked]:
        yield Finding(
            "warning",
            "mask-empty",
            f"{how_many(empty, 'defect image has', 'defect images have')} an all-zero mask: "
            "defective, but with every pixel counted as good, which lowers figures for pixels.",
            ids_of(empty),
        )
    if orphans := dataset.leftovers.orphan_masks:
        yield Finding(
            "warning",
            "mask-without-image",
            f"{how_many(orphans, 'mask belongs', 'masks belong')} to no defect image and will "
            "not be used; a misspelt name costs that image its mask.",
            orphans,
        )
    yield from _marking_good(audited)
    yield from _marking_most(audited)
    yield from _of_grey(audited)
    yield from _turned(audited)
    yield from _outside(audited)


def check_lookalikes(_: Dataset, audited: Sequence[Audited]) -> Iterable[Finding]:
    """Images that look like masks, by what they hold or by their name."""
    read = [one for one in audited if not one.trouble]
    if flat := [one for one in read if one.values]:
        yield Finding(
            "warning",
            "two-valued",
            f"Of {len(read)} images {how_many(flat, 'has', 'have')} {MOST_LABELS} values or fewer, "
            "as masks have and photographs do not, and will be learnt from or tested on as images; "
            "if they are masks, move them into a folder 'masks'.",
            ids_of(flat),
        )
    named = {path.as_posix() for path in named_like_masks(_paths(audited))}
    if alike := [one for one in audited if one.sample.id in named]:
        yield Finding(
            "warning",
            "named-like-a-mask",
            f"{how_many(alike, 'image is', 'images are')} named like the mask of another image "
            "(x_gt.png and x.png), and will be learnt from or tested on as images; if they are "
            "masks, move them into a folder 'masks', else rename them.",
            ids_of(alike),
        )


def _paths(audited: Sequence[Audited]) -> Iterator[PurePosixPath]:
    return (PurePosixPath(one.sample.id) for one in audited)


def _marking_good(audited: Sequence[Audited]) -> Iterator[Finding]:
    if torn := [one for one, mask in _masks(audited) if one.sample.label == GOOD and mask.marked]:
        yield Finding(
            "error",
            "mask-of-good",
            f"{how_many(torn, 'good image has', 'good images have')} a mask that marks pixels as "
            "defective; label or mask is wrong, and every figure with it: move the image to its "
            "type of defect, or remove the mask.",
            ids_of(torn),
        )


def _marking_most(audited: Sequence[Audited]) -> Iterator[Finding]:
    marking = [(one, mask) for one, mask in _masks(audited) if mask.marked]
    full = [(one, mask) for one, mask in marking if mask.marked == 1]
    inverted = [
        (one, mask)
        for one, mask in marking
        if MOST_MARKED < mask.marked < 1 and mask.border >= BORDER_MARKED
    ]
    if inverted:
        median = float(np.median([mask.marked for _, mask in marking]))
        yield Finding(
            _by_share(inverted, marking),
            "mask-inverted",
            f"Of {counted(len(marking), 'mask')} that mark anything "
            f"{how_many(inverted, 'marks', 'mark')} more than half of the image and nearly all of "
            f"its border (a mask marks {rate_text(median)} of its image, by the median): they look "
            "inverted, with good pixels marked, and make figures for pixels wrong; save 0 where "
            "good and 255 where defective.",
            ids_of(one for one, _ in inverted),
        )
    if full:
        coloured = [one for one, mask in full if mask.background]
        why = (
            f"; {how_many(coloured, 'has', 'have')} several colours or values, none of them zero, "
            "so their background is probably no black: save it as 0"
        )
        yield Finding(
            _by_share(full, marking),
            "mask-full",
            f"Of {counted(len(marking), 'mask')} that mark anything "
            f"{how_many(full, 'marks', 'mark')} every pixel, so that figures for pixels take the "
            f"whole image for a defect{why if coloured else ''}.",
            ids_of(one for one, _ in full),
        )


def _of_grey(audited: Sequence[Audited]) -> Iterator[Finding]:
    if grey := [(one, mask) for one, mask in _masks(audited) if mask.grey]:
        between = sum(mask.grey for _, mask in grey)
        marked = sum(mask.marked * one.size_hw[0] * one.size_hw[1] for one, mask in grey)
        yield Finding(
            "warning",
            "mask-grey",
            f"{how_many(grey, 'mask has', 'masks have')} soft edges or noise: {between:,} pixels, "
            f"{rate_text(between / max(marked, between))} of those marked, lie between zero and "
            "the highest value, and each that is not zero counts as defective; if that is too "
            "much, save masks of two values.",
            ids_of(one for one, _ in grey),
        )
    if lossy := [one for one, mask in _masks(audited) if mask.lossy]:
        yield Finding(
            "note",
            "mask-lossy",
            f"{how_many(lossy, 'mask is', 'masks are')} compressed with losses (JPEG, say) and cut "
            "at half of their bright values; the borders of defects may be off by a pixel: save "
            "masks as PNG.",
            ids_of(lossy),
        )


def _turned(audited: Sequence[Audited]) -> Iterator[Finding]:
    turned = [(one, mask) for one, mask in _masks(audited) if mask.orientation != 1]
    if turned:
        kinds = Counter(mask.orientation for _, mask in turned)
        told = listed([f"{kinds[kind]} by orientation {kind}" for kind in sorted(kinds)])
        yield Finding(
            "warning",
            "mask-turned",
            f"{how_many(turned, 'image is', 'images are')} turned or mirrored by EXIF ({told}), "
            "and neither their masks nor the sizes tell whether these follow the image as stored; "
            "if they do, they mark the wrong pixels: save the images upright, without EXIF "
            "orientation, and look at their masks.",
            ids_of(one for one, _ in turned),
        )


def _outside(audited: Sequence[Audited]) -> Iterator[Finding]:
    if outside := [(one, mask) for one, mask in _masks(audited) if mask.outside]:
        count = sum(mask.outside for _, mask in outside)
        yield Finding(
            "warning",
            "shape-outside",
            f"{counted(count, 'shape lies', 'shapes lie')} mostly outside of the image; what is "
            "inside counts as defective, and is wrong if it was drawn on an image of another size "
            "or on another part of it: look at it, and draw it anew.",
            ids_of(one for one, _ in outside),
        )


def _masks(audited: Iterable[Audited]) -> Iterator[tuple[Audited, AuditedMasks]]:
    return ((one, one.mask) for one in audited if one.mask is not None)


def _by_share(some: Sequence[object], of: Sequence[object]) -> Severity:
    """An error where it is most of them: then the masks were made so."""
    return "error" if 2 * len(some) > len(of) else "warning"
