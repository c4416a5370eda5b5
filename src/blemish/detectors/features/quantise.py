"""A backbone in 8 bits, its ranges of numbers taken from the training images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blemish.backbones.backbone import Backbone
from blemish.detectors.contract import ImageSource
from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.graph.engine import CPU, Engine
from blemish.graph.preprocessing import geometry, image_hw, image_input, preprocess
from blemish.graph.session import Session
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
    with progress.stage("quantise", PASSES * len(images.sizes_hw[::every])) as advance:
        session = Session(working.SerializeToString(), engine)
        variants = _Contrasts(backbone, session, images, every, advance)
        return to_int8(backbone, variants, even_sides=size.always_even)


def _working_images(
    backbone: Backbone, size: WorkingSize, image_format: ImageFormat
) -> onnx.ModelProto:
    """From `image` to `working_image`, N x 3 x h x w, as the backbone takes it."""
    g = GraphBuilder()
    sizes = geometry(g, image_hw(g), size)
    image = preprocess(
        g, sizes, size, image_format=image_format, mean=backbone.mean, std=backbone.std
    )
    g.op("Identity", image, name="working_image")
    return g.build([image_input(image_format)], [tensor("working_image", FLOAT, "N", 3, "h", "w")])


class _Contrasts:
    """Working images, each in several contrasts, any number of times over."""

    def __init__(
        self,
        backbone: Backbone,
        session: Session,
        images: ImageSource,
        every: int,
        advance: Callable[[int], None],
    ) -> None:
        normalise = np.array([backbone.mean, backbone.std], np.float32)
        mean, std = normalise[:, :, None, None]
        self._black, self._white = -mean / std, (1 - mean) / std
        self._session, self._images = session, images
        self._every, self._advance = every, advance

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for _, image in islice(self._images, 0, None, self._every):
            (working,) = self._session.run(["working_image"], image=image[None])
            variants = np.concatenate([contrast * working for contrast in CONTRASTS])
            yield np.clip(variants, self._black, self._white)
            self._advance(1)
