"""PatchCore's backbone in 8 bits, its ranges of numbers taken from the training pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from blemish.backbones.int8 import to_int8
from blemish.detectors.base import ImageSource
from blemish.detectors.patchcore_graph import PatchCoreGraph
from blemish.graph.session import Session
from blemish.progress import Progress

PICTURES = 32  # from which the ranges are taken
CONTRASTS = (1, -1, 2)  # of each of them, or a defect would leave the ranges and be cut down


def in_int8(graph: PatchCoreGraph, images: ImageSource, progress: Progress) -> PatchCoreGraph:
    """The same with its backbone quantised, by pictures spread evenly over all."""
    session = Session(graph.working_pictures().SerializeToString())
    every = -(-len(images.sizes_hw) // PICTURES)
    with progress.stage("quantise", len(images.sizes_hw[::every])) as advance:

        def pictures() -> Iterator[NDArray[np.float32]]:
            for _, picture in islice(images, 0, None, every):
                (working,) = session.run(["working_picture"], image=picture[None])
                for contrast in CONTRASTS:
                    yield contrast * working
                advance(1)

        return replace(graph, backbone=to_int8(graph.backbone, pictures()))
