"""All that can be chosen in EfficientAd.

What a preset decides is `None` unless it is given: `recipe` and `to_dict` fill it in. What none of
them decides has the paper's value.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from blemish.detectors.efficientad.architecture import (
    PDN_WIDTHS,
    RECEPTIVE_FIELD,
    SMALLEST_SIDE,
    STRIDE,
)
from blemish.detectors.efficientad.presets import (
    OF_THE_METHOD,
    OF_THE_PDN,
    OF_THE_TEACHER,
    PAPER,
    PRESETS,
    SIDES_PX,
    Recipe,
)
from blemish.detectors.settings import NORMALISATIONS
from blemish.detectors.tiled import TiledSettings
from blemish.settings import setting

SMALLEST_CROP = RECEPTIVE_FIELD + STRIDE - RECEPTIVE_FIELD % STRIDE
CROP_OF_TILES = 256  # that students are trained on where a preset takes whole images


@dataclass(frozen=True)
class EfficientAdSettings(TiledSettings):
    """All that can be chosen in EfficientAd."""

    circumstances: ClassVar[tuple[str, ...]] = ("device", "memory_megabytes", "checkpoint_seconds")

    preset: str = setting(
        "quick",
        "a budget: minutes on two cores, for parts (quick) or for surfaces that vary at random "
        "(texture); six times quick's, with a threshold from all images (standard); or all as "
        "published (paper)",
        choices=tuple(PRESETS),
    )
    teacher_backbone: str | None = setting(
        None,
        "teacher by its features: embedded (in the package), an ONNX file with named outputs, or "
        "timm:NAME; by default embedded, but for the preset paper and where a PDN is named",
        names_file=True,
    )
    teacher_levels: tuple[str, ...] | None = setting(
        None,
        "outputs of the backbone that are followed, a map each; s8 and s16 of embedded by default",
        fewest=1,
    )
    teacher_neighbourhood: int | None = setting(
        None,
        "side, in cells, over which levels coarser than the finest are averaged, odd",
        at_least=1,
        at_most=9,
    )
    teacher_precision: str = setting(
        "float32",
        "int8 computes a backbone as teacher in whole numbers, rounded with the training images, "
        "and the student learns to follow that; a judgement takes a quarter less",
        choices=("float32", "int8"),
    )
    teacher: str | None = setting(
        None,
        "safetensors or ONNX file of a PDN as teacher; by default the one in the package",
        names_file=True,
    )
    pdn: str | None = setting(
        None,
        "size of a PDN as teacher, and of its student: S and M of the paper, or S / 4",
        choices=tuple(PDN_WIDTHS),
    )
    student_width: int | None = setting(
        None,
        "channels of a student of a backbone at stride 4, and half of those at coarser strides",
        at_least=4,
        at_most=1024,
    )
    autoencoder_weight: float | None = setting(
        None,
        "share of the autoencoder's map in the combined one, 0.5 as published; "
        "with 0 there is no autoencoder",
        at_least=0,
        at_most=0.9,
    )
    initialisation: str | None = setting(
        None,
        "weights that the autoencoder begins with: torch's own as is usual, or he, with which "
        "every layer passes on how images differ, so that few steps teach it something",
        choices=("torch", "he"),
    )
    autoencoder_width: int = setting(
        64, "channels of the autoencoder's bottleneck, even", at_least=2
    )
    steps: int | None = setting(None, "steps of training, at most", at_least=1)
    epochs: float | None = setting(
        None,
        "passes over the training images, at most, in place of steps",
        above=0,
        at_most=1e6,
    )
    unexplained: float | None = setting(
        None,
        "share of the teacher's variance in good images that were not trained on which may stay "
        "unexplained: the training ends soon after it is reached, or no longer falls; 0 takes all "
        "steps, as published, and so does an autoencoder",
        at_least=0,
        at_most=1,
    )
    batch_size: int | None = setting(
        None, "images that a step is taken on", at_least=1, at_most=256
    )
    crop: int | None = setting(
        None,
        "side of the random part of an image that the student is trained on, a multiple of 4 from "
        "36 on with a PDN, of its coarsest level's stride (16) from 80 on with a backbone; 0 for "
        "whole images",
        at_least=0,
    )
    learning_rate: float | None = setting(None, "learning rate of Adam", above=0, at_most=1)
    schedule: str | None = setting(
        None,
        "late: the learning rate falls once, as published; cool-down: it rises, stays, and falls "
        "to nothing over the last third",
        choices=("late", "cool-down"),
    )
    weight_decay: float = setting(1e-5, "weight decay of Adam", at_least=0)
    decay_at: float = setting(
        0.95,
        "share of the steps after which the learning rate falls, with schedule late",
        above=0,
        at_most=1,
    )
    decay_by: float = setting(
        0.1, "what the learning rate is then multiplied by", above=0, at_most=1
    )
    averaged_steps: int | None = setting(
        None,
        "the nets' weights are running means over about so many steps; 0 for those of the last "
        "step, as published",
        at_least=0,
    )
    gradient_norm: float | None = setting(
        None,
        "largest norm of a step's gradient, which is scaled down to it; 0 for any, as published",
        at_least=0,
    )
    hard_quantile: float | None = setting(
        None, "the student learns from differences at or above this quantile", at_least=0, at_most=1
    )
    penalty: str | None = setting(
        None,
        "folder of penalty images, of anything else; by default some are drawn",
        names_file=True,
    )
    penalty_images: int | None = setting(None, "how many penalty images", at_least=1)
    penalty_weight: float | None = setting(
        None,
        "weight of the student's answers to penalty images, 1 as published; with 0 there are none",
        at_least=0,
    )
    penalty_grey: float = setting(
        0.3, "share of penalty images shown without colour", at_least=0, at_most=1
    )
    jitter: float = setting(
        0.2,
        "most that brightness, contrast or saturation is changed by for the autoencoder",
        at_least=0,
        at_most=1,
    )
    dropout: float = setting(0.2, "dropout in the decoder", at_least=0, at_most=0.9)
    keep_features: bool | None = setting(
        None, "keep the teacher's features of all images, in half precision, to save time"
    )
    low_quantile: float = setting(
        0.9, "quantile of good images' map values that becomes 0", at_least=0, at_most=1
    )
    high_quantile: float = setting(
        0.995, "quantile of them that becomes 0.1", at_least=0, at_most=1
    )
    distance: str | None = setting(
        None,
        "map of the mean squared difference of two nets' features, as published, or of its root",
        choices=("euclidean", "squared"),
    )
    image_score: str | None = setting(
        None,
        "map: its largest value, as published; top: the mean of the highest half per cent of "
        "cells, each averaged with its neighbours, which noise moves less",
        choices=("map", "top"),
    )
    border: str | None = setting(
        None,
        "border of the map, where a PDN does not reach: zero as published, or the nearest cell's "
        "value",
        choices=("zero", "edge"),
    )
    normalisation: str | None = setting(
        None,
        "position tells each value of the map by what good images, left out, have as far from the "
        "border; none leaves them as published",
        choices=NORMALISATIONS,
    )
    smoothing: float | None = setting(
        None,
        "sigma of the combined map's Gaussian, in working pixels; 0 for none, as published",
        at_least=0,
        at_most=32,
    )
    calibration_folds: int | None = setting(
        None,
        "parts of the training images that are left out in turn, each with nets trained anew "
        "without it, to score them as new; 0 leaves out held_out once",
        at_least=0,
        at_most=1000,
    )
    held_out: float | None = setting(
        None,
        "share of the training images that is never trained on, with calibration_folds 0",
        above=0,
        at_most=0.9,
    )
    device: str = setting("auto", "what to train on", choices=("auto", "cpu", "cuda"))
    precision: str = setting(
        "auto",
        "what to train in; auto takes bfloat16 where the processor has it",
        choices=("auto", "float32", "bfloat16"),
    )
    checkpoint_seconds: float = setting(
        120.0, "seconds between two checkpoints, where a folder for them is given", at_least=0
    )
    memory_megabytes: int = setting(
        4000, "the most that images and features may take; then they go to disk", at_least=100
    )

    @property
    def usual_side_px(self) -> int:
        """The side of a working image where no size is given."""
        return SIDES_PX.get(self.preset, super().usual_side_px)

    @property
    def on_gpu(self) -> bool | None:
        """Whether the training is on a GPU; `None` where it takes one if there is one."""
        return None if self.device == "auto" else self.device == "cuda"

    @property
    def by_place(self) -> bool:
        """Whether the map is told by its places (`detectors.position`)."""
        return self.recipe.normalisation == "position"

    @property
    def recipe(self) -> Recipe:
        """What the preset decides, less what was given."""
        preset = PRESETS[self.preset]
        if self.is_tiled and not preset.crop:
            preset = replace(preset, crop=CROP_OF_TILES)
        if preset.crop >= min(self.seen_hw):
            preset = replace(preset, crop=0)
        chosen = {name: getattr(self, name) for name in dataclasses.asdict(preset)}
        if self.teacher_backbone is None and (self.pdn or self.teacher):
            of_the_paper = {name: getattr(PAPER, name) for name in OF_THE_PDN}
            preset = replace(preset, **of_the_paper)
        elif self.teacher_backbone is not None:
            same = self.teacher_backbone == preset.teacher_backbone
            preset = replace(
                preset, teacher_levels=preset.teacher_levels if same else None, pdn=None
            )
        return replace(preset, **{k: v for k, v in chosen.items() if v is not None})

    def steps_of(self, images: int) -> int:
        """Steps of a training on so many images, at most."""
        if self.epochs is None:
            return self.recipe.steps
        return max(1, math.ceil(self.epochs * images / self.recipe.batch_size))

    @property
    def variant(self) -> dict[str, str]:
        """What differs from the paper's detector, by setting: what is, and what was published.

        Empty for the detector as published. Seconds, memory, sizes and seeds make no variant.
        """
        here, there = (s.recipe for s in (self, EfficientAdSettings(preset="paper")))
        told: dict[str, tuple[Any, Any]] = {}
        if here.pdn != there.pdn:
            told["teacher"] = here.teacher_backbone or here.pdn, there.pdn
        told |= {
            name: (value, getattr(there, name))
            for name, value in dataclasses.asdict(here).items()
            if name not in OF_THE_TEACHER and value != getattr(there, name)
        }
        plain = {f.name: f.default for f in dataclasses.fields(self) if f.name in OF_THE_METHOD}
        told |= {n: (getattr(self, n), v) for n, v in plain.items() if getattr(self, n) != v}
        return {name: f"{value}; published {other}" for name, (value, other) in told.items()}

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values, with what the preset decides filled in."""
        decided = dataclasses.asdict(self.recipe)
        if self.epochs is not None:
            decided["steps"] = None  # they are in its place
        return super().to_dict() | {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in decided.items()
        }

    def contradictions(self) -> list[str]:
        """Problems between settings that are each allowed."""
        problems = super().contradictions()
        if self.resize != "stretch":
            problems.append(
                "'resize' must be stretch: the nets are trained on images of one size; got "
                f"{self.resize!r}."
            )
        if self.is_tiled:
            problems += self._not_with_tiles()
        elif self.recipe.autoencoder_weight:
            problems += _size_problems(self.size_hw)
        if self.recipe.pdn is not None:  # the levels of a backbone are asked when it is loaded
            problems += _crop_problems(self.crop, self.seen_hw)
        problems += self._teacher_problems()
        if self.penalty is not None and not self.recipe.penalty_weight:
            problems.append(
                "'penalty' names images to train against, but 'penalty_weight' is 0; give "
                "penalty_weight=1, or leave them out."
            )
        if self.steps is not None and self.epochs is not None:
            problems.append(
                f"Give 'steps' or 'epochs', not both; got {self.steps} and {self.epochs:g}."
            )
        side = self.teacher_neighbourhood
        if side is not None and side % 2 == 0:
            problems.append(f"'teacher_neighbourhood' must be odd; got {side}.")
        if self.autoencoder_width % 2:
            problems.append(f"'autoencoder_width' must be even; got {self.autoencoder_width}.")
        if self.low_quantile >= self.high_quantile:
            problems.append(
                f"'low_quantile' must be below 'high_quantile' ({self.high_quantile:g}); "
                f"got {self.low_quantile:g}."
            )
        if self.calibration_folds == 1:
            problems.append("'calibration_folds' must be 0 or at least 2; got 1.")
        return problems

    def _not_with_tiles(self) -> list[str]:
        """What looks at a whole image, or has fewer cells than pixels would make."""
        named = "tile" if self.tile is not None else "scale"
        problems = []
        if self.recipe.pdn is not None:
            problems.append(
                f"A PDN as teacher does not go with tiles ('{named}'): it has no cells along "
                "borders. Give 'teacher_backbone', or leave tiles out."
            )
        if self.recipe.autoencoder_weight:
            problems.append(
                f"An autoencoder sees a whole image, and does not go with tiles ('{named}'): "
                "'autoencoder_weight' must be 0 with them."
            )
        return problems

    def _teacher_problems(self) -> list[str]:
        """Settings of a PDN beside those of a backbone."""
        pdns = [name for name in ("pdn", "teacher") if getattr(self, name) is not None]
        if self.recipe.pdn is not None and self.teacher_backbone is None:
            given = [
                name
                for name in ("teacher_levels", "teacher_neighbourhood")
                if getattr(self, name) is not None
            ]
            if self.teacher_precision != "float32":
                given.append("teacher_precision")
            return [f"'{name}' is of a backbone, but the teacher is a PDN." for name in given]
        problems = [
            f"'{name}' names a PDN as teacher and 'teacher_backbone' a backbone; give one of them."
            for name in pdns
        ]
        if self.recipe.crop and self.recipe.autoencoder_weight:
            problems.append(
                "'crop' must be 0 with an autoencoder and a backbone as teacher; got "
                f"{self.recipe.crop}. A PDN (pdn=small) can be followed in parts."
            )
        return problems


def _size_problems(size_hw: tuple[int, int]) -> list[str]:
    if min(size_hw) >= SMALLEST_SIDE:
        return []
    works = [max(side, SMALLEST_SIDE) for side in size_hw]
    got, nearest = (
        f"{height}" if height == width else f"[{height}, {width}]"
        for height, width in (size_hw, works)
    )
    return [
        f"'image_size' must be at least {SMALLEST_SIDE} a side for EfficientAd's autoencoder; "
        f"got {got}, the nearest that works is {nearest}."
    ]


def _crop_problems(crop: int | None, size_hw: tuple[int, int]) -> list[str]:
    if not crop:
        return []
    largest = min(size_hw) // STRIDE * STRIDE
    if crop % STRIDE == 0 and SMALLEST_CROP <= crop <= largest:
        return []
    works = min(max(round(crop / STRIDE) * STRIDE, SMALLEST_CROP), largest)
    return [
        f"'crop' must be 0 or a multiple of {STRIDE} in [{SMALLEST_CROP}, {largest}]; got {crop}, "
        f"the nearest that works is {works}."
    ]
