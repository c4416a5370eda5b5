"""What of a reference image is needed to find a part like it: constants of the graph.

Two steps. A coarse one correlates the phases of the image's spectrum with those of the reference,
turned by each of many angles (Kuglin & Hines 1975, Reddy & Chatterji 1996, with the turns tried one
by one in place of a log-polar spectrum, which has little to go by in small, nearly round parts).
A fine one minimises squared differences, by the inverse compositional algorithm (Baker & Matthews
2004) with residuals cut off as Huber does, so that a defect pulls little.

Convention: of `alignment.motion`; spectra have the frequencies -K..K down and 0..K across.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from blemish.alignment.motion import places
from blemish.alignment.settings import SCALES, Alignment

LONGER_SIDE_PX = 128  # of the grey image that motions are found in
ANGLE_STEP = 3.0  # degrees; what the fine step corrects with ease
SCALE_STEP = 0.05
SHIFT_STEP_PX = 2.0  # of the grey image
PADDED = 1.5  # length of a spectrum beside its image's, so that shifts do not come round
SHORTEST_WAVE_PX = 8.0
FAINT = 0.3  # how much of the median amplitude a frequency needs to have a say in full
TAPER = 0.25  # of each side that fades out
SIGMAS_PX = (2.5, 1.0)  # of the fine steps, in pixels of the grey image
DAMPING = 0.02  # of what a shift does to the differences; for what nothing tells, as a turned disc

Floats = NDArray[np.float64]
Waves = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Level:
    """What a fine step needs.

    Attributes:
        rows, columns: matrices that smooth the grey image and make it smaller, n x h and m x w.
        reference: the reference so, n x m.
        steepest: what it changes by for each parameter, P x n x m: right, down, turned, larger.
        solved: the inverse of their products, P x P.
    """

    rows: Floats
    columns: Floats
    reference: Floats
    steepest: Floats
    solved: Floats


@dataclass(frozen=True, eq=False)
class Spectra:
    """What the coarse step needs.

    Attributes:
        down, across: Fourier matrices, complex, frequencies x pixels, faded out at the sides.
        turned: of the reference turned, C x frequencies x frequencies: nearly phases alone, as
            conjugates.
        back_down, back_across: matrices of the way back, complex, shifts x frequencies.
        shifts_down, shifts_across: that they are for, in halves of the longer side.
        turns: of each, radians.
        scales: of each, logarithms.
        floor: amplitude that phases of an image need to have a say in full.
    """

    down: Waves
    across: Waves
    turned: Waves
    back_down: Waves
    back_across: Waves
    shifts_down: Floats
    shifts_across: Floats
    turns: Floats
    scales: Floats
    floor: float


@dataclass(frozen=True, eq=False)
class Template:
    """A reference, and what parts like it are found by.

    Attributes:
        alignment: what is looked for.
        size_hw: of the images.
        grey: the reference as `working_hw` says, its values as the graph makes them.
    """

    alignment: Alignment
    size_hw: tuple[int, int]
    grey: Floats

    @classmethod
    def sized(cls, alignment: Alignment, size_hw: tuple[int, int]) -> Template:
        """One of a grey reference in which nothing is to be found, which has all sizes."""
        return cls(alignment, size_hw, np.zeros(working_hw(size_hw)))

    @property
    def working_hw(self) -> tuple[int, int]:
        """Height and width of the grey image."""
        return working_hw(self.size_hw)

    @property
    def parameters(self) -> int:
        """How many numbers a motion has."""
        return 4 if self.alignment.scale else 3

    @property
    def _per_px(self) -> tuple[float, float]:
        """A pixel of the grey image in halves of the longer side, down and across."""
        longer = max(self.size_hw)
        down, across = (
            2 * side / (cells * longer)
            for side, cells in zip(self.size_hw, self.working_hw, strict=True)
        )
        return down, across

    @cached_property
    def normalised(self) -> Floats:
        """The reference of mean 0 and deviation 1."""
        grey = self.grey - self.grey.mean()
        normalised: Floats = grey / max(float(grey.std()), 1e-3)
        return normalised

    def levels(self) -> Iterator[Level]:
        """What the fine steps need, the smoother first."""
        for sigma in SIGMAS_PX:
            yield self._level(sigma)

    def _level(self, sigma_px: float) -> Level:
        height, width = self.working_hw
        shrink = 2 if sigma_px >= 2 else 1
        n, m = (max(side // shrink, 8) for side in (height, width))
        rows, columns = smoothing(height, n, sigma_px), smoothing(width, m, sigma_px)
        reference = rows @ self.normalised @ columns.T
        reference = (reference - reference.mean()) / max(float(reference.std()), 1e-3)
        down, across = _places(self.size_hw, (n, m))
        slope_y = np.gradient(reference, down, axis=0)
        slope_x = np.gradient(reference, across, axis=1)
        x, y = across[None, :], down[:, None]
        steepest = [slope_x, slope_y, slope_y * x - slope_x * y, slope_x * x + slope_y * y]
        of_each = np.stack(steepest[: self.parameters])
        products = np.einsum("pij,qij->pq", of_each, of_each)
        damped = products + np.eye(len(products)) * max(
            DAMPING * products[:2, :2].trace() / 2, 1e-6
        )
        return Level(rows, columns, reference, of_each, np.linalg.inv(damped))

    def spectra(self) -> Spectra:
        """What the coarse step needs."""
        (height, width), (per_down, per_across) = self.working_hw, self._per_px
        (down, back_down, shifts_down), (across, back_across, shifts_across) = (
            _fourier(side, self.alignment.shift * max(self.working_hw), both_sides=both)
            for side, both in ((height, True), (width, False))
        )
        candidates = list(self._candidates())
        found: Waves = np.stack(
            [down @ self._turned(turn, scale) @ across.T for turn, scale in candidates]
        )
        floor = FAINT * float(np.median(np.abs(found)))
        turned = found.conj() / (np.abs(found) + max(floor, 1e-6))
        turned[:, down.shape[0] // 2, 0] = 0.0  # the mean says nothing
        turned[:, :, 1:] *= 2  # their other half is not there
        turned /= np.sqrt((np.abs(turned) ** 2).sum(axis=(1, 2), keepdims=True)) + 1e-9
        turns, scales = np.array(candidates).T
        return Spectra(
            down,
            across,
            turned,
            back_down,
            back_across,
            shifts_down * per_down,
            shifts_across * per_across,
            turns,
            scales,
            max(floor, 1e-6),
        )

    @property
    def spectrum_hw(self) -> tuple[int, int]:
        """How many frequencies there are down and across."""
        down, across = (int(PADDED * side / SHORTEST_WAVE_PX) for side in self.working_hw)
        return 2 * down + 1, across + 1

    @property
    def tried(self) -> int:
        """How many turns, and scales of each, the coarse step tries."""
        return sum(1 for _ in self._candidates())

    def _candidates(self) -> Iterator[tuple[float, float]]:
        """Turns in radians and logarithms of scales, from the middle outwards."""
        for turn in turns(self.alignment.degrees):
            yield float(np.radians(turn)), 0.0
            if self.alignment.scale:
                for step in range(1, round(SCALES / SCALE_STEP) + 1):
                    for sign in (-1, 1):
                        yield float(np.radians(turn)), sign * float(np.log1p(step * SCALE_STEP))

    def _turned(self, turn: float, log_scale: float) -> Floats:
        """The reference, turned clockwise and made larger about its middle; 0 beyond it."""
        down, across = _places(self.size_hw, self.working_hw)
        x, y = across[None, :] / np.exp(log_scale), down[:, None] / np.exp(log_scale)
        cos, sin = np.cos(turn), np.sin(turn)
        rows = (cos * y - sin * x - down[0]) / (down[1] - down[0])
        columns = (cos * x + sin * y - across[0]) / (across[1] - across[0])
        return bilinear(self.normalised, rows, columns)


def working_hw(size_hw: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the grey image that motions of images of a size are found in."""
    longer = max(size_hw)
    side = min(longer, LONGER_SIDE_PX)
    height, width = (max(round(length * side / longer), 8) for length in size_hw)
    return height, width


def turns(degrees: float) -> list[float]:
    """Degrees that are tried, from 0 outwards."""
    if degrees >= 180:
        count = round(360 / ANGLE_STEP)
        return [0.0, *(step * 360 / count - 360 * (step > count / 2) for step in range(1, count))]
    steps = int(np.ceil(degrees / ANGLE_STEP))
    each = [step * degrees / steps for step in range(1, steps + 1)]
    return [0.0, *(sign * turn for turn in each for sign in (-1, 1))]


def bilinear(values: Floats, rows: Floats, columns: Floats) -> Floats:
    """Values between pixels; 0 beyond them."""
    height, width = values.shape
    padded = np.pad(values, 1)
    rows, columns = np.clip(rows + 1, 0, height), np.clip(columns + 1, 0, width)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - top, columns - left
    return np.asarray(
        padded[top, left] * (1 - down) * (1 - right)
        + padded[top + 1, left] * down * (1 - right)
        + padded[top, left + 1] * (1 - down) * right
        + padded[top + 1, left + 1] * down * right
    )


def _places(size_hw: tuple[int, int], cells_hw: tuple[int, int]) -> tuple[Floats, Floats]:
    """Where cells of an image lie down and across, in halves of its longer side."""
    longer = max(size_hw)
    down, across = (
        places(cells, side, longer) for cells, side in zip(cells_hw, size_hw, strict=True)
    )
    return down, across


def smoothing(side: int, cells: int, sigma_px: float) -> Floats:
    """A matrix, cells x side, of Gaussian means; what lies outside has no weight."""
    centres = (np.arange(cells) + 0.5) * side / cells - 0.5
    gaps = centres[:, None] - np.arange(side)[None, :]
    weights = np.exp(-0.5 * (gaps / sigma_px) ** 2)
    weights[np.abs(gaps) > 4 * sigma_px] = 0.0
    normalised: Floats = weights / weights.sum(axis=1, keepdims=True)
    return normalised


def _fourier(side: int, reach_px: float, *, both_sides: bool) -> tuple[Waves, Waves, Floats]:
    """Matrices to a spectrum and back, and the shifts that the latter are for, in pixels."""
    period = PADDED * side
    most = int(period / SHORTEST_WAVE_PX)
    waves = np.arange(-most if both_sides else 0, most + 1) / period
    pixels = np.arange(side) - (side - 1) / 2
    fade = np.minimum(np.minimum(np.arange(side) + 0.5, side - 0.5 - np.arange(side)), TAPER * side)
    fade = np.sin(0.5 * np.pi * fade / (TAPER * side)) ** 2
    steps = int(np.ceil(reach_px / SHIFT_STEP_PX))
    shifts = np.arange(-steps, steps + 1, dtype=np.float64) * SHIFT_STEP_PX
    there: Waves = np.exp(-2j * np.pi * waves[:, None] * pixels[None, :]) * fade
    back: Waves = np.exp(2j * np.pi * shifts[:, None] * waves[None, :])
    return there, back, shifts
