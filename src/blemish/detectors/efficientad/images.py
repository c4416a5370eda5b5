"""The images of a training: resized and normalised once, by the nodes that ship.

They are kept in half precision, in memory as far as allowed, then in a temporary file.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from blemish.detectors.contract import ImageSource
from blemish.detectors.efficientad.architecture import COLOURS
from blemish.detectors.efficientad.graph import EfficientAdGraph
from blemish.errors import BlemishError, DataError
from blemish.graph.session import Session
from blemish.graph.working_size import WorkingSize
from blemish.memory import MEGABYTE
from blemish.progress import Progress

SHOWN_PIXELS = 2**26  # of tiles that nets are trained on: those of a thousand usual images
TILES = 23  # what else seeds generators, beside the setting


class Space:
    """Room for large arrays: in memory as far as allowed, then in temporary files.

    A file is gone from its folder as soon as it is open, where the system allows that, and its
    room on the disk is given back with the array.
    """

    def __init__(self, megabytes: int) -> None:
        self._left_bytes = megabytes * MEGABYTE

    def array(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array to be filled. Raises `BlemishError` where the disk is too small for it."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size <= self._left_bytes:
            self._left_bytes -= size
            return np.empty(shape, dtype)
        return _on_disk(shape, dtype, size)


def _on_disk(shape: tuple[int, ...], dtype: DTypeLike, size: int) -> NDArray[Any]:
    folder = Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free
    try:
        with tempfile.TemporaryFile(prefix="blemish-images-") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype, mode="w+", shape=shape)
    except OSError as error:
        raise BlemishError(
            f"The images need {size / 1e9:.1f} GB in a temporary file, but '{folder}' has "
            f"{free / 1e9:.1f} GB free ({error.strerror}). Allow more memory (--memory), name "
            "another folder (TMPDIR), or use fewer images or a smaller image_size."
        ) from error


@dataclass(frozen=True, eq=False)
class WorkingImages:
    """Images as the nets take them.

    Attributes:
        names, split_keys, sizes_hw: of the images as they came.
        values: N x 3 x h x w, float16; with tiles some of each image, one after the other.
        sha256: of names and values.
        shown: tiles of an image; 1 where each is there as a whole.
    """

    names: list[str]
    split_keys: list[str]
    sizes_hw: list[tuple[int, int]]
    values: NDArray[np.float16]
    sha256: str
    shown: int = 1

    def rows(self, positions: Iterable[int]) -> list[int]:
        """Which of the values are of some images."""
        return [self.shown * one + i for one in positions for i in range(self.shown)]


def working_images(
    graph: EfficientAdGraph, images: ImageSource, space: Space, progress: Progress
) -> WorkingImages:
    """Read, resize and normalise all images. Raises `DataError` where there is none."""
    sizes_hw = list(images.sizes_hw)
    if not sizes_hw:
        raise DataError("There is no good image to learn from.")
    shown = tiles_shown(graph.working_size, sizes_hw)
    values = space.array((shown * len(sizes_hw), COLOURS, *graph.settings.seen_hw), np.float16)
    session = Session(graph.working().SerializeToString())
    digest, names = hashlib.sha256(), []
    with progress.stage("images", len(sizes_hw)) as advance:
        for i, (name, image) in enumerate(images):
            digest.update(name.encode("utf-8", "surrogateescape"))
            for k, place in enumerate(_places(graph, sizes_hw[i], shown, i)):
                row = values[shown * i + k]
                row[:] = session.run(["working"], image=image[None], **place)[0][0]
                digest.update(row.tobytes())
            names.append(name)
            advance(1)
    keys = list(images.split_keys)
    return WorkingImages(names, keys, sizes_hw, values, digest.hexdigest(), shown)


def tiles_shown(size: WorkingSize, sizes_hw: Sequence[tuple[int, int]]) -> int:
    """How many tiles of each image nets are trained on; 1 where they see it as a whole."""
    if size.tiles is None:
        return 1
    fewest = min(len(size.corners(image_hw)) for image_hw in sizes_hw)
    wanted = SHOWN_PIXELS / (math.prod(size.tiles.size_hw) * len(sizes_hw))
    return min(fewest, max(1, math.ceil(wanted)))


def _places(
    graph: EfficientAdGraph, image_hw: tuple[int, int], shown: int, number: int
) -> list[dict[str, NDArray[np.int64]]]:
    """Where the tiles of an image begin that nets are trained on, for the session."""
    corners = graph.working_size.corners(image_hw)
    if not corners:
        return [{}]
    rng = np.random.default_rng([graph.settings.seed, TILES, number])
    order = rng.permutation(len(corners))[:shown]
    return [{"origin": np.array(corners[i], np.int64)} for i in order]
