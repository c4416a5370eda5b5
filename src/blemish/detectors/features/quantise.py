"""A backbone in 8 bits, its ranges of numbers taken from the training images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.backbones.backbone import Backbone
from blemish.detectors.contract import ImageSource
from blemish.graph.builder import FLOAT, INT64, GraphBuilder, tensor
from blemish.graph.engine import CPU, Engine
from blemish.graph.preprocessing import geometry, image_hw, image_input, normalise, preprocess
from blemish.graph.session import Session
from blemish.graph.tiling import tile_at
from blemish.graph.working_size import WorkingSize
from blemish.images.format import ImageFormat
from blemish.progress import Progress
from blemish.quantisation.int8 import to_int8

if TYPE_CHECKING:
    import onnx

IMAGES = 32  # from which the ranges are taken
PASSES = 3  # over them
# Of each of them, or a defect would leave the ranges and be cut down; but no pixel is darker than
# black or brighter than white, so that the image's own range stays narrow.
CONTRASTS = (1, -1, 2)


def in_int8(
    backbone: Backbone,
    size: WorkingSize,
    images: ImageSource,
    progress: Progress,
    engine: Engine = CPU,
) -> Backbone:
    """The same quantised, by images spread evenly over all.

    Args:
        backbone: to quantise.
        size: of the working images that it is to see.
        images: good ones.
        progress: told of the stage.
        engine: what resizes the images.
    """
    every = -(-len(images.sizes_hw) // IMAGES)
    working = _working_images(backbone, size, images.image_format)
    shown = -(-IMAGES // len(images.sizes_hw[::every]))  # tiles of an image
    with progress.stage("quantise", PASSES * len(images.sizes_hw[::every])) as advance:
        session = Session(working.SerializeToString(), engine)
        seen = _Seen(session, size, images, every, shown, advance)
        variants = _Contrasts(backbone, seen)
        return to_int8(backbone, variants, even_sides=size.always_even)


def _working_images(
    backbone: Backbone, size: WorkingSize, image_format: ImageFormat
) -> onnx.ModelProto:
    """From `image` to `working_image`, N x 3 x h x w, as the backbone takes it.

    With tiles it is the one at `origin`.
    """
    g = GraphBuilder()
    sizes, inputs = geometry(g, image_hw(g), size), [image_input(image_format)]
    as_taken: dict[str, Any] = {"mean": backbone.mean, "std": backbone.std}
    if size.tiles is None:
        image = preprocess(g, sizes, size, image_format=image_format, **as_taken)
    else:
        inputs.append(tensor("origin", INT64, 2))
        levels = tile_at(g, "image", sizes, size.tiles, origin="origin")
        image = normalise(g, levels, white_level=image_format.white_level, **as_taken)
    g.op("Identity", image, name="working_image")
    return g.build(inputs, [tensor("working_image", FLOAT, "N", 3, "h", "w")])


@dataclass(frozen=True, eq=False)
class _Seen:
    """Working images, any number of times over: those of some images, or some tiles of each.

    Attributes:
        session: makes them.
        size: of them.
        images: that they are made of, every so many of them.
        every: how many.
        shown: tiles of an image.
        advance: told of each image.
    """

    session: Session
    size: WorkingSize
    images: ImageSource
    every: int
    shown: int
    advance: Callable[[int], None]

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for number, (_, image) in enumerate(islice(self.images, 0, None, self.every)):
            for place in self._places((image.shape[0], image.shape[1]), number):
                yield self.session.run(["working_image"], image=image[None], **place)[0]
            self.advance(1)

    def _places(self, image_hw: tuple[int, int], number: int) -> list[dict[str, NDArray[np.int64]]]:
        """Where some tiles of an image begin, for the session; nothing where there are none."""
        corners = self.size.corners(image_hw)
        if not corners:
            return [{}]
        order = np.random.default_rng(number).permutation(len(corners))[: self.shown]
        return [{"origin": np.array(corners[i], np.int64)} for i in order]


class _Contrasts:
    """Working images, each in several contrasts, any number of times over."""

    def __init__(self, backbone: Backbone, seen: _Seen) -> None:
        normalise = np.array([backbone.mean, backbone.std], np.float32)
        mean, std = normalise[:, :, None, None]
        self._black, self._white = -mean / std, (1 - mean) / std
        self._seen = seen

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for working in self._seen:
            variants = np.concatenate([contrast * working for contrast in CONTRASTS])
            yield np.clip(variants, self._black, self._white)
