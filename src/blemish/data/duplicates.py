"""Near duplicates: images of one part twice, re-encoded, resized, or lit in another way.

Perceptual hashes call all images of a flat texture alike, for they keep what those share. Here
the opposite is kept: each image becomes a small high-pass thumbnail of zero mean and unit
length, and two images are compared by the correlation of their thumbnails after what the *other*
images look like on average has been taken off both. A glass in the same place in every image
then counts for nothing, a scratch in the same place in two of them for much.

What it does not see: a crop, a shifted or turned copy, and sameness that all images share, which
`nearly_one` is for. A strictly periodic surface that happens to lie in phase twice can be
taken for a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.data.split import position_of

SIDE_PX = 48
BLUR_RADIUS_PX = 3
ALIKE = 0.92
"""Correlation from which two images count as copies. On the magnetic tiles of MTD, 340 pairs lie
above it, 339 of them of one tile under several exposures as far as file numbers tell; on MVTec AD
bottle two, the next pair reading 0.91; on the light-guide plates of LGP none, the highest 0.83."""

NEARLY_ONE = 0.98
"""Median correlation of pairs of thumbnails from which images are nearly one image. A camera that
looks at one part with some texture reads 0.99 and more, different parts in the same place less:
MVTec AD bottle 0.946. On a part as smooth as a vignette a grey level of noise brings it down to
0.91, and where there is nothing but noise to be seen it is 0: such parts are not told of."""

LOOKED_AT = 32  # images that tell whether all are nearly one

MOST_COMPARED = 10_000  # images of a set; each with each of a hundred thousand would take hours
MOST_WATCHED = 1000  # images whose looks a model keeps: some 60 kB
_BLOCK = 1024
_FLAT = 1e-3


def thumbnail(image: NDArray[Any]) -> NDArray[np.float32] | None:
    """The high-pass thumbnail of an image H x W x 3: 2304 values of zero mean and unit length.

    `None` for an image without any structure, which is like every other such image.
    """
    from PIL import Image

    grey = image.mean(axis=2, dtype=np.float32)
    # Not a box filter: the thumbnail of a resized copy must come out the same.
    resized = Image.fromarray(grey).resize((SIDE_PX, SIDE_PX), Image.Resampling.HAMMING)
    small = np.asarray(resized, dtype=np.float64)
    fine = small - _box_mean(small, BLUR_RADIUS_PX)
    fine -= fine.mean()
    length = float(np.linalg.norm(fine))
    return (fine / length).astype(np.float32).ravel() if length > _FLAT * SIDE_PX else None


def alike_pairs(thumbnails: NDArray[np.float32], *, alike: float = ALIKE) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of rows that are near duplicates.

    Args:
        thumbnails: n x d, each row of unit length, as `thumbnail` makes them.
        alike: lowest correlation of a pair, in (0, 1].
    """
    total = thumbnails.sum(axis=0, dtype=np.float64).astype(np.float32)
    to_total = thumbnails @ total
    pairs: list[tuple[int, int]] = []
    starts = range(0, len(thumbnails), _BLOCK)
    for top, left in combinations_with_replacement(starts, 2):
        rows, columns = slice(top, top + _BLOCK), slice(left, left + _BLOCK)
        alikeness = _without_others(
            thumbnails[rows] @ thumbnails[columns].T,
            to_total[rows],
            to_total[columns],
            float(total @ total),
            len(thumbnails),
        )
        found = alikeness >= alike
        first, second = np.nonzero(np.triu(found, k=1) if top == left else found)
        pairs += zip((first + top).tolist(), (second + left).tolist(), strict=True)
    return pairs


def to_look_at(names: Iterable[str]) -> set[str]:
    """Some of the images, by their names, that tell whether all are nearly one.

    Drawn by a hash, so that no order of names (two cameras in turn, say) decides what is seen.
    """
    return _drawn(names, LOOKED_AT)


def to_watch(names: Iterable[str]) -> set[str]:
    """Images, by their names, whose looks the parts of a line are held against."""
    return _drawn(names, MOST_WATCHED)


def to_compare(names: Iterable[str]) -> set[str]:
    """The images, by their names, that are compared with each other: all, or some of very many."""
    return _drawn(names, MOST_COMPARED)


def _drawn(names: Iterable[str], most: int) -> set[str]:
    return set(sorted(set(names), key=lambda name: position_of(name, seed=0))[:most])


def nearly_one(images: int, thumbnails: Sequence[NDArray[np.float32]]) -> str | None:
    """What it costs to learn from images that are nearly one image; `None` where they are not.

    Args:
        images: how many there are.
        thumbnails: of those `to_look_at` that are no copies, as `thumbnail` makes them.
    """
    if len(thumbnails) < 2 or (alike := usual_correlation(thumbnails)) < NEARLY_ONE:
        return None
    return (
        f"The {images} good training images are nearly one image (correlation {alike:.4f}, by the "
        "median): if they show the same part, nothing is learned of how parts differ, and "
        "false-alarm rates are promised for that part alone; take images of many parts."
    )


def usual_correlation(thumbnails: Sequence[NDArray[np.float32]]) -> float:
    """The median correlation of pairs of two or more: 1 for copies, about 0 for random textures.

    The median, so that one odd image among many alike hides nothing.

    Args:
        thumbnails: as `thumbnail` makes them.
    """
    rows = np.stack(thumbnails)
    return float(np.median((rows @ rows.T)[np.triu_indices(len(rows), k=1)]))


def connected(pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, ...]]:
    """Groups of indices that hang together by pairs, each sorted."""
    groups: dict[int, set[int]] = {}
    for first, second in pairs:
        merged = groups.get(first, {first}) | groups.get(second, {second})
        groups |= dict.fromkeys(merged, merged)
    seen: set[int] = set()
    for member, group in sorted(groups.items()):
        if member not in seen:
            seen |= group
            yield tuple(sorted(group))


def _without_others(
    products: NDArray[np.float32],
    rows_to_total: NDArray[np.float32],
    columns_to_total: NDArray[np.float32],
    total_squared: float,
    count: int,
) -> NDArray[np.float32]:
    """Correlation of each pair a, b after taking off m, the mean of all images but these two.

    All follows from inner products: with the sum of all s, m = (s - a - b) / (count - 2), so
    a.m = (a.s - 1 - a.b) / (count - 2) and so on.
    """
    others = max(count - 2, 1)  # with two images, s - a - b is zero anyway
    a_s, b_s = rows_to_total[:, np.newaxis], columns_to_total[np.newaxis]
    a_m = (a_s - 1 - products) / others
    b_m = (b_s - 1 - products) / others
    m_m = (total_squared + 2 + 2 * products - 2 * a_s - 2 * b_s) / others**2
    lengths = np.maximum(1 - 2 * a_m + m_m, _FLAT) * np.maximum(1 - 2 * b_m + m_m, _FLAT)
    correlation: NDArray[np.float32] = (products - a_m - b_m + m_m) / np.sqrt(lengths)
    return correlation


def _box_mean(values: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    """Mean over a square of side 2 * radius + 1, borders mirrored."""
    side = 2 * radius + 1
    padded = np.pad(values, radius, mode="reflect")
    sums = np.pad(padded.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    boxes = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    mean: NDArray[np.float64] = boxes / side**2
    return mean
