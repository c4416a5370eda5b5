"""The images of a training: resized and normalised once, by the nodes that ship.

They are kept in half precision, in memory as far as allowed, then in a temporary file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
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
from blemish.memory import MEGABYTE
from blemish.progress import Progress


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
        values: N x 3 x h x w, float16.
        sha256: of names and values.
    """

    names: list[str]
    split_keys: list[str]
    sizes_hw: list[tuple[int, int]]
    values: NDArray[np.float16]
    sha256: str


def working_images(
    graph: EfficientAdGraph, images: ImageSource, space: Space, progress: Progress
) -> WorkingImages:
    """Read, resize and normalise all images. Raises `DataError` where there is none."""
    sizes_hw = list(images.sizes_hw)
    if not sizes_hw:
        raise DataError("There is no good image to learn from.")
    values = space.array((len(sizes_hw), COLOURS, *graph.settings.size_hw), np.float16)
    session = Session(graph.working().SerializeToString())
    digest, names = hashlib.sha256(), []
    with progress.stage("images", len(sizes_hw)) as advance:
        for i, (name, image) in enumerate(images):
            values[i] = session.run(["working"], image=image[None])[0][0]
            digest.update(name.encode("utf-8", "surrogateescape"))
            digest.update(values[i].tobytes())
            names.append(name)
            advance(1)
    return WorkingImages(names, list(images.split_keys), sizes_hw, values, digest.hexdigest())
