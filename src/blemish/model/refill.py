"""What the images that stay share with those that are forgotten, put back into a bank.

A bank keeps one patch for many that are alike. When the image goes that it is from, so would all
that others have of the kind, and each good image would look odd there. So patches of the others
that are farther from what is left than from the whole bank, and than good patches are on the mean,
get vectors of their own: greedily, the farthest first, until the bank is as large as it was. So are
the banks filled up that training images are scored against as if they were new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blemish.data.sample import Sample
from blemish.detectors.origins import PLACE, Places, cells_inside
from blemish.errors import BlemishError, DataError
from blemish.model.facts import FittedImage
from blemish.model.held_banks import HeldBanks
from blemish.model.lesson import Seen
from blemish.progress import Progress
from blemish.wording import quoted_few

if TYPE_CHECKING:
    Vectors = NDArray[np.float32]

MOST_NAMED = 5
SLACK = 1e-4  # of a score, by which products may be off


@dataclass(frozen=True, eq=False)
class Uncovered:
    """Patches that a bank without some of its vectors leaves too far away, image by image.

    Attributes:
        vectors: the patches, N x D.
        places: where they lie.
        far: their scores by what is left.
        limit: what they may score.
    """

    vectors: Vectors
    places: Places
    far: NDArray[np.float32]
    limit: NDArray[np.float32]


def samples_in(folder: Path, images: Iterable[tuple[int, FittedImage]]) -> dict[int, Sample]:
    """Training images by their numbers, once all are known to be there as they were.

    Raises:
        DataError: one is missing, or has changed.
    """
    found, missing = {}, []
    for number, image in images:
        path = folder / image.id
        path = path if path.is_file() else Path(image.id)  # learned ones go by their own path
        sample = Sample(image.id, path, "train", "good", "good")
        try:
            same = sample.sha256 == image.sha256
        except BlemishError:
            same = False
        if same:
            found[number] = sample
        else:
            missing.append(image.id)
    if missing:
        raise DataError(
            f"Not in '{folder}', or changed since the fit: {quoted_few(missing, MOST_NAMED)}. All "
            "training images that stay are needed; or fit again without those that go."
        )
    return found


def refilled(
    bank: HeldBanks,
    left: Mapping[str, Vectors],
    samples: Mapping[int, Sample],
    progress: Progress,
) -> dict[str, tuple[Vectors, Places]]:
    """Vectors that each bank gets in the place of what is gone, and where they come from.

    Args:
        bank: before anything went.
        left: what is left of each bank.
        samples: the images that stay, by their numbers.
        progress: told of the stage.

    Raises:
        ImageError: one cannot be read any more.
    """
    found: dict[str, list[Uncovered]] = {name: [] for name in left}
    with progress.stage("images that stay", len(samples)) as advance:
        for number, sample in samples.items():
            seen = Seen.of(bank, bank.model.read(sample))
            for name, vectors in left.items():
                found[name].append(_uncovered(seen, name, number, vectors))
            advance(1)
    size = {name: len(vectors) for name, vectors in bank.banks.vectors.items()}
    return {
        name: _covering(bank, parts, most=size[name] - len(left[name]))
        for name, parts in found.items()
    }


def _uncovered(seen: Seen, name: str, number: int, vectors: Vectors) -> Uncovered:
    scores = seen.scores[name]
    inside = cells_inside(seen.size_hw, scores.shape, seen.bank.working)
    before = scores[inside]
    limit = np.maximum(before, seen.usual(name, np.zeros_like(inside))[inside])
    patches = seen.patches[name][inside]
    closest = (np.einsum("md,md->m", vectors, vectors) - 2 * (patches @ vectors.T)).argmin(axis=1)
    far = seen.as_scores(patches - vectors[closest])
    rows, columns = np.nonzero(inside)
    too_far = far > limit * (1 + SLACK)
    places = np.zeros(int(too_far.sum()), PLACE)
    places["image"], places["row"] = number, rows[too_far]
    places["column"] = columns[too_far]
    return Uncovered(patches[too_far], places, far[too_far], limit[too_far])


def _covering(bank: HeldBanks, parts: list[Uncovered], *, most: int) -> tuple[Vectors, Places]:
    """The patches that cover all of them, the farthest first, or as many as there may be."""
    vectors = np.concatenate([part.vectors for part in parts])
    places = np.concatenate([part.places for part in parts])
    far = np.concatenate([part.far for part in parts])
    limit = np.concatenate([part.limit for part in parts])
    norms = np.einsum("nd,nd->n", vectors, vectors)
    picked: list[int] = []
    while len(picked) < most and len(far) and (far - limit).max() > 0:
        farthest = int((far - limit).argmax())
        picked.append(farthest)
        squared = norms + norms[farthest] - 2 * (vectors @ vectors[farthest])
        squared = np.maximum(squared, 0)
        far = np.minimum(far, squared if bank.banks.squared else np.sqrt(squared))
        far[farthest] = min(far[farthest], limit[farthest])
    return vectors[picked], places[picked]
