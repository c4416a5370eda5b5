"""Images that were scored as if they were new, and what counts as one of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from blemish.errors import CalibrationError
from blemish.result import ScoredImage
from blemish.wording import first_few

MOST_NAMED = 20


def check_finite(images: Iterable[ScoredImage]) -> None:
    """Raise `CalibrationError` with the names of images whose score or peak is not finite."""
    wrong = [i.id for i in images if not (math.isfinite(i.score) and math.isfinite(i.peak))]
    if wrong:
        raise CalibrationError(
            f"A score is not a finite number (NaN or infinite) of {first_few(wrong, MOST_NAMED)}. "
            "Look at these images, and at the backbone; what is wrong with them must go."
        )


def one_a_key(images: Mapping[str, ScoredImage], keys: Mapping[str, str]) -> list[ScoredImage]:
    """One of the images that belong together (copies, a group), with the largest score of each.

    They are one draw from the line, not several: counting each would promise too much.

    Args:
        images: by their ids.
        keys: what keeps images together, by their ids; in the order wanted.
    """
    return [
        same[0]._replace(score=max(i.score for i in same), peak=max(i.peak for i in same))
        for same in _together(images, keys)
    ]


def highest_peaks(images: Mapping[str, ScoredImage], keys: Mapping[str, str]) -> dict[str, float]:
    """Of images that belong together the one whose map peaks highest, with that peak."""
    highest = (max(same, key=lambda image: image.peak) for same in _together(images, keys))
    return {image.id: image.peak for image in highest}


def _together(
    images: Mapping[str, ScoredImage], keys: Mapping[str, str]
) -> list[list[ScoredImage]]:
    together: dict[str, list[ScoredImage]] = {}
    for name, key in keys.items():
        together.setdefault(key, []).append(images[name])
    return list(together.values())
