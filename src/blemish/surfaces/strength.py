"""How bad a drawn defect is: its size and its contrast, drawn at random for a difficulty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TWICE = 0.15  # share of defective parts that have the defect in two places


@dataclass(frozen=True)
class Strength:
    """Size and contrast of a defect, each from 0 (hardly there) to 1 (obvious), and how many."""

    size: float
    contrast: float
    count: int

    @classmethod
    def drawn(cls, rng: np.random.Generator, difficulty: float) -> Strength:
        """Obvious only at difficulty 0, faint only at 1, from obvious to faint in between."""
        lowest = 0.65 * (1 - difficulty) ** 1.5
        highest = 1 - 0.7 * difficulty**2
        size, contrast = lowest + (highest - lowest) * rng.random(2)
        return cls(float(size), float(contrast), 1 + int(rng.random() < TWICE))

    def grown(self, least: float, most: float) -> float:
        """A length between two limits, by size."""
        return least + (most - least) * self.size

    def faded(self, least: float, most: float) -> float:
        """A strength between two limits, by contrast."""
        return least + (most - least) * self.contrast


@dataclass(frozen=True)
class Mark:
    """A defect to be drawn: which, how bad, and where its random numbers come from."""

    defect_type: str
    strength: Strength
    rng: np.random.Generator
