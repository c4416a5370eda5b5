"""What each step of a training sees, a pure function of the seed and the number of the step.

So a training that goes on from a checkpoint sees what it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blemish.detectors.efficientad.jitter import KINDS, grey, jittered, normalised
from blemish.detectors.efficientad.rounds import Round
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.detectors.efficientad.teacher import Statistics, Teacher

ORDER, DRAWS = 21, 22  # what else seeds generators, beside the setting
LARGEST_SHARE = 0.5  # of a GPU's free memory that images may take


@dataclass(frozen=True, eq=False)
class KeptFeatures:
    """The teacher's features in half precision, less an offset that keeps them small.

    Attributes:
        values: N x C x h x w, float16.
        offset: of each feature, C.
    """

    values: NDArray[np.float16]
    offset: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Material:
    """What a training draws its batches from.

    Attributes:
        teacher: on whose grid the windows lie.
        images: N x 3 x h x w, float16, as the nets take them.
        penalty: P x 3 x h'' x w'', uint8; `None` without a penalty.
        features: the teacher's for each, not normalised, where they are kept.
    """

    teacher: Teacher
    images: NDArray[np.float16]
    penalty: NDArray[np.uint8] | None
    features: KeptFeatures | None = None


@dataclass(frozen=True)
class Window:
    """A part of an image: pixels, and the cells of the teacher's grid that a student sees there."""

    rows: slice
    columns: slice
    cell_rows: slice
    cell_columns: slice

    def of_image(self, image: Tensor) -> Tensor:
        """Its pixels, of C x H x W."""
        return image[:, self.rows, self.columns]

    def of_grid(self, features: Tensor) -> Tensor:
        """Its cells, of C x h x w."""
        return features[:, self.cell_rows, self.cell_columns]


@dataclass(frozen=True, eq=False)
class Batch:
    """What a step sees: n images, float32.

    Attributes:
        windows: the part of each that student and teacher see.
        images: those parts, n x 3 x h x w.
        features: the teacher's for them, n x C x h' x w', normalised; `None` where not kept.
        varied: the whole images with changed colours, n x 3 x H x W; `None` without an
            autoencoder, which alone is shown them.
        penalty: images of anything else, of the size of the parts; `None` without a penalty.
        counted: n x 1 x h' x w', 1 for cells that the student can know of in its part; `None` for
            all of them.
    """

    windows: list[Window]
    images: Tensor
    features: Tensor | None
    varied: Tensor | None
    penalty: Tensor | None
    counted: Tensor | None = None

    def parts(self, images: Tensor) -> Tensor:
        """The window of each of some whole images."""
        return _cut([w.of_image(p) for w, p in zip(self.windows, images, strict=True)])

    def cells(self, features: Tensor) -> Tensor:
        """The window of each of some whole grids."""
        return _cut([w.of_grid(f) for w, f in zip(self.windows, features, strict=True)])


class Batches:
    """The batches of a training by the number of the step.

    Args:
        material: images and all.
        images: which of them are trained on, and which tell what is left unexplained.
        statistics: of the teacher's features over these.
        settings: all of them.
        device: where batches are to be.
    """

    def __init__(
        self,
        material: Material,
        images: Round,
        statistics: Statistics,
        settings: EfficientAdSettings,
        device: torch.device,
    ) -> None:
        self._images = _near(material.images, device)
        self._penalty = None if material.penalty is None else _near(material.penalty, device)
        kept = material.features
        self._features = None if kept is None else _near(kept.values, device)
        shift = statistics.mean - (0 if kept is None else kept.offset)
        self._shift, self._divisor = (
            torch.from_numpy(values).float().to(device).view(-1, 1, 1)
            for values in (shift, statistics.divisor)
        )
        self._trained, self._watched = images.trained, images.watched
        self._teacher = material.teacher
        self._settings, self._recipe, self._device = settings, settings.recipe, device

    def at(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        rng = np.random.default_rng([self._settings.seed, DRAWS, step])
        chosen = self._chosen(step)
        windows = [self._window(rng) for _ in chosen]
        parts = [w.of_image(self._images[i]) for w, i in zip(windows, chosen, strict=True)]
        return Batch(
            windows,
            self._on_device(torch.stack(parts)),
            self._kept_features(chosen, windows),
            self._varied(chosen, rng) if self._recipe.autoencoder_weight else None,
            None if self._penalty is None else self._penalty_parts(self._penalty, rng),
            self._counted(windows),
        )

    @property
    def count(self) -> int:
        """How many images are trained on."""
        return len(self._trained)

    def watched(self) -> Iterator[Batch]:
        """The images that are not trained on but looked at, one by one and whole."""
        whole = self._window_at((0, 0), self._settings.seen_hw)
        for position in self._watched:
            image = self._on_device(self._images[position][None])
            yield Batch([whole], image, self._kept_features([position], [whole]), None, None)

    def _chosen(self, step: int) -> list[int]:
        """Each image once, in another order each time."""
        count = len(self._trained)
        numbers = range(step * self._recipe.batch_size, (step + 1) * self._recipe.batch_size)
        orders = (_order(self._settings.seed, number // count, count) for number in numbers)
        return [
            self._trained[order[number % count]]
            for order, number in zip(orders, numbers, strict=True)
        ]

    def _window(self, rng: np.random.Generator) -> Window:
        whole_hw, crop, step = self._settings.seen_hw, self._recipe.crop, self._teacher.step
        if not crop:
            return self._window_at((0, 0), whole_hw)
        beyond = self._teacher.margin and crop // 2 // step  # so that borders come as often
        start = [
            min(max(int(rng.integers(-beyond, last + beyond + 1)), 0), last) * step
            for last in ((side - crop) // step for side in whole_hw)
        ]
        return self._window_at((start[0], start[1]), (crop, crop))

    def _window_at(self, start: tuple[int, int], size_hw: tuple[int, int]) -> Window:
        cells = [at // self._teacher.step for at in start]
        grid_hw = self._teacher.grid_hw(size_hw)
        pixels = zip(start, size_hw, strict=True)
        rows, columns = (slice(at, at + length) for at, length in pixels)
        inside = zip(cells, grid_hw, strict=True)
        cell_rows, cell_columns = (slice(at, at + length) for at, length in inside)
        return Window(rows, columns, cell_rows, cell_columns)

    def _counted(self, windows: list[Window]) -> Tensor | None:
        """Cells away from where a window was cut out of the image."""
        margin = self._teacher.margin
        if not margin or not self._recipe.crop:
            return None
        grid_hw = self._teacher.grid_hw(self._settings.seen_hw)
        masks = []
        for window in windows:
            rows, columns = (
                _inside(cells, end, margin)
                for cells, end in zip((window.cell_rows, window.cell_columns), grid_hw, strict=True)
            )
            masks.append(torch.from_numpy((rows[:, None] & columns)[None].astype(np.float32)))
        return torch.stack(masks).to(self._device)

    def _kept_features(self, chosen: list[int], windows: list[Window]) -> Tensor | None:
        if self._features is None:
            return None
        kept = [w.of_grid(self._features[i]) for w, i in zip(windows, chosen, strict=True)]
        return (self._on_device(torch.stack(kept)) - self._shift) / self._divisor

    def _varied(self, chosen: list[int], rng: np.random.Generator) -> Tensor:
        count, most = len(chosen), self._settings.jitter
        whole = self._on_device(torch.stack([self._images[i] for i in chosen]))
        kinds = rng.integers(len(KINDS), size=count).tolist()
        return jittered(whole, kinds, rng.uniform(1 - most, 1 + most, count).tolist())

    def _penalty_parts(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Random parts of random penalty images, some without colour."""
        crop, count = self._recipe.crop, self._recipe.batch_size
        height, width = (crop, crop) if crop else self._settings.seen_hw
        room_hw = images.shape[2] - height, images.shape[3] - width
        parts = []
        for number in rng.integers(len(images), size=count):
            top, left = (int(rng.integers(room + 1)) for room in room_hw)
            parts.append(images[number, :, top : top + height, left : left + width])
        colourless = torch.from_numpy(rng.random(count) < self._settings.penalty_grey)
        plain = self._on_device(torch.stack(parts)) / 255
        colourless = colourless.to(self._device).view(-1, 1, 1, 1)
        return normalised(torch.where(colourless, grey(plain), plain))

    def _on_device(self, values: Tensor) -> Tensor:
        moved = values.to(self._device, non_blocking=True)
        return moved.to(torch.float32, memory_format=torch.channels_last)


def _inside(cells: slice, end: int, margin: int) -> NDArray[np.bool_]:
    """Which of a window's cells on an axis lie as far as a margin from where it was cut."""
    at = np.arange(cells.start, cells.stop)
    inside: NDArray[np.bool_] = (at >= cells.start + margin) | (cells.start == 0)
    inside &= (at < cells.stop - margin) | (cells.stop == end)
    return inside


def _cut(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).contiguous(memory_format=torch.channels_last)


def _near(values: NDArray[np.float16] | NDArray[np.uint8], device: torch.device) -> Tensor:
    """Values on the device where there is room for them, else where they are."""
    here = torch.from_numpy(values)
    if device.type == "cuda" and values.nbytes <= LARGEST_SHARE * torch.cuda.mem_get_info()[0]:
        return here.to(device)
    return here


@lru_cache(maxsize=4)
def _order(seed: int, round_number: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, ORDER, round_number]).permutation(count)
