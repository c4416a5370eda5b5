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
WATCHED, MOST_WATCHED = 0.05, 8  # share of the images left to train on, and how many at most
FEWEST_TO_WATCH = 5  # distinct images there must be, for one to be spared


@dataclass(frozen=True)
class Round:
    """One training, by positions of images.

    Attributes:
        name: of its checkpoint.
        trained: the images that it sees.
        watched: those that only tell it when to end; they count for nothing else.
        left_out: those that are scored as new.
    """

    name: str
    trained: list[int]
    watched: list[int]
    left_out: list[int]


def rounds_of(settings: EfficientAdSettings, split_keys: Sequence[str]) -> list[Round]:
    """The trainings of a fit; the last gives the nets that ship.

    Args:
        settings: which way, and how many.
        split_keys: a key for each image; images with one key are left out together. Where all
            have the same, none is left out.
    """
    parts = left_out_parts(settings, split_keys)

    def one(name: str, left_out: list[int]) -> Round:
        watched = _watched(settings, split_keys, left_out)
        gone = {*left_out, *watched}
        trained = [position for position in range(len(split_keys)) if position not in gone]
        return Round(name, trained, watched, left_out)

    if settings.recipe.calibration_folds:
        folds = [one(f"without-{number}", part) for number, part in enumerate(parts, 1)]
        return [*folds, one(SHIPS, [])]
    return [one(SHIPS, parts[0] if parts else [])]


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


def _watched(
    settings: EfficientAdSettings, split_keys: Sequence[str], left_out: Sequence[int]
) -> list[int]:
    """Images of a training that it does not see, only to know when to end; few, or none."""
    gone = {split_keys[position] for position in left_out}
    distinct = sorted({*split_keys} - gone, key=lambda key: _second_position(key, settings.seed))
    if not settings.recipe.unexplained or len(distinct) < FEWEST_TO_WATCH:
        return []
    some = distinct[: max(1, min(MOST_WATCHED, round(WATCHED * len(distinct))))]
    return [i for i, key in enumerate(split_keys) if key in some][:MOST_WATCHED]


def _second_position(key: str, seed: int) -> float:
    """Another order than the one that parts are made in."""
    return position_of(f"watched {key}", seed=seed)
