"""The head of a graph on features: from a decoded image to one vector a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blemish.backbones.backbone import Backbone, Level
from blemish.detectors.features.embedding import embed
from blemish.detectors.features.sizes import batch_size
from blemish.detectors.position import Usual, told_by_place
from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.graph.maps import content_cells
from blemish.graph.preprocessing import (
    Geometry,
    geometry,
    image_hw,
    image_input,
    normalise,
    preprocess,
)
from blemish.graph.tiling import Grid, over_tiles
from blemish.graph.working_size import WorkingSize
from blemish.images.format import ImageFormat

if TYPE_CHECKING:
    import onnx

    from blemish.detectors.features.settings import FeatureSettings

LEVELS = 255.0  # of white in a picture


@dataclass(frozen=True, eq=False)
class FeatureGraph:
    """Writes the graphs of one detector: they share every node up to where they end."""

    settings: FeatureSettings
    backbone: Backbone
    image_format: ImageFormat

    @property
    def neighbourhood(self) -> int:
        """Side of the neighbourhood of cells that is averaged."""
        return 1

    @property
    def width(self) -> int | None:
        """Of pooled vectors; `None` for all channels."""
        return None

    @property
    def channels(self) -> Sequence[int] | None:
        """Which dimensions of the vectors are kept; `None` for all."""
        return None

    def features(self) -> onnx.ModelProto:
        """From `image` to `patches`, N x h x w x D."""
        g = GraphBuilder()
        self.vectors(g)
        outputs = [tensor("patches", FLOAT, "N", "h", "w", "D")]
        return g.build([image_input(self.image_format)], outputs)

    @property
    def batch(self) -> int:
        """Images to run at once, as far as the working size decides."""
        height, width = self.working_size.seen_hw
        return batch_size(decoded_px=1, working_px=height * width)

    @property
    def cells(self) -> int:
        """Vectors of what the backbone sees at once."""
        height, width = self.working_size.seen_hw
        return self._finest.cells(height) * self._finest.cells(width)

    @property
    def _finest(self) -> Level:
        return min(self.backbone.levels, key=lambda level: level.stride)

    @property
    def working_size(self) -> WorkingSize:
        """How images are resized: padded to the coarsest level's stride."""
        return self.settings.working_size(max(level.stride for level in self.backbone.levels))

    def pictures(self) -> onnx.ModelProto:
        """From `image` to `picture`, N x 3 x h x w: the working image in levels, 0..255."""
        g = GraphBuilder()
        sizes = geometry(g, image_hw(g), self.working_size)
        as_shares = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
        image = preprocess(g, sizes, self.working_size, image_format=self.image_format, **as_shares)
        g.op("Mul", image, g.number(LEVELS), name="picture")
        outputs = [tensor("picture", FLOAT, "N", 3, "h", "w")]
        return g.build([image_input(self.image_format)], outputs)

    def vectors(self, g: GraphBuilder) -> tuple[str, Geometry]:
        """Nodes from `image` to `patches`, N x h x w x D, and the sizes that go with them."""
        if self.working_size.tiles is not None:
            (patches,), sizes = self.over_tiles(g, _alone, [Grid("patches", axes=4)])
            return patches, sizes
        image, sizes = self._working_image(g)
        return self._vectors_of(g, image), sizes

    def over_tiles(
        self,
        g: GraphBuilder,
        look: Callable[[GraphBuilder, str], Sequence[str]],
        grids: Sequence[Grid],
    ) -> tuple[list[str], Geometry]:
        """Nodes from `image` to what is made of its vectors, tile by tile, and the sizes.

        Args:
            g: where to add them.
            look: adds nodes from vectors, N x h x w x D, to grids.
            grids: what it gives.
        """
        tiles = self.working_size.tiles
        assert tiles is not None
        sizes = geometry(g, image_hw(g), self.working_size)
        b, white = self.backbone, self.image_format.white_level

        def of_tile(inner: GraphBuilder, levels: str) -> Sequence[str]:
            image = normalise(inner, levels, white_level=white, mean=b.mean, std=b.std)
            return look(inner, self._vectors_of(inner, image))

        cell_px = self._finest.stride
        joined = over_tiles(g, "image", sizes, tiles, of_tile, cell_px=cell_px, grids=grids)
        return joined, sizes

    def vectors_of_picture(self, g: GraphBuilder) -> str:
        """Nodes from `picture` (see `pictures`) to `patches`, N x h x w x D."""
        b = self.backbone
        image = normalise(g, "picture", white_level=LEVELS, mean=b.mean, std=b.std)
        return self._vectors_of(g, image)

    def _vectors_of(self, g: GraphBuilder, image: str) -> str:
        image = self.apart(g, image)
        maps = g.include(
            self.backbone.graph, prefix="backbone/", inputs={self.backbone.entry: image}
        )
        channels = self.channels
        patches = embed(
            g,
            [self.apart(g, maps[level.name]) for level in self.backbone.levels],
            channels=[level.channels for level in self.backbone.levels],
            strides=[level.stride for level in self.backbone.levels],
            side=self.neighbourhood,
            width=self.width,
            name="patches" if channels is None else None,
        )
        if channels is not None:
            patches = g.op("Gather", patches, g.ints(*channels), axis=3, name="patches")
        return patches

    def by_place(
        self,
        g: GraphBuilder,
        scores: str,
        sizes: Geometry,
        usual: Usual,
        *,
        name: str = "deviations",
    ) -> str:
        """Patch scores, N x h x w, told by what is usual at their places."""
        grid_hw = g.op("Slice", g.op("Shape", scores), g.ints(1), g.ints(3), g.ints(0))
        inside_hw = content_cells(g, grid_hw, sizes)
        return told_by_place(g, scores, usual, inside_hw, name=name)

    def apart(self, g: GraphBuilder, maps: str) -> str:  # noqa: ARG002
        """The maps on their way into and out of the backbone."""
        return maps

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


def _alone(_: GraphBuilder, patches: str) -> Sequence[str]:
    """A look at vectors that gives them as they are."""
    return [patches]


def summary_outputs() -> list[onnx.ValueInfoProto]:
    """What every detector gives."""
    return [tensor("score", FLOAT, "N"), tensor("score_map", FLOAT, "N", "H", "W")]
