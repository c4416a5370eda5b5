"""What the training of a head will take, known before it starts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from blemish.detectors.contract import Told
from blemish.detectors.patchcore.head.examples import (
    KEPT,
    MOST_GOOD,
    SPOILT_FROM,
    SPOILT_IMAGES,
)
from blemish.detectors.patchcore.head.net import CHANNELS, LAYERS
from blemish.detectors.patchcore.head.steps import A_STEP, STEPS

TENSORS = 3  # of each layer's values that a step holds at once
TORCH_BYTES = 250 * 10**6  # that it takes once it is there
FLOAT_BYTES = 4
PICTURE_SHARE = 4  # times that resizing is quicker than a look
SEARCHED = 1.5  # times that drawing, a look and the search take longer than a look


@dataclass(frozen=True)
class HeadPlan:
    """Sizes of a training.

    Attributes:
        images: good ones.
        steps: of the training.
        spoilt_images: good images that get a synthetic defect.
        memory_bytes: the most that it takes beside the banks.
        model_bytes: of its weights.
        grid_hw: of what it reads.
    """

    images: int
    steps: int
    spoilt_images: int
    memory_bytes: int
    model_bytes: int
    grid_hw: tuple[int, int]
    disk_bytes: int = 0

    @property
    def takes_long(self) -> bool:
        """It does, beside a guess."""
        return True

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return {**asdict(self), "grid_hw": list(self.grid_hw)}

    def told(self) -> list[Told]:
        """Steps and defects, for people."""
        return [("training", f"{self.steps} steps on {self.spoilt_images} synthetic defects")]

    def notes(self) -> list[str]:
        """Nothing that a user must hear."""
        return []

    def estimate_seconds(self, a_look: float) -> dict[str, float]:
        """Guess the seconds of each stage; a few steps are taken on noise to know.

        Args:
            a_look: seconds in which an image goes through the backbone to both banks' patches.
        """
        from blemish.detectors.patchcore.head.training import try_steps

        return {
            "pictures": a_look * self.images / PICTURE_SHARE,
            "defects": a_look * self.spoilt_images * SEARCHED,
            "head": try_steps(self.grid_hw) * self.steps,
        }


def plan_head(images: int, working_hw: tuple[int, int], grid_hw: tuple[int, int]) -> HeadPlan:
    """What the training of a head will take.

    Args:
        images: good ones.
        working_hw: size of working images.
        grid_hw: of the finer bank.
    """
    cells = prod(grid_hw)
    pictures = min(images, SPOILT_FROM) * 3 * prod(working_hw) * KEPT().itemsize
    of_examples = 2 * min(images, MOST_GOOD) + 3 * SPOILT_IMAGES  # two readings, or also the mask
    values = of_examples + TENSORS * A_STEP * CHANNELS * len(LAYERS)
    return HeadPlan(
        images=images,
        steps=STEPS,
        spoilt_images=SPOILT_IMAGES,
        memory_bytes=TORCH_BYTES + pictures + FLOAT_BYTES * cells * values,
        model_bytes=FLOAT_BYTES * sum(prod(s) for layer in LAYERS for s in layer.shapes.values()),
        grid_hw=grid_hw,
    )
