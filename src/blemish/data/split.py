"""Splits that hardly move: images are ranked by a hash of their own, never by name or position.

Exact copies fall on the same side, and so do all images of a group (the same part under several
lights, say). The share that is asked for is met as nearly as these units allow, and neither side
is left empty. The price is that the cut moves a little with the number of images: adding or
removing one may move another that lies at the cut, and no more than its share is worth.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

Split = Literal["train", "validation", "test"]

FEWEST_DISTINCT = 2  # good training images that are no copies or of one group, for any fit


def keys_of(groups: Sequence[str | None], contents: Sequence[str]) -> list[str]:
    """A key for each image; those that belong together have the same.

    Images belong together that share their group or their content, directly or by way of others.

    Args:
        groups: of each image, if it has one.
        contents: hash of what each image holds.
    """
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = name = leader[leader[name]]
        return name

    contents = [f"content:{content}" for content in contents]
    for group, content in zip(groups, contents, strict=True):
        ends = [find(content)] + ([] if group is None else [find(f"group:{group}")])
        leader[min(ends)] = max(ends)  # the last in order leads: a group comes before its contents
    return [find(content) for content in contents]


def position_of(key: str, *, seed: int) -> float:
    """Where `key` falls in [0, 1): uniform over keys, the same for ever for one key and seed."""
    digest = hashlib.sha256(f"{seed}:{key}".encode("utf-8", "surrogateescape")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def split_of(keys: Sequence[str], *, seed: int, test_fraction: float) -> list[Split]:
    """`test` for a share `test_fraction` of the images, `train` for the rest.

    Images of one key stay together. Keys are taken for testing in the order of their positions, as
    many as bring the number of test images nearest to the share. Of two keys or more each side has
    one, unless `test_fraction` is 0; a single key is for training.

    Args:
        keys: of each image, in any order.
        seed: another one draws another split.
        test_fraction: in [0, 1).
    """
    sizes = Counter(keys)
    ranked = sorted(sizes, key=lambda key: (position_of(key, seed=seed), key))
    counts = list(accumulate(sizes[key] for key in ranked))  # of images, by 1, 2, ... keys
    wanted = test_fraction * len(keys)
    nearest = min(range(1, len(ranked)), key=lambda cut: abs(counts[cut - 1] - wanted), default=0)
    tested = set(ranked[:nearest]) if test_fraction else set()
    return ["test" if key in tested else "train" for key in keys]


def parts_of(keys: Sequence[str], most: int, *, seed: int) -> list[list[int]]:
    """Share positions out into up to `most` parts of like size; equal keys stay together.

    A part changes with every key that is added: parts only serve to leave some out.
    """
    distinct = sorted(set(keys), key=lambda key: position_of(key, seed=seed))
    part = {key: rank % most for rank, key in enumerate(distinct)}
    parts: dict[int, list[int]] = {}
    for position, key in enumerate(keys):
        parts.setdefault(part[key], []).append(position)
    return [parts[number] for number in sorted(parts)]
