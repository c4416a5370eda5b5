"""The presets of EfficientAd: what each decides for a budget, and what makes the method."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Recipe:
    """What a preset decides; the settings of the same names say what each is."""

    teacher_backbone: (
        str | None
    )  # with `levels`, or else `pdn`: the teacher is the one or the other
    teacher_levels: tuple[str, ...] | None
    teacher_neighbourhood: int | None  # of a backbone alone
    pdn: str | None
    student_width: int
    autoencoder_weight: float
    initialisation: str
    steps: int
    unexplained: float
    batch_size: int
    crop: int
    learning_rate: float
    schedule: str
    averaged_steps: int
    gradient_norm: float
    hard_quantile: float
    keep_features: bool
    penalty_weight: float
    penalty_images: int
    distance: str
    image_score: str
    border: str
    normalisation: str
    smoothing: float
    calibration_folds: int
    held_out: float


QUICK = Recipe(
    teacher_backbone="embedded",
    teacher_levels=("s8", "s16"),
    teacher_neighbourhood=3,
    pdn=None,
    student_width=32,
    autoencoder_weight=0.0,
    initialisation="he",
    steps=1500,
    unexplained=0.05,
    batch_size=2,
    crop=0,
    learning_rate=2e-3,
    schedule="cool-down",
    averaged_steps=100,
    gradient_norm=1.0,
    hard_quantile=0.0,
    keep_features=True,
    penalty_weight=0.0,
    penalty_images=256,
    distance="euclidean",
    image_score="top",
    border="edge",
    normalisation="position",
    smoothing=4.0,
    calibration_folds=0,
    held_out=0.15,
)
PAPER = Recipe(
    teacher_backbone=None,
    teacher_levels=None,
    teacher_neighbourhood=None,
    pdn="small",
    student_width=32,
    autoencoder_weight=0.5,
    initialisation="torch",
    steps=70_000,
    unexplained=0.0,
    batch_size=1,
    crop=0,
    learning_rate=1e-4,
    schedule="late",
    averaged_steps=0,
    gradient_norm=0.0,
    hard_quantile=0.999,
    keep_features=False,
    penalty_weight=1.0,
    penalty_images=2000,
    distance="squared",
    image_score="map",
    border="zero",
    normalisation="none",
    smoothing=0.0,
    calibration_folds=0,
    held_out=0.1,
)
PRESETS = {
    "quick": QUICK,
    "texture": replace(QUICK, steps=2200, crop=256, penalty_weight=1.0, smoothing=8.0),
    "standard": replace(QUICK, calibration_folds=5),
    "paper": PAPER,
}
# What a recipe says of the teacher or the machine, and what no preset decides of the method.
OF_THE_PDN = ("teacher_backbone", "teacher_levels", "teacher_neighbourhood", "pdn")
OF_THE_TEACHER = (
    "teacher_backbone",
    "teacher_levels",
    "teacher_neighbourhood",
    "pdn",
    "student_width",
    "keep_features",
)
OF_THE_METHOD = (
    "teacher_precision",
    "epochs",
    "weight_decay",
    "decay_at",
    "decay_by",
    "penalty_grey",
    "jitter",
    "dropout",
    "low_quantile",
    "high_quantile",
    "autoencoder_width",
)
SIDES_PX = {"texture": 512}  # of the working image by default, where it is not 256
