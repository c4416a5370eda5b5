"""ImageStack that are not from the category, on which the student is taught to say nothing.

In the paper they are ImageNet's. Here they come from any folder of images, or are drawn: some are
made once and shown again and again, each time another part of them where they are larger.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.efficientad.architecture import COLOURS
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.errors import DataError, ImageError
from blemish.files import files_below
from blemish.graph.builder import UINT8, GraphBuilder, tensor
from blemish.graph.preprocessing import geometry, image_hw, preprocess
from blemish.graph.session import Session
from blemish.graph.working_size import WorkingSize
from blemish.images.format import ImageFormat, format_16_bit
from blemish.images.header import Reader
from blemish.images.read import IMAGE_SUFFIXES, read_image
from blemish.parallel import available_cores, read_ahead
from blemish.progress import Progress

ENLARGED = 2  # an image of a folder is made so much larger than what is cut out of it
PICKED, DRAWN = 11, 12  # what else seeds generators, beside the setting

ImageStack = NDArray[np.uint8]


def penalty_images(settings: EfficientAdSettings, progress: Progress) -> ImageStack:
    """ImageStack of anything else, P x 3 x h x w, at least as large as what the student sees.

    Raises:
        DataError: the folder cannot be listed, or holds no image that can be read.
    """
    count = settings.recipe.penalty_images
    if settings.penalty is None:
        return _drawn(settings, count, progress)
    return _read(_some_of(Path(settings.penalty), count, settings.seed), settings, progress)


def _drawn(settings: EfficientAdSettings, count: int, progress: Progress) -> ImageStack:
    from blemish.surfaces.textures import draw

    height, width = (settings.recipe.crop,) * 2 if settings.recipe.crop else settings.seen_hw
    seed = int(np.random.default_rng([settings.seed, DRAWN]).integers(2**31))
    one = partial(draw, seed=seed, side_px=max(height, width))
    images = np.empty((count, COLOURS, height, width), np.uint8)
    with (
        progress.stage("drawing", count) as advance,
        ThreadPoolExecutor(available_cores()) as pool,
    ):
        for i, image in enumerate(pool.map(one, range(count))):
            images[i] = image[:height, :width].transpose(2, 0, 1)
            advance(1)
    return images


def listing_sha256(folder: Path) -> str:
    """A hash of the names and sizes of the images below a folder.

    Raises:
        DataError: the folder cannot be listed.
    """
    listed = [(p.relative_to(folder).as_posix(), p.stat().st_size) for p in _images_below(folder)]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _images_below(folder: Path) -> list[Path]:
    try:
        below = files_below(folder, enter=lambda _: True)
        return sorted(path for path in below if path.suffix.lower() in IMAGE_SUFFIXES)
    except OSError as error:
        raise DataError(f"Cannot list the penalty images in '{folder}': {error}.") from error


def _some_of(folder: Path, count: int, seed: int) -> list[Path]:
    """A seeded sample of the images below a folder, in order."""
    paths = _images_below(folder)
    rng = np.random.default_rng([seed, PICKED])
    chosen = rng.choice(len(paths), min(count, len(paths)), replace=False)
    return [paths[i] for i in np.sort(chosen)]


def _read(paths: list[Path], settings: EfficientAdSettings, progress: Progress) -> ImageStack:
    """Images stretched to twice the working size, of which the middle is kept."""
    session = Session(_middle(settings.seen_hw).SerializeToString())
    images, problems = [], []
    with progress.stage("penalty", len(paths)) as advance:
        for _, image in read_ahead(paths, partial(read_image, reader=Reader(alpha="flatten"))):
            if isinstance(image, ImageError):
                problems.append(f"{image}")
            elif isinstance(image, Exception):
                raise image
            else:
                images.append(session.run(["middle"], image=_eight_bit(image)[None])[0][0])
            advance(1)
    if not images:
        why = f" ({problems[0]})" if problems else ""
        raise DataError(f"'{settings.penalty}' holds no image to train against{why}.")
    if problems:
        progress.say(
            f"{len(problems)} of {len(paths)} penalty images cannot be read and are not used: "
            f"{problems[0]}"
        )
    return np.stack(images)


def _middle(size_hw: tuple[int, int]) -> Any:
    """Graph from `image` to `middle`, 1 x 3 x h x w, uint8."""
    g = GraphBuilder()
    height, width = size_hw
    size = WorkingSize((ENLARGED * height, ENLARGED * width))
    sizes = geometry(g, image_hw(g), size)
    whole = preprocess(g, sizes, size, image_format=ImageFormat(), mean=[0] * 3, std=[1 / 255] * 3)
    top, left = height // 2, width // 2
    ends = g.ints(top + height, left + width)
    middle = g.op("Slice", whole, g.ints(top, left), ends, g.ints(2, 3))
    g.op("Cast", g.op("Round", middle), to=UINT8, name="middle")
    outputs = [tensor("middle", UINT8, 1, COLOURS, height, width)]
    return g.build([tensor("image", UINT8, 1, "H", "W", COLOURS)], outputs)


def _eight_bit(image: NDArray[Any]) -> ImageStack:
    if image.dtype == np.uint8:
        return image
    white = format_16_bit(int(image.max())).white_level
    return (image.astype(np.float32) * (255 / white)).round().astype(np.uint8)
