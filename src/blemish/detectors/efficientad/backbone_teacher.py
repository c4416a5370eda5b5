"""Levels of a backbone as teacher: its features of whole images, joined on the finest grid.

Better features than a PDN's, at hand for nothing. A backbone pads its borders and sees far: where a
student is trained on parts of images, cells along a cut do not count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from blemish.backbones.backbone import Backbone, Level
from blemish.backbones.load import load_backbone
from blemish.detectors.contract import ImageSource
from blemish.detectors.efficientad.architecture import COLOURS, MEAN, SKIPS, STD, residual
from blemish.detectors.efficientad.teacher import TEACHER, Answers, Statistics
from blemish.detectors.features.embedding import mean_of_neighbours
from blemish.detectors.features.quantise import in_int8
from blemish.detectors.nets.layer import NetLayer
from blemish.detectors.nets.nodes import enlarged
from blemish.errors import BackboneError, SettingError
from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.graph.engine import Engine
from blemish.graph.session import Session
from blemish.graph.working_size import WorkingSize
from blemish.progress import Progress

if TYPE_CHECKING:
    import onnx
    import torch
    from torch import Tensor


MARGIN = 4  # cells


@dataclass(frozen=True, eq=False)
class BackboneTeacher:
    """Levels of a backbone; see `teacher.Teacher`.

    Attributes:
        backbone: with the levels that are followed.
        neighbourhood: side, in cells, over which those coarser than the finest are averaged.
    """

    backbone: Backbone
    neighbourhood: int = 1

    @property
    def name(self) -> str:
        """Of the network."""
        return self.backbone.name

    @property
    def licence(self) -> str:
        """Of the weights, as their source states it."""
        return self.backbone.licence

    @property
    def sha256(self) -> str:
        """Of the file."""
        return self.backbone.sha256

    @property
    def title(self) -> str:
        """Which net it is, for people."""
        levels = ", ".join(level.name for level in self.levels)
        return f"{self.name} ({levels})"

    @property
    def levels(self) -> tuple[Level, ...]:
        """What a map each is made of."""
        return self.backbone.levels

    @property
    def features(self) -> int:
        """How many features a cell has."""
        return sum(level.channels for level in self.levels)

    @property
    def parameters(self) -> int:
        """How many weights it has, up to the levels that are followed."""
        return sum(math.prod(one.dims) for one in self._model.graph.initializer)

    @property
    def border_cells(self) -> int:
        """Cells that its grid lacks on each side of the image."""
        return 0

    @property
    def step(self) -> int:
        """Pixels from one cell to the next, on which parts of an image may begin."""
        return min(level.stride for level in self.levels)

    @property
    def margin(self) -> int:
        """Cells along a cut through an image of which a student cannot know."""
        return MARGIN

    def grid_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Cells of its grid over a working image."""
        height, width = (side // self.step for side in size_hw)
        return height, width

    def check_sizes(self, size_hw: tuple[int, int], crop: int) -> None:
        """Raise `SettingError` where its cells would not lie on those of a student."""
        coarsest = max(level.stride for level in self.levels)
        if any(side % coarsest for side in size_hw):
            works = [max(coarsest, round(side / coarsest) * coarsest) for side in size_hw]
            raise SettingError(
                f"'image_size' must be a multiple of {coarsest} with the levels of "
                f"'{self.name}' as teacher; got {list(size_hw)}, the nearest that works is {works}."
            )
        if not crop:
            return
        least = math.ceil((2 * self.margin + 1) * self.step / coarsest) * coarsest
        largest = min(size_hw)
        if crop % coarsest or not least <= crop <= largest:
            nearest = min(max(round(crop / coarsest) * coarsest, least), largest)
            told = f"the nearest that works is {nearest}" if least <= largest else "only 0 works"
            raise SettingError(
                f"'crop' must be 0 or a multiple of {coarsest} in [{least}, {largest}] with the "
                f"levels of '{self.name}' as teacher; got {crop}, {told}."
            )

    def student(self, *, doubled: bool, width: int) -> tuple[NetLayer, ...]:
        """A residual net to follow it; with twice its features for an autoencoder's."""
        levels = [(level.channels, level.stride) for level in self.levels]
        return residual(levels, width, beside=self.features if doubled else 0)

    def in_int8(
        self, size: WorkingSize, images: ImageSource, progress: Progress, engine: Engine
    ) -> BackboneTeacher:
        """The same in whole numbers of 8 bits, rounded with good images."""
        return replace(self, backbone=in_int8(self.backbone, size, images, progress, engine))

    def answers(self, device: torch.device, engine: Engine) -> Answers:
        """Its features of working images, before they are normalised."""
        import torch

        session = Session(self._model.SerializeToString(), engine)

        def answer(images: Tensor) -> Tensor:
            shown = np.ascontiguousarray(images.float().cpu().numpy())
            return torch.from_numpy(session.run(["features"], working=shown)[0]).to(device)

        return answer

    def add(self, g: GraphBuilder, image: str, statistics: Statistics) -> str:
        """Nodes from working images to its normalised features, N x features x h x w."""
        mean, unit = (
            g.constant(values.reshape(-1, 1, 1).astype(np.float32))
            for values in (statistics.mean, 1 / statistics.divisor)
        )
        return g.op("Mul", g.op("Sub", self._features(g, image), mean), unit, name=TEACHER)

    @cached_property
    def _model(self) -> onnx.ModelProto:
        """From `working` images to `features`, before they are normalised."""
        g = GraphBuilder()
        g.op("Identity", self._features(g, "working"), name="features")
        inputs = [tensor("working", FLOAT, "N", COLOURS, "H", "W")]
        return g.build(inputs, [tensor("features", FLOAT, "N", self.features, "h", "w")])

    def _features(self, g: GraphBuilder, image: str) -> str:
        inner = self.backbone
        shown = self._renormalised(g, image)
        maps = g.include(inner.graph, prefix="backbone/", inputs={inner.entry: shown})
        aligned = []
        for level in inner.levels:
            factor = level.stride // self.step
            features = maps[level.name]
            if factor > 1:
                averaged = mean_of_neighbours(g, features, self.neighbourhood)
                features = enlarged(g, averaged, factor)
            aligned.append(features)
        return aligned[0] if len(aligned) == 1 else g.op("Concat", *aligned, axis=1)

    def _renormalised(self, g: GraphBuilder, image: str) -> str:
        """The image as the backbone takes it, where that is not as the other nets do."""
        mean, std = (np.array(values) for values in (self.backbone.mean, self.backbone.std))
        if np.allclose(mean, MEAN) and np.allclose(std, STD):
            return image
        factor, shift = np.array(STD) / std, (np.array(MEAN) - mean) / std
        factor, shift = (v.reshape(-1, 1, 1).astype(np.float32) for v in (factor, shift))
        return g.op("Add", g.op("Mul", image, g.constant(factor)), g.constant(shift))


def load_levels(
    backbone: str, levels: Sequence[str] | None, *, neighbourhood: int = 1
) -> BackboneTeacher:
    """Levels of a backbone as a teacher.

    Args:
        backbone: as `load_backbone` takes it.
        levels: their names; `None` for those at strides 8 and 16.
        neighbourhood: side, in cells, over which those coarser than the finest are averaged.

    Raises:
        BackboneError: the backbone is not there or not usable, lacks a level, or a level's cells
            do not lie where a student's would.
        MissingExtraError: `timm:` without the extra `train`.
    """
    found = load_backbone(backbone, levels=levels)
    odd = [level for level in found.levels if level.surplus or level.stride not in SKIPS]
    if odd:
        told = ", ".join(
            f"'{level.name}' (stride {level.stride}, {level.surplus:+d} cells)" for level in odd
        )
        strides = ", ".join(map(str, SKIPS))
        raise BackboneError(
            f"A teacher's levels must have strides of {strides} and a cell for each; "
            f"'{found.name}' has {told}."
        )
    return BackboneTeacher(found, neighbourhood)
