"""Which images each training sees, and which are left out of it to be scored as new.

Two ways, both from good training images alone:

* Held out, as published: some images are never trained on.
* In parts (cross-conformal): the images are split, and for each part nets are trained on the
  rest, with the same settings and seed. The nets that ship are trained on all images, so that
  those of a part saw a little less than they: what cross-conformal scores always have.

What makes maps of several nets comparable is in `scale`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blemish.data.split import parts_of, position_of
from blemish.detectors.efficientad.settings import EfficientAdSettings

SHIPS = "whole"  # the name of the round whose nets ship


@dataclass(frozen=True)
class Round:
    """One training: the positions of the images that it sees, and of those left out of it."""

    name: str
    trained: list[int]
    left_out: list[int]


def rounds_of(settings: EfficientAdSettings, split_keys: Sequence[str]) -> list[Round]:
    """The trainings of a fit; the last gives the nets that ship.

    Args:
        settings: which way, and how many.
        split_keys: a key for each image; images with one key are left out together. Where all
            have the same, none is left out.
    """
    everything = list(range(len(split_keys)))
    parts = left_out_parts(settings, split_keys)
    if settings.recipe.calibration_folds:
        folds = [
            Round(f"without-{number}", _without(everything, part), part)
            for number, part in enumerate(parts, 1)
        ]
        return [*folds, Round(SHIPS, everything, [])]
    held_out = parts[0] if parts else []
    return [Round(SHIPS, _without(everything, held_out), held_out)]


def left_out_parts(settings: EfficientAdSettings, split_keys: Sequence[str]) -> list[list[int]]:
    """Positions of the images that are left out of one training each."""
    distinct = sorted(set(split_keys), key=lambda key: position_of(key, seed=settings.seed))
    if len(distinct) < 2:
        return []
    folds = settings.recipe.calibration_folds
    if folds:
        return parts_of(split_keys, folds, seed=settings.seed)
    count = min(max(1, round(settings.recipe.held_out * len(distinct))), len(distinct) - 1)
    held_out = set(distinct[:count])
    return [[i for i, key in enumerate(split_keys) if key in held_out]]


def _without(positions: Sequence[int], part: Sequence[int]) -> list[int]:
    gone = set(part)
    return [position for position in positions if position not in gone]
