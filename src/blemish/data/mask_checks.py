"""The checks of masks: those that are there, and images that look like some.

A mask that is wrong in a way that no reading can tell from a right one (inverted, say) is found
here by how it differs from usual ones, and told with the numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np

from blemish.data.dataset import Dataset
from blemish.data.findings import Finding, Look, Severity, how_many, ids_of, reasons
from blemish.data.mask_look import MaskLook
from blemish.data.mask_names import named_like_masks
from blemish.images.flat_values import MOST_LABELS
from blemish.result import GOOD
from blemish.wording import counted, listed, rate_text

MOST_MARKED = 0.5  # share of the pixels of an image
BORDER_MARKED = (
    0.9  # share of the pixels along its border: a defect seldom covers it, good pixels do
)


def check_masks(dataset: Dataset, looks: Sequence[Look]) -> Iterable[Finding]:
    """Masks that are missing, empty, or cannot be used, and what they say."""
    defects = [look for look in looks if look.sample.label != GOOD and not look.trouble]
    if unusable := [look for look in looks if look.mask_trouble]:
        yield Finding(
            "error",
            "mask-unusable",
            f"{how_many(unusable, 'mask', 'masks')} cannot be used and will stop an evaluation of "
            f"pixels: {reasons(look.mask_trouble for look in unusable)}",
            ids_of(unusable),
        )
    without = [look for look in defects if not look.has_mask]
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
    if empty := [look for look in defects if look.mask is not None and not look.mask.marked]:
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
    yield from _marking_good(looks)
    yield from _marking_most(looks)
    yield from _of_grey(looks)
    yield from _turned(looks)
    yield from _outside(looks)


def check_lookalikes(_: Dataset, looks: Sequence[Look]) -> Iterable[Finding]:
    """Images that look like masks, by what they hold or by their name."""
    read = [look for look in looks if not look.trouble]
    if flat := [look for look in read if look.values]:
        yield Finding(
            "warning",
            "two-valued",
            f"Of {len(read)} images {how_many(flat, 'has', 'have')} {MOST_LABELS} values or fewer, "
            "as masks have and photographs do not, and will be learnt from or tested on as images; "
            "if they are masks, move them into a folder 'masks'.",
            ids_of(flat),
        )
    named = {path.as_posix() for path in named_like_masks(_paths(looks))}
    if alike := [look for look in looks if look.sample.id in named]:
        yield Finding(
            "warning",
            "named-like-a-mask",
            f"{how_many(alike, 'image is', 'images are')} named like the mask of another image "
            "(x_gt.png and x.png), and will be learnt from or tested on as images; if they are "
            "masks, move them into a folder 'masks', else rename them.",
            ids_of(alike),
        )


def _paths(looks: Sequence[Look]) -> Iterator[PurePosixPath]:
    return (PurePosixPath(look.sample.id) for look in looks)


def _marking_good(looks: Sequence[Look]) -> Iterator[Finding]:
    if torn := [look for look, mask in _masks(looks) if look.sample.label == GOOD and mask.marked]:
        yield Finding(
            "error",
            "mask-of-good",
            f"{how_many(torn, 'good image has', 'good images have')} a mask that marks pixels as "
            "defective; label or mask is wrong, and every figure with it: move the image to its "
            "type of defect, or remove the mask.",
            ids_of(torn),
        )


def _marking_most(looks: Sequence[Look]) -> Iterator[Finding]:
    marking = [(look, mask) for look, mask in _masks(looks) if mask.marked]
    full = [(look, mask) for look, mask in marking if mask.marked == 1]
    inverted = [
        (look, mask)
        for look, mask in marking
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
            ids_of(look for look, _ in inverted),
        )
    if full:
        coloured = [look for look, mask in full if mask.background]
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
            ids_of(look for look, _ in full),
        )


def _of_grey(looks: Sequence[Look]) -> Iterator[Finding]:
    if grey := [(look, mask) for look, mask in _masks(looks) if mask.grey]:
        between = sum(mask.grey for _, mask in grey)
        marked = sum(mask.marked * look.size_hw[0] * look.size_hw[1] for look, mask in grey)
        yield Finding(
            "warning",
            "mask-grey",
            f"{how_many(grey, 'mask has', 'masks have')} soft edges or noise: {between:,} pixels, "
            f"{rate_text(between / max(marked, between))} of those marked, lie between zero and "
            "the highest value, and each that is not zero counts as defective; if that is too "
            "much, save masks of two values.",
            ids_of(look for look, _ in grey),
        )
    if lossy := [look for look, mask in _masks(looks) if mask.lossy]:
        yield Finding(
            "note",
            "mask-lossy",
            f"{how_many(lossy, 'mask is', 'masks are')} compressed with losses (JPEG, say) and cut "
            "at half of their bright values; the borders of defects may be off by a pixel: save "
            "masks as PNG.",
            ids_of(lossy),
        )


def _turned(looks: Sequence[Look]) -> Iterator[Finding]:
    turned = [(look, mask) for look, mask in _masks(looks) if mask.orientation != 1]
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
            ids_of(look for look, _ in turned),
        )


def _outside(looks: Sequence[Look]) -> Iterator[Finding]:
    if outside := [(look, mask) for look, mask in _masks(looks) if mask.outside]:
        count = sum(mask.outside for _, mask in outside)
        yield Finding(
            "warning",
            "shape-outside",
            f"{counted(count, 'shape lies', 'shapes lie')} mostly outside of the image; what is "
            "inside counts as defective, and is wrong if it was drawn on an image of another size "
            "or on another part of it: look at it, and draw it anew.",
            ids_of(look for look, _ in outside),
        )


def _masks(looks: Iterable[Look]) -> Iterator[tuple[Look, MaskLook]]:
    return ((look, look.mask) for look in looks if look.mask is not None)


def _by_share(some: Sequence[object], of: Sequence[object]) -> Severity:
    """An error where it is most of them: then the masks were made so."""
    return "error" if 2 * len(some) > len(of) else "warning"
