"""The graph of EfficientAd: three nets, two maps, one score.

Batzner et al., WACV 2024, section 3.4. Each map is the mean over the features of a squared
difference: student to teacher, student's second half to autoencoder. Both are shifted and scaled so
that quantiles of good images become 0 and 0.1, then averaged. Without an autoencoder there is one
map.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from blemish.data.loading import LARGEST_BATCH
from blemish.detectors.efficientad.architecture import COLOURS, MEAN, STD, Layers, Weights
from blemish.detectors.efficientad.net_nodes import add_net
from blemish.detectors.efficientad.scale import Quantiles, Span
from blemish.detectors.efficientad.settings import AUTOENCODER, STUDENT, EfficientAdSettings
from blemish.detectors.efficientad.teacher import Statistics, Teacher, layers_of
from blemish.detectors.position import Usual, told_by_place
from blemish.graph.builder import FLOAT, INT64, GraphBuilder, tensor
from blemish.graph.maps import enlarge
from blemish.graph.preprocessing import (
    Geometry,
    geometry,
    image_hw,
    image_input,
    preprocess,
)
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

    @property
    def batch(self) -> int:
        """Images to run at once."""
        height, width = self.settings.size_hw
        return max(1, min(LARGEST_BATCH, BATCH_PIXELS // (height * width)))

    def working(self) -> onnx.ModelProto:
        """From `image` to `working`, N x 3 x h x w: what the nets take."""
        g = GraphBuilder()
        image, _ = self._preprocessed(g)
        g.op("Identity", image, name="working")
        height, width = self.settings.size_hw
        outputs = [tensor("working", FLOAT, "N", COLOURS, height, width)]
        return g.build([image_input(self.image_format)], outputs)

    def maps(self, nets: Nets) -> onnx.ModelProto:
        """From `working` to the raw map of each branch, `map_student` say, N x h x w."""
        g = GraphBuilder()
        self._raw_maps(g, nets, "working")
        height, width = self.settings.size_hw
        return g.build([tensor("working", FLOAT, "N", COLOURS, height, width)], self._maps())

    def detector(
        self, nets: Nets, quantiles: Quantiles, usual: Usual | None = None
    ) -> onnx.ModelProto:
        """The model that ships: from `image` to `score` and `score_map`.

        Args:
            nets: trained.
            quantiles: what becomes 0 and 0.1 in the map of each branch.
            usual: what the combined map is told by at its places; `None` for as it is.
        """
        g = GraphBuilder()
        image, sizes = self._preprocessed(g)
        combined = self._combined(g, self._raw_maps(g, nets, image), quantiles)
        if usual is not None:
            shape = g.op("Shape", combined)
            inside_hw = g.op(
                "Cast", g.op("Slice", shape, g.ints(1), g.ints(3), g.ints(0)), to=FLOAT
            )
            combined = told_by_place(g, combined, usual, inside_hw)
        self._summarise(g, combined, sizes.image_hw)
        return g.build([image_input(self.image_format)], _summary())

    def combination(self, quantiles: Quantiles) -> onnx.ModelProto:
        """From raw maps to `map_combined`, N x h x w: the middle of the detector."""
        g = GraphBuilder()
        maps = {branch: map_name(branch) for branch in self.settings.branches}
        self._combined(g, maps, quantiles)
        return g.build(self._maps(), [tensor(COMBINED, FLOAT, "N", "h", "w")])

    def summary(self) -> onnx.ModelProto:
        """From `map_combined` and `image_hw` to `score` and `score_map`: the detector's tail.

        The map is told by its places already, if at all.
        """
        g = GraphBuilder()
        self._summarise(g, COMBINED, "image_hw")
        inputs = [tensor(COMBINED, FLOAT, "N", "h", "w"), tensor("image_hw", INT64, 2)]
        return g.build(inputs, _summary())

    def _preprocessed(self, g: GraphBuilder) -> tuple[str, Geometry]:
        size = self.settings.working_size(1)
        sizes = geometry(g, image_hw(g), size)
        image = preprocess(g, sizes, size, image_format=self.image_format, mean=MEAN, std=STD)
        return image, sizes

    def _raw_maps(self, g: GraphBuilder, nets: Nets, image: str) -> dict[str, str]:
        """The map of each branch; features and maps have names that `Model.trace` knows."""
        layers = self.layers
        teacher = self.teacher.add(g, image, nets.statistics)
        student = add_net(g, image, layers.student, nets.student, name="student")
        if not layers.autoencoder:
            return {STUDENT: self._difference(g, teacher, student, STUDENT)}
        coder = add_net(g, image, layers.autoencoder, nets.autoencoder, name="autoencoder")
        halves = g.ops("Split", student, outputs=g.fresh("half", 2), axis=1, num_outputs=2)
        return {
            STUDENT: self._difference(g, teacher, halves[0], STUDENT),
            AUTOENCODER: self._difference(g, coder, halves[1], AUTOENCODER),
        }

    def _difference(self, g: GraphBuilder, one: str, other: str, branch: str) -> str:
        """Mean squared difference over the features, or its root: the branch's map, N x h x w."""
        gap = g.op("Sub", one, other)
        squares = g.op("Mul", gap, gap)
        if self.settings.recipe.distance == "squared":
            return g.op("ReduceMean", squares, g.ints(1), name=map_name(branch), keepdims=0)
        mean = g.op("ReduceMean", squares, g.ints(1), keepdims=0)
        return g.op("Sqrt", mean, name=map_name(branch))

    def _combined(self, g: GraphBuilder, maps: Mapping[str, str], quantiles: Quantiles) -> str:
        """Nodes from raw maps to the combined one."""
        weighted = [
            _rescaled(g, values, quantiles[branch], self.settings.branches[branch] * TOP)
            for branch, values in maps.items()
        ]
        return g.op("Sum", *weighted, name=COMBINED)

    def _summarise(self, g: GraphBuilder, combined: str, original_hw: str) -> None:
        """Nodes from a grid to `score_map` (bilinear from the whole grid) and its maximum."""
        whole = combined
        if self.teacher.border_cells:
            edge = self.settings.recipe.border == "edge"
            sides = g.ints(*[self.teacher.border_cells] * 4)
            mode = "edge" if edge else "constant"
            whole = g.op("Pad", combined, sides, "", g.ints(1, 2), mode=mode)
        # Straight to the image as published, unless it is smoothed on the way.
        sigma_px = self.settings.recipe.smoothing
        between_hw = g.ints(*self.settings.size_hw) if sigma_px else original_hw
        sizes = Geometry(original_hw, between_hw, between_hw)
        g.op("Identity", enlarge(g, whole, sizes, sigma_px=sigma_px), name="score_map")
        if self.settings.recipe.image_score == "map":
            g.op("ReduceMax", "score_map", g.ints(1, 2), keepdims=0, name="score")
        else:
            self._top(g, combined)

    def _top(self, g: GraphBuilder, combined: str) -> None:
        """The image's score as the mean of the highest cells, each averaged with its neighbours."""
        averaged = g.op(
            "AveragePool",
            g.op("Unsqueeze", combined, g.ints(1)),
            kernel_shape=[NEIGHBOURS] * 2,
            strides=[1, 1],
            pads=[NEIGHBOURS // 2] * 4,
            count_include_pad=0,
        )
        cells = math.prod(self.teacher.grid_hw(self.settings.size_hw))
        count = max(1, round(TOP_CELLS * cells))
        flat = g.op("Flatten", averaged, axis=1)
        highest, _ = g.ops("TopK", flat, g.ints(count), outputs=g.fresh("top", 2), axis=1)
        g.op("ReduceMean", highest, g.ints(1), keepdims=0, name="score")

    def _maps(self) -> list[onnx.ValueInfoProto]:
        return [tensor(map_name(b), FLOAT, "N", "h", "w") for b in self.settings.branches]


def map_name(branch: str) -> str:
    """What the raw map of a branch is called in graphs."""
    return f"map_{branch}"


def _rescaled(g: GraphBuilder, values: str, span: Span, top: float) -> str:
    """Values with the low end at 0 and the high end at `top`."""
    return g.op("Mul", g.op("Sub", values, g.number(span.low)), g.number(top / span.width))


def _summary() -> list[onnx.ValueInfoProto]:
    return [tensor("score", FLOAT, "N"), tensor("score_map", FLOAT, "N", "H", "W")]
