"""The graph of EfficientAd: nets, a map of each thing that is followed, one score.

Batzner et al., WACV 2024, section 3.4. Each map is the mean over the features of a squared
difference: student to teacher, student's second half to autoencoder. Both are shifted and scaled so
that quantiles of good images become 0 and 0.1, then averaged. Without an autoencoder there is no
map of it; a teacher of several levels gives a map for each, since what is usual at one is not at
another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from blemish.data.loading import LARGEST_BATCH
from blemish.detectors.efficientad.architecture import (
    AUTOENCODER,
    COLOURS,
    MEAN,
    STD,
    STUDENT,
    Layers,
)
from blemish.detectors.efficientad.scale import Quantiles
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.detectors.efficientad.teacher import Statistics, Teacher, layers_of
from blemish.detectors.nets.layer import Weights
from blemish.detectors.nets.nodes import add_net
from blemish.detectors.position import Usual, told_by_place
from blemish.graph.builder import FLOAT, INT64, GraphBuilder, tensor
from blemish.graph.maps import content_cells, enlarge
from blemish.graph.preprocessing import (
    Geometry,
    geometry,
    image_hw,
    image_input,
    normalise,
    preprocess,
)
from blemish.graph.tile_grid import Tiles
from blemish.graph.tiling import Grid, over_tiles, tile_at
from blemish.graph.wide_maps import enlarge_in_bands
from blemish.graph.working_size import WorkingSize
from blemish.images.format import ImageFormat

if TYPE_CHECKING:
    import onnx

COMBINED = "map_combined"  # of the branches
TOP = 0.1  # what the high quantile becomes
TOP_CELLS, NEIGHBOURS = 0.005, 3  # share of cells that make the score; side of what is averaged
BATCH_PIXELS = 4 * 256 * 256  # of working images to run at once


@dataclass(frozen=True, eq=False)
class Nets:
    """What a training gives: how the teacher's features are normalised, and weights.

    `autoencoder` is empty where there is none.
    """

    statistics: Statistics
    student: Weights
    autoencoder: Weights


@dataclass(frozen=True, eq=False)
class EfficientAdGraph:
    """Writes the graphs of one EfficientAd: they share every node up to where they end."""

    settings: EfficientAdSettings
    teacher: Teacher
    image_format: ImageFormat

    @cached_property
    def layers(self) -> Layers:
        """The nets that are trained."""
        return layers_of(self.settings, self.teacher)

    @cached_property
    def branches(self) -> dict[str, float]:
        """Weights in the combined map and in the score.

        A level of the teacher counts by its cells in a given area; the autoencoder as the settings
        say.
        """
        share, levels = self.settings.recipe.autoencoder_weight, self.teacher.levels
        cells = [1 / level.stride**2 for level in levels]
        names = [STUDENT, *(f"{STUDENT}_{level.name}" for level in levels)]
        names = names[:1] if len(levels) == 1 else names[1:]
        weights = [(1 - share) * count / sum(cells) for count in cells]
        return dict(zip(names, weights, strict=True)) | ({AUTOENCODER: share} if share else {})

    @property
    def batch(self) -> int:
        """Images to run at once."""
        height, width = self.settings.seen_hw
        return max(1, min(LARGEST_BATCH, BATCH_PIXELS // (height * width)))

    @property
    def working_size(self) -> WorkingSize:
        """How images are resized, and the tiles that they are looked at in, if there are some."""
        if not self.settings.is_tiled:
            return self.settings.working_size(1)
        return self.settings.working_size(max(level.stride for level in self.teacher.levels))

    def working(self) -> onnx.ModelProto:
        """From `image` to `working`, N x 3 x h x w: what the nets take.

        With tiles it is the one at `origin` (2).
        """
        g, inputs = GraphBuilder(), [image_input(self.image_format)]
        if self.tiles is None:
            image, _ = self._preprocessed(g)
        else:
            inputs.append(tensor("origin", INT64, 2))
            sizes = geometry(g, image_hw(g), self.working_size)
            levels = tile_at(g, "image", sizes, self.tiles, origin="origin")
            image = self._normalised(g, levels)
        g.op("Identity", image, name="working")
        height, width = self.settings.seen_hw
        outputs = [tensor("working", FLOAT, "N", COLOURS, height, width)]
        return g.build(inputs, outputs)

    def maps(self, nets: Nets) -> onnx.ModelProto:
        """From `working` to the raw map of each branch, `map_student` say, N x h x w.

        With tiles from `image`, to the maps of all of it.
        """
        g = GraphBuilder()
        if self.tiles is not None:
            self._joined_maps(g, nets)
            return g.build([image_input(self.image_format)], self._maps())
        self._raw_maps(g, nets, "working")
        height, width = self.settings.size_hw
        return g.build([tensor("working", FLOAT, "N", COLOURS, height, width)], self._maps())

    @property
    def tiles(self) -> Tiles | None:
        """What working images are looked at in."""
        return self.working_size.tiles

    def detector(
        self, nets: Nets, quantiles: Quantiles, usual: Mapping[str, Usual]
    ) -> onnx.ModelProto:
        """The model that ships: from `image` to `score` and `score_map`.

        Args:
            nets: trained.
            quantiles: what becomes 0 and 0.1 in the map of each branch.
            usual: what the map of each is told by at its places; empty for as they are.
        """
        g = GraphBuilder()
        if self.tiles is None:
            image, sizes = self._preprocessed(g)
            raw, original_hw = self._raw_maps(g, nets, image), sizes.image_hw
        else:
            raw, original_hw = self._joined_maps(g, nets), image_hw(g)
        told = self._rescaled(g, raw, quantiles)
        if usual:
            shape = g.op("Shape", told[next(iter(told))])
            inside_hw = g.op(
                "Cast", g.op("Slice", shape, g.ints(1), g.ints(3), g.ints(0)), to=FLOAT
            )
            told = {
                branch: told_by_place(g, grid, usual[branch], inside_hw, name=told_name(branch))
                for branch, grid in told.items()
            }
        self._summarise(g, told, original_hw)
        return g.build([image_input(self.image_format)], _summary())

    def rescaled(self, quantiles: Quantiles) -> onnx.ModelProto:
        """From raw maps to those that are shifted and scaled, `rescaled_student` say."""
        g = GraphBuilder()
        self._rescaled(g, {branch: map_name(branch) for branch in self.branches}, quantiles)
        return g.build(self._maps(), [_grids(rescaled_name(branch)) for branch in self.branches])

    def summary(self) -> onnx.ModelProto:
        """From maps as they are told and `image_hw` to `score` and `score_map`: the end."""
        g = GraphBuilder()
        told = {branch: told_name(branch) for branch in self.branches}
        self._summarise(g, told, "image_hw")
        return g.build([*self._told(), tensor("image_hw", INT64, 2)], _summary())

    def _preprocessed(self, g: GraphBuilder) -> tuple[str, Geometry]:
        size = self.settings.working_size(1)
        sizes = geometry(g, image_hw(g), size)
        image = preprocess(g, sizes, size, image_format=self.image_format, mean=MEAN, std=STD)
        return image, sizes

    def _normalised(self, g: GraphBuilder, levels: str) -> str:
        white = self.image_format.white_level
        return normalise(g, levels, white_level=white, mean=MEAN, std=STD)

    def _joined_maps(self, g: GraphBuilder, nets: Nets) -> dict[str, str]:
        """The map of each branch over all tiles, without cells of padding."""
        assert self.tiles is not None
        sizes, cell_px = geometry(g, image_hw(g), self.working_size), self.teacher.step

        def look(inner: GraphBuilder, levels: str) -> list[str]:
            return list(self._raw_maps(inner, nets, self._normalised(inner, levels)).values())

        grids = [Grid(f"padded_{map_name(branch)}") for branch in self.branches]
        whole = over_tiles(g, "image", sizes, self.tiles, look, cell_px=cell_px, grids=grids)
        grid_hw = g.op("Div", sizes.padded_hw, g.ints(cell_px))
        ends = g.op("Cast", content_cells(g, grid_hw, sizes), to=INT64)
        first = g.ints(0, 0), ends, g.ints(1, 2)
        return {
            branch: g.op("Slice", grid, *first, name=map_name(branch))
            for branch, grid in zip(self.branches, whole, strict=True)
        }

    def _raw_maps(self, g: GraphBuilder, nets: Nets, image: str) -> dict[str, str]:
        """The map of each branch; features and maps have names that `Model.trace` knows."""
        layers = self.layers
        teacher = self.teacher.add(g, image, nets.statistics)
        student = add_net(g, image, layers.student, nets.student, name="student")
        levels = list(self.branches)
        if not layers.autoencoder:
            return self._differences(g, teacher, student, levels)
        coder = add_net(g, image, layers.autoencoder, nets.autoencoder, name="autoencoder")
        halves = g.ops("Split", student, outputs=g.fresh("half", 2), axis=1, num_outputs=2)
        return {
            **self._differences(g, teacher, halves[0], levels[:-1]),
            **self._differences(g, coder, halves[1], [AUTOENCODER]),
        }

    def _differences(
        self, g: GraphBuilder, one: str, other: str, branches: Sequence[str]
    ) -> dict[str, str]:
        """Mean squared difference over the features of each branch, or its root, N x h x w."""
        gap = g.op("Sub", one, other)
        squares = [g.op("Mul", gap, gap)]
        if len(branches) > 1:
            parts = g.fresh("squares", len(branches))
            squares = g.ops("Split", *squares, g.ints(*self.layers.followed), outputs=parts, axis=1)
        return {
            branch: self._mean(g, values, map_name(branch))
            for branch, values in zip(branches, squares, strict=True)
        }

    def _mean(self, g: GraphBuilder, squares: str, name: str) -> str:
        if self.settings.recipe.distance == "squared":
            return g.op("ReduceMean", squares, g.ints(1), name=name, keepdims=0)
        return g.op("Sqrt", g.op("ReduceMean", squares, g.ints(1), keepdims=0), name=name)

    def _rescaled(
        self, g: GraphBuilder, maps: Mapping[str, str], quantiles: Quantiles
    ) -> dict[str, str]:
        """Each map with the low end of its span at 0 and the high end at 0.1."""
        found = {}
        for branch, values in maps.items():
            span = quantiles[branch]
            above = g.op("Sub", values, g.number(span.low))
            name = rescaled_name(branch)
            found[branch] = g.op("Mul", above, g.number(TOP / span.width), name=name)
        return found

    def _summarise(self, g: GraphBuilder, told: Mapping[str, str], original_hw: str) -> None:
        """Nodes from maps to `score_map` (bilinear from their weighted sum) and `score`."""
        whole = combined = self._weighted(g, told, name=COMBINED)
        if self.teacher.border_cells:
            edge = self.settings.recipe.border == "edge"
            sides = g.ints(*[self.teacher.border_cells] * 4)
            mode = "edge" if edge else "constant"
            whole = g.op("Pad", combined, sides, "", g.ints(1, 2), mode=mode)
        # Straight to the image as published, unless it is smoothed on the way.
        sigma_px = self.settings.recipe.smoothing
        if self.tiles is not None:
            sizes = geometry(g, original_hw, self.working_size)
            grid_hw = g.op("Slice", g.op("Shape", whole), g.ints(1), g.ints(3), g.ints(0))
            shown_hw = g.op("Mul", grid_hw, g.ints(self.teacher.step))
            sizes = Geometry(original_hw, sizes.content_hw, shown_hw)
            enlarged = enlarge_in_bands(g, whole, sizes, sigma_px=sigma_px)
            g.op("Identity", enlarged, name="score_map")
            self._score(g, told)
            return
        between_hw = g.ints(*self.settings.size_hw) if sigma_px else original_hw
        sizes = Geometry(original_hw, between_hw, between_hw)
        g.op("Identity", enlarge(g, whole, sizes, sigma_px=sigma_px), name="score_map")
        self._score(g, told)

    def _score(self, g: GraphBuilder, told: Mapping[str, str]) -> None:
        if self.settings.recipe.image_score == "map":
            g.op("ReduceMax", "score_map", g.ints(1, 2), keepdims=0, name="score")
        else:
            highest = {branch: self._highest(g, grid) for branch, grid in told.items()}
            self._weighted(g, highest, name="score")

    def _weighted(self, g: GraphBuilder, values: Mapping[str, str], *, name: str) -> str:
        """The sum of a value of each branch by its weight."""
        weighted = [
            g.op("Mul", values[branch], g.number(weight))
            for branch, weight in self.branches.items()
        ]
        return g.op("Sum", *weighted, name=name)

    def _highest(self, g: GraphBuilder, grid: str) -> str:
        """The mean of a map's highest cells, each averaged with its neighbours, N."""
        averaged = g.op(
            "AveragePool",
            g.op("Unsqueeze", grid, g.ints(1)),
            kernel_shape=[NEIGHBOURS] * 2,
            strides=[1, 1],
            pads=[NEIGHBOURS // 2] * 4,
            count_include_pad=0,
        )
        cells = math.prod(self.teacher.grid_hw(self.settings.seen_hw))  # with tiles, of one
        count = g.ints(max(1, round(TOP_CELLS * cells)))
        flat = g.op("Flatten", averaged, axis=1)
        if self.tiles is not None:  # of which an image may fill only a part
            count = g.op("Min", count, g.op("Slice", g.op("Shape", flat), g.ints(1), g.ints(2)))
        highest, _ = g.ops("TopK", flat, count, outputs=g.fresh("top", 2), axis=1)
        return g.op("ReduceMean", highest, g.ints(1), keepdims=0)

    def _maps(self) -> list[onnx.ValueInfoProto]:
        return [_grids(map_name(branch)) for branch in self.branches]

    def _told(self) -> list[onnx.ValueInfoProto]:
        return [_grids(told_name(branch)) for branch in self.branches]


def map_name(branch: str) -> str:
    """What the raw map of a branch is called in graphs."""
    return f"map_{branch}"


def rescaled_name(branch: str) -> str:
    """What it is called where it is shifted and scaled."""
    return f"rescaled_{branch}"


def told_name(branch: str) -> str:
    """What it is called as it enters score and combined map: told by its places, if at all."""
    return f"deviations_{branch}"


def _grids(name: str) -> onnx.ValueInfoProto:
    return tensor(name, FLOAT, "N", "h", "w")


def _summary() -> list[onnx.ValueInfoProto]:
    return [tensor("score", FLOAT, "N"), tensor("score_map", FLOAT, "N", "H", "W")]
