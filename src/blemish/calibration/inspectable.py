"""Which images cannot be inspected: they depart from all good ones nearly everywhere.

Darker, brighter, of less contrast, blurred, or unlike what a model learned from: an image departs
by the farthest of these, in multiples of what is usual among the good ones. Those that were left
out of the fit depart so far at most; the limit lies `MARGIN` times as far. So a new good image is
beyond the farthest of n with a chance of about 1 / (n + 1), and beyond the limit more rarely still.
Nearly, since what is usual is learned from the same images; measured, it holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blemish.binomial import CONFIDENCE, rate_at_most
from blemish.calibration.conformal import lowest_rate
from blemish.errors import ModelFileError
from blemish.graph.inspectable import MOST_DEPART, SIDES, Departing
from blemish.images.exposure import BLOCKS, GREY_LEVEL, Blocks, Exposure
from blemish.result import Note
from blemish.typed_json import AboveZero, NotNegative, Positive, Share

MARGIN = 1.5  # beyond the farthest good image
LEAST = 2.0  # of a limit, so that the faintest changes pass where good images are all alike
SPREAD = 0.8  # of the good images on one side of the median are within what is usual
LEAST_SPREAD = 0.075  # of a logarithm: changes by a seventh always pass
LEVEL_SHARE = 0.5  # of the way from usual maps to the threshold of pixels, so that `LEAST` is it
DECIMALS = 6
CLOSE = 1e-6  # relative, of what is stated twice

Range = tuple[float, float]
Values = NDArray[np.float64]


class LeftOut(NamedTuple):
    """What is asked of a good image that was left out: its exposure, and the level of its map."""

    exposure: Exposure
    level: float


@dataclass(frozen=True)
class Inspectable:
    """How good images look, and how far from that an image can be inspected.

    Attributes:
        images: good ones that were left out of the fit.
        rate: of good images that are not inspectable at most: the lowest that so many can promise.
        upper_bound_95: what it stays under with 95 % confidence over the draw of the images.
        limit: an image that departs farther is not inspectable.
        farthest: how far one of the good images departs at most.
        centre, spread: of brightness, contrast and sharpness of each block, as logarithms; see
            `graph.inspectable.Departing`.
        level_centre, level_spread: of the level of the map.
        brightness, contrast: lowest and highest of the good images, by the median of their blocks,
            as shares of white.
        sharpness: the same of the difference between neighbours, as a share of that between pixels
            farther apart.
        level: the same of what three quarters of the map lie above.
    """

    images: Positive
    rate: Share
    upper_bound_95: Share
    limit: AboveZero
    farthest: NotNegative
    centre: tuple[tuple[float, ...], ...]
    spread: tuple[tuple[AboveZero, ...], ...]
    level_centre: float
    level_spread: AboveZero
    brightness: Range
    contrast: Range
    sharpness: Range
    level: Range

    def departing(
        self, white_level: int, within: tuple[Blocks, bool] | None = None, width: int = 0
    ) -> Departing:
        """The same for a graph; see `Departing` for what is not of the good images."""
        return Departing(
            np.array(self.centre, np.float64),
            np.array(self.spread, np.float64),
            self.level_centre,
            self.level_spread,
            self.limit,
            white_level,
            within,
            width,
        )

    def departures(self, images: Sequence[LeftOut], white_level: int) -> Values:
        """How far images depart, N x 5, as the graph says it of one.

        Args:
            images: which ones.
            white_level: the value that counts as white.
        """
        off = np.stack([one.exposure.logarithms(white_level) for one in images]) - self.centre
        levels = np.array([one.level for one in images], np.float64)
        of_maps = (levels - self.level_centre) / self.level_spread
        return _departures(off, np.array(self.spread), of_maps)

    def reasons(
        self, departures: NDArray[np.float32], exposure: Exposure, level: float, white_level: int
    ) -> tuple[Note, ...]:
        """Why an image is not inspectable; nothing where it is.

        Args:
            departures: as the graph gives them, one a kind.
            exposure: of the image.
            level: of its map.
            white_level: the value that counts as white.
        """
        bright, contrast, sharp = _of_image(exposure, white_level)
        white, above = "{} of white, they {}", "most of its map is above {}, of theirs above {}"
        told = (
            ("dark", "darker than all", bright, self.brightness, white),
            ("bright", "brighter than all", bright, self.brightness, white),
            ("contrast", "of less contrast than all", contrast, self.contrast, white),
            ("blurred", "more blurred than all", sharp, self.sharpness, "sharpness {}, theirs {}"),
            ("unlike", "nearly everywhere unlike all", level, self.level, above),
        )
        return tuple(
            Note(code, f"It is {word} good images: {_spell(value, ends, how, departure)}.")
            for (code, word, value, ends, how), departure in zip(
                told, departures.tolist(), strict=True
            )
            if not departure <= self.limit
        )


def _spell(value: float, ends: Range, how: str, departure: float) -> str:
    """A number beside those of the good images; where it is one of these, how far it departs."""
    lowest, highest = ends
    if lowest <= value <= highest:
        return f"half of it departs {departure:.1f} times as far as is usual there"
    number, *theirs = (f"{round(one, 3):.3g}" for one in (value, *ends))
    return how.format(number, " to ".join(dict.fromkeys(theirs)))


def learn(
    left_out: Sequence[LeftOut], keys: Sequence[str], *, white_level: int, pixel_threshold: float
) -> Inspectable:
    """How far an image may depart, from good ones that were left out of the fit.

    Args:
        left_out: the images.
        keys: those of one key belong together, and count once.
        white_level: the value that counts as white.
        pixel_threshold: of their maps.
    """
    logarithms = np.stack([one.exposure.logarithms(white_level) for one in left_out])
    levels = np.array([one.level for one in left_out], np.float64)
    of_keys: dict[str, int] = {}
    for number, key in enumerate(keys):
        of_keys.setdefault(key, number)
    first = list(of_keys.values())
    centre = np.median(logarithms[first], axis=0).round(DECIMALS)
    off = logarithms - centre
    spread = np.stack([_spread(sign * off[first, which], LEAST_SPREAD) for which, sign in SIDES])
    level_centre = float(np.median(levels[first]))
    least = LEVEL_SHARE * max(pixel_threshold - level_centre, 0.0)
    level_spread = float(_spread(levels[first] - level_centre, least or LEAST_SPREAD))
    depart = _departures(off, spread, (levels - level_centre) / level_spread)
    farthest = max(float(depart.max()), 0.0)
    images = len(first)
    of_images = np.array([_of_image(one.exposure, white_level) for one in left_out]).T
    return Inspectable(
        images=images,
        rate=lowest_rate(images),
        upper_bound_95=rate_at_most(0, images, confidence=CONFIDENCE),
        limit=_limit(farthest),
        farthest=farthest,
        centre=_plain(centre),
        spread=_plain(spread),
        level_centre=level_centre,
        level_spread=level_spread,
        brightness=_ends(of_images[0]),
        contrast=_ends(of_images[1]),
        sharpness=_ends(of_images[2]),
        level=_ends(levels),
    )


def check_inspectable(facts: Inspectable, name: str) -> None:
    """Raise `ModelFileError` where what is stated of a limit does not follow.

    Args:
        facts: as the file has them.
        name: what to call the file in errors.
    """
    problems = []
    for shape, values, sides in (("centre", facts.centre, 3), ("spread", facts.spread, len(SIDES))):
        if [len(row) for row in values] != [BLOCKS] * sides:
            problems.append(f"'{shape}' is not of {sides} x {BLOCKS} blocks")
    for what, follows in (
        ("limit", _limit(facts.farthest)),
        ("rate", lowest_rate(facts.images)),
        ("upper_bound_95", rate_at_most(0, facts.images, confidence=CONFIDENCE)),
    ):
        stated = getattr(facts, what)
        if not math.isclose(stated, follows, rel_tol=CLOSE):
            problems.append(f"'{what}' is stated as {stated:g}, but {follows:g} follows")
    if problems:
        raise ModelFileError(
            f"'{name}' contradicts itself in what is not inspectable: {'; '.join(problems)}. "
            "Get it anew from where it was fitted, or fit it again."
        )


def _departures(off: Values, spread: Values, of_maps: Values) -> Values:
    """How far each image departs, N x 5; twin of `graph.inspectable`.

    Args:
        off: N x 3 x B, logarithms of the blocks less what is usual.
        spread: 4 x B.
        of_maps: N, of their maps.
    """
    blocks = np.stack([sign * off[:, which] for which, sign in SIDES], axis=1) / spread
    return np.column_stack([np.sort(blocks, axis=2)[:, :, -MOST_DEPART], of_maps])


def _limit(farthest: float) -> float:
    return max(MARGIN * farthest, LEAST)


def _spread(off: Values, least: float) -> Values:
    """What is usual among values off their median, upwards; along the first axis.

    Where all are the same and their median was rounded up, none is above it.
    """
    above = off >= 0
    upwards = np.where(above.any(axis=0), np.where(above, off, np.nan), 0.0)
    spread: Values = np.maximum(np.nanquantile(upwards, SPREAD, axis=0).round(DECIMALS), least)
    return spread


def _of_image(exposure: Exposure, white_level: int) -> Values:
    """Brightness, contrast and sharpness of an image, by the median of its blocks."""
    bright, contrast, sharp = np.exp(exposure.logarithms(white_level))
    values = np.stack([bright - GREY_LEVEL, contrast - GREY_LEVEL, sharp])
    medians: Values = np.maximum(np.median(values, axis=1), 0.0)
    return medians


def _ends(values: Values) -> Range:
    return round(float(values.min()), DECIMALS), round(float(values.max()), DECIMALS)


def _plain(values: Values) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(row) for row in values.tolist())
