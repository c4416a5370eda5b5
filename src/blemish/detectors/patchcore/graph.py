"""The graph of PatchCore: patches from feature maps, nearest neighbours, score and map.

Follows Roth et al., "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blemish.backbones.backbone import Backbone
from blemish.detectors.patchcore.embedding import embed
from blemish.detectors.patchcore.plan import SEARCHED, batch_size
from blemish.graph.builder import ENDLESS, FLOAT, INT64, GraphBuilder, tensor
from blemish.graph.maps import content_cells, enlarge
from blemish.graph.preprocessing import (
    Geometry,
    geometry,
    image_hw,
    image_input,
    preprocess,
)
from blemish.graph.working_size import WorkingSize
from blemish.images.format import ImageFormat
from blemish.search.graph import search, standing_out

if TYPE_CHECKING:
    import onnx

    from blemish.detectors.patchcore.settings import PatchCoreSettings


@dataclass(frozen=True, eq=False)
class Bank:
    """What an image is compared with.

    Attributes:
        vectors: M x D.
        companions: for each vector the rows of its nearest ones, itself first, M x b; `None`
            without re-weighting.
    """

    vectors: NDArray[np.float32]
    companions: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class PatchCoreGraph:
    """Writes the graphs of one PatchCore: they share every node up to where they end.

    Attributes:
        grid_hw: of every image's patches, where it is known and does not vary.
    """

    settings: PatchCoreSettings
    backbone: Backbone
    image_format: ImageFormat
    grid_hw: tuple[int, int] | None = None

    def working_images(self) -> onnx.ModelProto:
        """From `image` to `working_image`, N x 3 x h x w, as the backbone takes it."""
        g = GraphBuilder()
        image, _ = self._working_image(g)
        g.op("Identity", image, name="working_image")
        outputs = [tensor("working_image", FLOAT, "N", 3, "h", "w")]
        return g.build([image_input(self.image_format)], outputs)

    def features(self) -> onnx.ModelProto:
        """From `image` to `patches`, N x h x w x D."""
        g = GraphBuilder()
        self._patches(g)
        outputs = [tensor("patches", FLOAT, "N", "h", "w", "D")]
        return g.build([image_input(self.image_format)], outputs)

    def detector(self, bank: Bank) -> onnx.ModelProto:
        """From `image` to `score`, `score_map` and `nearest`: the model that ships."""
        g = GraphBuilder()
        patches, sizes = self._patches(g)
        s = self.settings
        found = search(
            g,
            patches,
            bank.vectors,
            k=s.k,
            squared=s.distance == "squared",
            block=max(256, SEARCHED // self._queries),
        )
        weight = None
        if bank.companions is not None:
            weight = standing_out(g, found, bank.companions, self._masked(g, found.scores, sizes))
        self._summarise(g, found.scores, sizes, weight)
        g.op("Identity", found.nearest, name="nearest")
        outputs = [*_summary_outputs(), tensor("nearest", INT64, "N", "h", "w")]
        return g.build([image_input(self.image_format)], outputs)

    def summary(self) -> onnx.ModelProto:
        """From `patch_scores` (N x h x w), `weight` (N) and `image_hw` to `score`, `score_map`.

        The tail of the detector's graph, for patch scores that were found in another way.
        """
        g = GraphBuilder()
        sizes = geometry(g, "image_hw", self.working_size)
        self._summarise(g, "patch_scores", sizes, "weight")
        inputs = [
            tensor("patch_scores", FLOAT, "N", "h", "w"),
            tensor("weight", FLOAT, "N"),
            tensor("image_hw", INT64, 2),
        ]
        return g.build(inputs, _summary_outputs())

    @property
    def batch(self) -> int:
        """Images to run at once, as far as the working size decides."""
        height, width = self.working_size.size_hw
        return batch_size(decoded_px=1, working_px=height * width)

    @property
    def _queries(self) -> int:
        """Patches of a batch."""
        finest = min(self.backbone.levels, key=lambda level: level.stride)
        height, width = self.working_size.size_hw
        return self.batch * finest.cells(height) * finest.cells(width)

    @property
    def working_size(self) -> WorkingSize:
        """How images are resized: padded to the coarsest level's stride."""
        return self.settings.working_size(max(level.stride for level in self.backbone.levels))

    def _working_image(self, g: GraphBuilder) -> tuple[str, Geometry]:
        sizes = geometry(g, image_hw(g), self.working_size)
        image = preprocess(
            g,
            sizes,
            self.working_size,
            image_format=self.image_format,
            mean=self.backbone.mean,
            std=self.backbone.std,
        )
        return image, sizes

    def _patches(self, g: GraphBuilder) -> tuple[str, Geometry]:
        image, sizes = self._working_image(g)
        inner = self.backbone.graph
        g.use_opset(max(entry.version for entry in inner.opset_import))
        image = self._apart(g, image)
        maps = g.include(inner.graph, prefix="backbone/", inputs={self.backbone.entry: image})
        patches = embed(
            g,
            [self._apart(g, maps[level.name]) for level in self.backbone.levels],
            channels=[level.channels for level in self.backbone.levels],
            strides=[level.stride for level in self.backbone.levels],
            settings=self.settings,
            name="patches",
        )
        return patches, sizes

    def _apart(self, g: GraphBuilder, maps: str) -> str:
        """The same maps, so that ONNX Runtime leaves what is on their other side as it is.

        It turns whole-number convolutions to channels last, and carries that on through what comes
        before and after them; a Resize that names its axes breaks by it (seen in 1.32).
        """
        return g.op("Reshape", maps, g.ints(0, 0, 0, 0)) if self._in_bytes else maps

    @property
    def _in_bytes(self) -> bool:
        return self.settings.precision == "int8"

    def _masked(self, g: GraphBuilder, scores: str, sizes: Geometry) -> str:
        """Patch scores with those of padding lowered out of the way, N x (h w)."""
        if self.settings.fit != "stretch":
            grid_hw = g.op("Slice", g.op("Shape", scores), g.ints(1), g.ints(3), g.ints(0))
            cells = g.op("Cast", content_cells(g, grid_hw, sizes), to=INT64)
            ends = g.op("Concat", g.ints(ENDLESS), cells, axis=0)
            scores = g.op("Slice", scores, g.ints(0, 0, 0), ends)
        return g.op("Flatten", scores, axis=1)

    def _summarise(self, g: GraphBuilder, scores: str, sizes: Geometry, weight: str | None) -> None:
        score_map = enlarge(
            g,
            scores,
            sizes,
            sigma_px=self.settings.smoothing,
            grid_hw=g.ints(*self.grid_hw) if self.grid_hw else None,
        )
        g.op("Identity", score_map, name="score_map")
        if self.settings.image_score == "map":
            g.op("ReduceMax", "score_map", g.ints(1, 2), keepdims=0, name="score")
            return
        peak = g.op("ReduceMax", self._masked(g, scores, sizes), g.ints(1), keepdims=0)
        if weight is None:
            g.op("Identity", peak, name="score")
        else:
            g.op("Mul", peak, weight, name="score")


def _summary_outputs() -> list[onnx.ValueInfoProto]:
    return [tensor("score", FLOAT, "N"), tensor("score_map", FLOAT, "N", "H", "W")]
