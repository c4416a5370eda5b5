"""What a fit of EfficientAd will take, known before it starts: trainings, memory, disk, time.

Sizes follow from the settings; the time is a guess from a few steps that are really taken. Other
work on the machine moves it easily by a third.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from blemish.detectors.contract import Told
from blemish.detectors.efficientad.architecture import COLOURS, Layers
from blemish.detectors.efficientad.images import tiles_shown
from blemish.detectors.efficientad.rounds import left_out_parts
from blemish.detectors.efficientad.schedule import fewest_steps
from blemish.detectors.efficientad.teacher import layers_of
from blemish.detectors.nets.layer import NetLayer
from blemish.errors import DataError
from blemish.memory import MEGABYTE
from blemish.parallel import available_cores
from blemish.wording import bytes_text

if TYPE_CHECKING:
    from blemish.detectors.efficientad.settings import EfficientAdSettings
    from blemish.detectors.efficientad.teacher import Teacher

RUNTIME_BYTES = 420 * MEGABYTE  # interpreter, torch and the other libraries
LONG_STEPS = 500
COPIES = 6  # of trained weights: also gradients, means, two of Adam's, one on its way to a file
TENSORS = 3.0  # as large as a layer's output, that its way forth and back holds at a time
READ_AHEAD_BYTES = 100 * MEGABYTE  # decoded images that wait, sessions that resize them
MAP_BYTES = 16  # of a cell of a map: as it is, in the order of quantiles, told
IMAGE_BYTES = 30  # of a pixel of an image that is judged as a whole: decoded, its map
FACTS_BYTES = 300  # of a training image in the model file


@dataclass(frozen=True)
class TrainingPlan:
    """Sizes of a fit.

    Attributes:
        images: good images that there are.
        left_out: of them, never trained on by the nets that score them.
        trainings: how many; more than one with `calibration_folds`.
        fewest_steps, steps: of each: what is left unexplained decides.
        parameters: of the three nets.
        model_bytes: the model file, nearly.
        memory_bytes, disk_bytes: the most that the fit will take, nearly.
    """

    images: int
    left_out: int
    trainings: int
    fewest_steps: int
    steps: int
    parameters: int
    model_bytes: int
    memory_bytes: int
    disk_bytes: int

    @property
    def takes_long(self) -> bool:
        """Whether the steps that a guess takes are few beside those of the training."""
        return self.steps * self.trainings >= LONG_STEPS

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return asdict(self)

    def told(self) -> list[Told]:
        """Trainings, for people."""
        times = f", {self.trainings} times" if self.trainings > 1 else ""
        steps = f"{self.steps:,}"
        if self.fewest_steps < self.steps:
            steps = f"{self.fewest_steps:,} to {steps}"
        return [
            ("training", f"{steps} steps{times}, {self.parameters:,} parameters"),
            ("left out", f"{self.left_out:,} images, to find thresholds"),
        ]

    def notes(self) -> list[str]:
        """What a user must hear of it."""
        if not self.disk_bytes:
            return []
        return [
            "Images and features do not fit the memory allowed: "
            f"{bytes_text(self.disk_bytes)} go to a temporary file."
        ]


def plan_training(
    settings: EfficientAdSettings,
    teacher: Teacher,
    split_keys: Sequence[str],
    *,
    sizes_hw: Sequence[tuple[int, int]] = (),
) -> TrainingPlan:
    """What a fit on images with these split keys will take. Raises `DataError` without one.

    Args:
        settings: of the fit.
        teacher: of the fit.
        split_keys: of the images.
        sizes_hw: of them, needed with tiles.
    """
    if not split_keys:
        raise DataError("There is no good image to learn from.")
    recipe, layers, count = settings.recipe, layers_of(settings, teacher), len(split_keys)
    parts = left_out_parts(settings, split_keys)
    trained = [_parameters(net) for net in (layers.student, layers.autoencoder)]
    sizes = [teacher.parameters, *trained]
    shown, maps_bytes = _tiled(settings, teacher, sizes_hw)
    in_memory, on_disk = _kept_bytes(settings, teacher, shown * count)
    steps = settings.steps_of(shown * (count - max(map(len, parts), default=0)))
    model_bytes = 4 * sum(sizes) + FACTS_BYTES * count
    return TrainingPlan(
        images=count,
        left_out=sum(map(len, parts)),
        trainings=len(parts) + 1 if recipe.calibration_folds else 1,
        fewest_steps=fewest_steps(recipe, steps),
        steps=steps,
        parameters=sum(sizes),
        model_bytes=model_bytes,
        memory_bytes=RUNTIME_BYTES
        + READ_AHEAD_BYTES
        + in_memory
        + maps_bytes
        + _penalty_bytes(settings)
        + 4 * (COPIES * sum(trained) + teacher.parameters)
        + _step_bytes(settings, layers)
        + 2 * model_bytes,
        disk_bytes=on_disk,
    )


def estimate_seconds(
    settings: EfficientAdSettings, teacher: Teacher, plan: TrainingPlan
) -> dict[str, float]:
    """Guess the seconds of each stage; a few steps are taken on noise to know.

    Args:
        settings: of the fit.
        teacher: of the fit.
        plan: of the fit.

    Raises:
        SettingError: the device is not there.
    """
    from blemish.detectors.efficientad.training import pick_device, try_steps

    step, look = try_steps(settings, teacher, pick_device(settings.device))
    return {
        "drawing": _drawing_seconds(settings),
        "teacher": look * plan.images,
        "training": step * plan.steps * plan.trainings,  # at most
    }


def _drawing_seconds(settings: EfficientAdSettings) -> float:
    from blemish.surfaces.textures import draw

    if settings.penalty is not None or not settings.recipe.penalty_weight:
        return 0.0
    side, start = settings.recipe.crop or max(settings.seen_hw), perf_counter()
    for number in range(2):
        draw(number, seed=settings.seed, side_px=side)
    seconds = (perf_counter() - start) / 2
    return seconds * settings.recipe.penalty_images / available_cores()


def _tiled(
    settings: EfficientAdSettings, teacher: Teacher, sizes_hw: Sequence[tuple[int, int]]
) -> tuple[int, int]:
    """Tiles of an image that nets are trained on, and bytes of the maps of whole images."""
    size = settings.working_size(max(level.stride for level in teacher.levels))
    if size.tiles is None:
        return 1, 0
    shown = tiles_shown(size, sizes_hw)
    pixels = sum(math.prod(size.working_hw(image_hw)[1]) for image_hw in sizes_hw)
    largest = max(math.prod(image_hw) for image_hw in sizes_hw)
    cells = pixels // teacher.step**2
    return shown, MAP_BYTES * len(teacher.levels) * cells + IMAGE_BYTES * largest


def _parameters(net: Sequence[NetLayer]) -> int:
    return sum(math.prod(shape) for layer in net for shape in layer.shapes.values())


def _kept_bytes(settings: EfficientAdSettings, teacher: Teacher, count: int) -> tuple[int, int]:
    """Bytes of images and features in memory, and of those that go to disk (`Space`)."""
    height, width = settings.seen_hw
    wanted = [count * COLOURS * height * width * 2]
    if settings.recipe.keep_features:
        cells = math.prod(teacher.grid_hw(settings.seen_hw))
        wanted.append(count * teacher.features * cells * 2)
    left, on_disk = settings.memory_megabytes * MEGABYTE, 0
    for size in wanted:
        if size <= left:
            left -= size
        else:
            on_disk += size
    return sum(wanted) - on_disk, on_disk


def _penalty_bytes(settings: EfficientAdSettings) -> int:
    if not settings.recipe.penalty_weight:
        return 0
    crop = settings.recipe.crop if settings.penalty is None else 0
    height, width = (crop, crop) if crop else settings.seen_hw
    return settings.recipe.penalty_images * COLOURS * height * width


def _step_bytes(settings: EfficientAdSettings, layers: Layers) -> int:
    """What one step holds of the nets' layers."""
    recipe = settings.recipe
    seen_hw = (recipe.crop, recipe.crop) if recipe.crop else settings.seen_hw
    student, coder = _values(layers.student, seen_hw), _values(layers.autoencoder, settings.seen_hw)
    passes = 1 + bool(recipe.penalty_weight) + bool(coder)
    return round(4 * TENSORS * recipe.batch_size * (passes * student + coder))


def _values(net: Sequence[NetLayer], size_hw: tuple[int, int]) -> int:
    """Values that all layers of a net give for one image."""
    sizes = output_sizes(net, size_hw)
    return sum(layer.outputs * cells for layer, cells in zip(net, sizes, strict=True))


def output_sizes(net: Sequence[NetLayer], size_hw: tuple[int, int]) -> list[int]:
    """Cells that each convolution of a net gives for an image of a size, before pooling."""
    last_hw, sizes = size_hw, []
    ends_hw: dict[str, tuple[int, int]] = {}
    for layer in net:
        before_hw = last_hw if layer.of is None else ends_hw[layer.of]
        height, width = (
            (side * layer.enlarged_by + 2 * layer.padding - kernel) // layer.stride + 1
            for side, kernel in zip(layer.enlarged_hw or before_hw, layer.kernel_hw, strict=True)
        )
        sizes.append(height * width)
        last_hw = (height // 2, width // 2) if layer.pooled else (height, width)
        ends_hw[layer.name] = last_hw
    return sizes
