"""The graph of PaDiM: features, how far each lies from its Gaussian, score and map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from blemish.detectors.features.graph import FeatureGraph, summary_outputs
from blemish.detectors.padim.gaussians import Gaussians
from blemish.detectors.position import Usual
from blemish.graph.builder import FLOAT, INT64, GraphBuilder, tensor
from blemish.graph.maps import enlarge
from blemish.graph.preprocessing import Geometry, geometry, image_input

if TYPE_CHECKING:
    import onnx

    from blemish.detectors.padim.settings import PadimSettings


@dataclass(frozen=True, eq=False)
class PadimGraph(FeatureGraph):
    """Writes the graphs of one PaDiM: they share every node up to where they end."""

    settings: PadimSettings

    @property
    def channels(self) -> list[int]:
        """Which channels of the features are kept, rising."""
        there = sum(level.channels for level in self.backbone.levels)
        kept = self.settings.kept(there)
        if self.settings.selection == "first":
            return list(range(kept))
        rng = np.random.default_rng(self.settings.seed)
        return sorted(int(i) for i in rng.choice(there, kept, replace=False))

    def detector(self, gaussians: Gaussians, usual: Usual | None = None) -> onnx.ModelProto:
        """From `image` to `score` and `score_map`: the model that ships.

        Args:
            gaussians: of good features.
            usual: what distances are told by at their places; `None` for them as they are.
        """
        g = GraphBuilder()
        vectors, sizes = self.vectors(g)
        scores = self._distances(g, vectors, gaussians)
        if usual is not None:
            scores = self.by_place(g, scores, sizes, usual)
        self._summarise(g, scores, sizes)
        return g.build([image_input(self.image_format)], summary_outputs())

    def summary(self) -> onnx.ModelProto:
        """From `patch_scores` (N x h x w) and `image_hw` to `score` and `score_map`.

        The scores are told by their place already, if at all.
        """
        g = GraphBuilder()
        self._summarise(g, "patch_scores", geometry(g, "image_hw", self.working_size))
        inputs = [tensor("patch_scores", FLOAT, *"Nhw"), tensor("image_hw", INT64, 2)]
        return g.build(inputs, summary_outputs())

    def _distances(self, g: GraphBuilder, vectors: str, gaussians: Gaussians) -> str:
        """Mahalanobis distances, N x h x w."""
        grid = g.op("Slice", g.op("Shape", vectors), g.ints(0), g.ints(3))
        flat = g.op("Reshape", vectors, g.ints(0, -1, gaussians.mean.shape[1]))  # N x P x D
        apart = g.op("Sub", flat, g.constant(gaussians.mean))
        if len(gaussians.mean) == 1:
            white = g.op("MatMul", apart, g.constant(gaussians.whitening[0]))
        else:
            by_position = g.op("Transpose", apart, perm=[1, 0, 2])
            white = g.op("MatMul", by_position, g.constant(gaussians.whitening))
            white = g.op("Transpose", white, perm=[1, 0, 2])
        squared = g.op("ReduceSumSquare", white, g.ints(2), keepdims=0)
        return g.op("Reshape", g.op("Sqrt", squared), grid, name="patch_scores")

    def _summarise(self, g: GraphBuilder, scores: str, sizes: Geometry) -> None:
        score_map = enlarge(g, scores, sizes, sigma_px=self.settings.smoothing)
        g.op("Identity", score_map, name="score_map")
        g.op("ReduceMax", "score_map", g.ints(1, 2), keepdims=0, name="score")
