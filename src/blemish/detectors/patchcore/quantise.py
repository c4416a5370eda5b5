"""PatchCore's backbone in 8 bits, its ranges of numbers taken from the training images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.contract import ImageSource
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.graph.engine import CPU, Engine
from blemish.graph.session import Session
from blemish.progress import Progress
from blemish.quantisation.int8 import to_int8

IMAGES = 32  # from which the ranges are taken
PASSES = 3  # over them
# Of each of them, or a defect would leave the ranges and be cut down; but no pixel is darker than
# black or brighter than white, so that the image's own range stays narrow.
CONTRASTS = (1, -1, 2)


def in_int8(
    graph: PatchCoreGraph, images: ImageSource, progress: Progress, engine: Engine = CPU
) -> PatchCoreGraph:
    """The same with its backbone quantised, by images spread evenly over all."""
    every = -(-len(images.sizes_hw) // IMAGES)
    with progress.stage("quantise", PASSES * len(images.sizes_hw[::every])) as advance:
        variants = _Contrasts(graph, images, every, advance, engine)
        even_sides = graph.working_size.always_even
        return replace(graph, backbone=to_int8(graph.backbone, variants, even_sides=even_sides))


class _Contrasts:
    """Working images, each in several contrasts, any number of times over."""

    def __init__(
        self,
        graph: PatchCoreGraph,
        images: ImageSource,
        every: int,
        advance: Callable[[int], None],
        engine: Engine,
    ) -> None:
        self._session = Session(graph.working_images().SerializeToString(), engine)
        normalise = np.array([graph.backbone.mean, graph.backbone.std], np.float32)
        mean, std = normalise[:, :, None, None]
        self._black, self._white = -mean / std, (1 - mean) / std
        self._images, self._every, self._advance = images, every, advance

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for _, image in islice(self._images, 0, None, self._every):
            (working,) = self._session.run(["working_image"], image=image[None])
            variants = np.concatenate([contrast * working for contrast in CONTRASTS])
            yield np.clip(variants, self._black, self._white)
            self._advance(1)
