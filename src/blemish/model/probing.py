"""Whether a model gives finite scores and maps for simple images: `inspect --verify`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ModelFileError
from blemish.images.format import ImageFormat
from blemish.model.model import Model
from blemish.wording import first_few

SIZES_HW = ((64, 64), (8, 8), (9, 200), (300, 180))
MOST_TOLD = 5


def probe(model: Model) -> int:
    """Judge images of no object: black, white, gradients, a chequerboard, noise.

    They come in four sizes, or in the one that zones are drawn for or parts aligned in.

    Returns:
        How many there were.

    Raises:
        ModelFileError: the graph fails on one, or gives something that is not finite for it.
    """
    one_size = model.alignment or model.zones
    sizes = SIZES_HW if one_size is None else (one_size.size_hw,)
    images = dict(probe_images(model.image_format, sizes))
    bad = []
    for name, image in images.items():
        scores, maps = model.raw(image[None])
        if not (np.isfinite(scores).all() and np.isfinite(maps).all()):
            bad.append(name)
    if bad:
        raise ModelFileError(
            "The model gives no finite score or map (but NaN or infinite) for simple images: "
            f"{first_few(bad, MOST_TOLD, separator='; ')}. Do not judge with it; look at what "
            "its detector took from elsewhere, and fit it again."
        )
    return len(images)


def probe_images(
    image_format: ImageFormat, sizes_hw: Sequence[tuple[int, int]] = SIZES_HW
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Names and images, H x W x 3, of the format's type, in some sizes."""
    white, most = image_format.white_level, np.iinfo(image_format.dtype).max
    for height, width in sizes_hw:
        rows, columns = np.indices((height, width))
        noise = np.random.default_rng(0).integers(0, white + 1, (height, width, 3))
        for name, values in (
            ("black", 0 * rows),
            ("white", 0 * rows + white),
            ("brightest", 0 * rows + most),
            ("a gradient across", columns * white // (width - 1)),
            ("a gradient down", rows * white // (height - 1)),
            ("a chequerboard", (rows + columns) % 2 * white),
            ("noise", noise),
        ):
            image = np.broadcast_to(values if values.ndim == 3 else values[..., None], noise.shape)
            yield f"{name}, {height} x {width}", image.astype(image_format.dtype)
