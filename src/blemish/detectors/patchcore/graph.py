"""The graph of PatchCore: patches from feature maps, nearest neighbours, score and map.

Follows Roth et al., "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blemish.detectors.features.embedding import enlarge_grid
from blemish.detectors.features.graph import FeatureGraph, summary_outputs
from blemish.detectors.nets.layer import Weights
from blemish.detectors.patchcore.head.net import LEAST, add_head, read
from blemish.detectors.patchcore.plan import FEWEST_SEARCHED, SEARCHED
from blemish.detectors.position import Usual
from blemish.graph.builder import ENDLESS, FLOAT, INT64, GraphBuilder, tensor
from blemish.graph.maps import content_cells, enlarge
from blemish.graph.once import once
from blemish.graph.preprocessing import (
    Geometry,
    geometry,
    image_input,
)
from blemish.graph.tiling import Grid
from blemish.graph.wide_maps import enlarge_in_bands
from blemish.search.graph import Neighbours, distances, reweighting, search
from blemish.search.vectors import Vectors

if TYPE_CHECKING:
    import onnx

    from blemish.detectors.patchcore.settings import PatchCoreSettings


FINER = 0.4  # share of the finer bank in the geometric mean that makes a sharp map
MULTIPLES = (
    tensor("multiples", FLOAT, "N", "h", "w"),
    tensor("finer/multiples", FLOAT, "N", "finer h", "finer w"),
)


@dataclass(frozen=True, eq=False)
class Finer:
    """A second bank of finer patches.

    Attributes:
        model: from `image` to `patch_scores` on the finer grid.
        usual_of_finer: by which these become multiples of what is usual.
        usual: by which the patch scores of the first bank do.
        head: weights of the net that makes the map of both; `None` for their geometric mean.
    """

    model: onnx.ModelProto
    usual_of_finer: Usual
    usual: Usual
    head: Weights | None = None


@dataclass(frozen=True, eq=False)
class PatchCoreGraph(FeatureGraph):
    """Writes the graphs of one PatchCore: they share every node up to where they end.

    Attributes:
        grid_hw: of every image's patches, where it is known and does not vary.
    """

    settings: PatchCoreSettings
    grid_hw: tuple[int, int] | None = None

    @property
    def neighbourhood(self) -> int:
        """Side of the neighbourhood that makes a patch."""
        return self.settings.neighbourhood

    @property
    def width(self) -> int | None:
        """Of pooled vectors; `None` for all channels."""
        pooled = self.settings.embedding == "pooled"
        return self.settings.embedding_width if pooled else None

    def detector(
        self, bank: Vectors, usual: Usual | None = None, finer: Finer | None = None
    ) -> onnx.ModelProto:
        """From `image` to `score`, `score_map` and `nearest`: the model that ships.

        Args:
            bank: what an image is compared with, M x D.
            usual: what patches are told by at their places; `None` for distances as they are.
            finer: what sharpens the map; `None` for nothing.
        """
        s = self.settings
        if self.working_size.tiles is not None:
            return self._tiled(bank, usual)
        g = GraphBuilder()
        patches, sizes = self.vectors(g)
        found = self._search(g, patches, bank, block=self._block)
        weight = None
        if s.reweight and len(bank) > 1:
            masked = self._masked(g, found.scores, sizes)
            weight = reweighting(g, found, masked, companions=min(s.reweight, len(bank)))
        scores = found.scores
        if usual is not None:
            scores = self.by_place(g, scores, sizes, usual)
        if finer is None:
            self._summarise(g, scores, sizes, weight)
        else:
            self._summarise(g, scores, sizes, weight, score_map=g.fresh("map", 1)[0])
            self._sharpen(g, found.scores, finer, sizes)
        g.op("Identity", found.nearest, name="nearest")
        model = g.build([image_input(self.image_format)], self._outputs)
        return model if finer is None else once(model)

    def _tiled(self, bank: Vectors, usual: Usual | None) -> onnx.ModelProto:
        """The same where each tile is searched by itself; its vectors are kept no longer."""
        g = GraphBuilder()

        def look(inner: GraphBuilder, patches: str) -> list[str]:
            found = self._search(inner, patches, bank, block=self._block)
            return [found.scores, found.nearest]

        grids = [Grid("patch_scores"), Grid("nearest", INT64)]
        (scores, _), sizes = self.over_tiles(g, look, grids)
        if usual is not None:
            scores = self.by_place(g, scores, sizes, usual)
        self._summarise(g, scores, sizes, None)
        return g.build([image_input(self.image_format)], self._outputs)

    @property
    def _outputs(self) -> list[onnx.ValueInfoProto]:
        return [*summary_outputs(), tensor("nearest", INT64, "N", "h", "w")]

    def distances(self, bank: Vectors) -> onnx.ModelProto:
        """From `image` to `patch_scores`, N x h x w: what sharpens the map of another graph."""
        g = GraphBuilder()
        patches, _ = self.vectors(g)
        self._distances(g, patches, bank)
        outputs = [tensor("patch_scores", FLOAT, "N", "h", "w")]
        return g.build([image_input(self.image_format)], outputs)

    def distances_of_pictures(self, bank: Vectors) -> onnx.ModelProto:
        """From `picture` (N x 3 x h x w, levels of working images) to `patch_scores`."""
        g = GraphBuilder()
        self._distances(g, self.vectors_of_picture(g), bank)
        outputs = [tensor("patch_scores", FLOAT, "N", "h", "w")]
        return g.build([tensor("picture", FLOAT, "N", 3, "height", "width")], outputs)

    def sharp_map(self, head: Weights | None = None) -> onnx.ModelProto:
        """From `multiples`, `finer/multiples` and `image_hw` to `score_map`: the end of a map."""
        g = GraphBuilder()
        sizes = geometry(g, "image_hw", self.working_size)
        self._sharp_map(g, "multiples", "finer/multiples", sizes, head)
        return g.build([*MULTIPLES, tensor("image_hw", INT64, 2)], [summary_outputs()[1]])

    def readings(self) -> onnx.ModelProto:
        """From `multiples` and `finer/multiples` to `readings`: what a head takes."""
        g = GraphBuilder()
        read(g, "multiples", "finer/multiples")
        return g.build(MULTIPLES, [tensor("readings", FLOAT, "N", 2, "h", "w")])

    def search(self, bank: Vectors, *, block: int, others: int | None = None) -> onnx.ModelProto:
        """From `patches` (N x h x w x D) to `patch_scores` and, when re-weighting, `weight` (N).

        The middle of the detector's graph, for patches that are known already: some of an image's,
        or the worst, alone, whose weight is the image's.

        Args:
            bank: what they are compared with, M x D.
            block: vectors that are compared at a time.
            others: how many vectors are left to be compared with at least, where the input
                `barred` (M: 0, or minus infinity) says which ones are not.
        """
        g = GraphBuilder()
        found = self._search(g, "patches", bank, block=block, others=others)
        inputs = [tensor("patches", FLOAT, "N", "h", "w", bank.shape[1])]
        outputs = [tensor("patch_scores", FLOAT, "N", "h", "w")]
        if others is not None:
            inputs.append(tensor("barred", FLOAT, len(bank)))
        companions = min(self.settings.reweight, len(bank) if others is None else others)
        if companions > 1:
            flat = g.op("Flatten", found.scores, axis=1)
            weight = reweighting(g, found, flat, companions=companions)
            g.op("Identity", weight, name="weight")
            outputs.append(tensor("weight", FLOAT, "N"))
        return g.build(inputs, outputs)

    def summary(self) -> onnx.ModelProto:
        """From `patch_scores` (N x h x w), `weight` (N) and `image_hw` (2) to the score and map.

        The end of the detector's graph, for scores that are told by their place already, if at all.
        """
        g = GraphBuilder()
        sizes = geometry(g, "image_hw", self.working_size)
        self._summarise(g, "patch_scores", sizes, "weight")
        inputs = [
            tensor("patch_scores", FLOAT, "N", "h", "w"),
            tensor("weight", FLOAT, "N"),
            tensor("image_hw", INT64, 2),
        ]
        return g.build(inputs, summary_outputs())

    def apart(self, g: GraphBuilder, maps: str) -> str:
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
        if self.working_size.resize != "stretch":
            grid_hw = g.op("Slice", g.op("Shape", scores), g.ints(1), g.ints(3), g.ints(0))
            cells = g.op("Cast", content_cells(g, grid_hw, sizes), to=INT64)
            ends = g.op("Concat", g.ints(ENDLESS), cells, axis=0)
            scores = g.op("Slice", scores, g.ints(0, 0, 0), ends)
        return g.op("Flatten", scores, axis=1)

    @property
    def _block(self) -> int:
        """Vectors of a bank that all patches of a batch are compared with at a time."""
        return max(FEWEST_SEARCHED, SEARCHED // (self.batch * self.cells))

    def _search(
        self, g: GraphBuilder, patches: str, bank: Vectors, *, block: int, others: int | None = None
    ) -> Neighbours:
        return search(
            g,
            patches,
            bank,
            k=min(self.settings.k, len(bank) if others is None else others),
            squared=self.settings.squared,
            block=block,
            barred=None if others is None else "barred",
        )

    def _distances(self, g: GraphBuilder, patches: str, bank: Vectors) -> None:
        """`patch_scores` alone."""
        s = self.settings
        distances(g, patches, bank, k=min(s.k, len(bank)), squared=s.squared, block=self._block)

    def _sharpen(self, g: GraphBuilder, scores: str, finer: Finer, sizes: Geometry) -> None:
        """Nodes of the second bank, and `score_map` from the patch scores of both."""
        given = g.include(finer.model, prefix="finer/", inputs={"image": "image"})
        multiples = self.by_place(g, scores, sizes, finer.usual, name="multiples")
        of_finer = self.by_place(
            g, given["patch_scores"], sizes, finer.usual_of_finer, name="finer/multiples"
        )
        self._sharp_map(g, multiples, of_finer, sizes, finer.head)

    def _sharp_map(
        self,
        g: GraphBuilder,
        multiples: str,
        of_finer: str,
        sizes: Geometry,
        head: Weights | None,
    ) -> None:
        """`score_map` of both on the finer grid, enlarged: by a head, or their geometric mean."""
        if head is not None:  # which smooths as far as it has learned to
            grid = add_head(g, multiples, of_finer, head)
            g.op("Identity", enlarge(g, grid, sizes, sigma_px=0), name="score_map")
            return
        both = ((enlarge_grid(g, multiples, of_finer), 1 - FINER), (of_finer, FINER))
        seen = ((g.op("Max", values, g.number(LEAST)), share) for values, share in both)
        grid = g.op("Mul", *(g.op("Pow", values, g.number(share)) for values, share in seen))
        sharp = enlarge(g, grid, sizes, sigma_px=self.settings.smoothing)
        g.op("Identity", sharp, name="score_map")

    def _summarise(
        self,
        g: GraphBuilder,
        scores: str,
        sizes: Geometry,
        weight: str | None,
        *,
        score_map: str = "score_map",
    ) -> None:
        """Nodes from patch scores to `score` and a map, named as said."""
        sigma_px = self.settings.smoothing
        if self.working_size.tiles is not None:
            enlarged = enlarge_in_bands(g, scores, sizes, sigma_px=sigma_px)
        else:
            grid_hw = g.ints(*self.grid_hw) if self.grid_hw else None
            enlarged = enlarge(g, scores, sizes, sigma_px=sigma_px, grid_hw=grid_hw)
        g.op("Identity", enlarged, name=score_map)
        if self.settings.image_score == "map":
            g.op("ReduceMax", score_map, g.ints(1, 2), keepdims=0, name="score")
            return
        peak = g.op("ReduceMax", self._masked(g, scores, sizes), g.ints(1), keepdims=0)
        if weight is None:
            g.op("Identity", peak, name="score")
        else:
            g.op("Mul", peak, weight, name="score")
