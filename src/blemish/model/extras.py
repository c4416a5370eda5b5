"""What a model file keeps besides its facts, each under a key of its own and read when asked for.

`blemish.origins` says where the vectors of its banks come from, 8 bytes each; `blemish.thumbnails`,
on request, how the training images look; `blemish.undo` what the file has not of the one that it
was made from. Runtimes pass them over, and so does whoever has no use for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from blemish.data.sample import Sample
from blemish.detectors.origins import PLACE, Origins
from blemish.errors import ModelFileError
from blemish.images.header import Reader
from blemish.images.overlay import encode_jpeg
from blemish.progress import Progress
from blemish.typed_json import Hash, JsonError, Positive, as_json, read_as

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORIGINS_KEY, THUMBNAILS_KEY, UNDO_KEY = "blemish.origins", "blemish.thumbnails", "blemish.undo"
EXTRAS = (ORIGINS_KEY, THUMBNAILS_KEY, UNDO_KEY)
NO_ORIGINS = (
    "The model does not say where the vectors of its bank come from: it is no PatchCore, inspects "
    "zones, or an earlier version fitted it. Fit it again, without zones."
)


@dataclass(frozen=True)
class _OriginsText:
    """Origins as JSON has them; one size stands for all where they are the same."""

    places: dict[str, bytes]
    sizes_hw: tuple[tuple[Positive, Positive], ...]
    multiple: Positive


@dataclass(frozen=True)
class Thumbnails:
    """Training images made small.

    Attributes:
        side_px: of the longer side, at most.
        jpeg: of each image, by the hash of its file.
    """

    side_px: Positive
    jpeg: dict[Hash, bytes]

    def to_text(self) -> str:
        """What a model file keeps."""
        return _text(self)

    def of_image(self, sha256: str) -> NDArray[np.uint8] | None:
        """An image, h x w x 3; `None` where there is none of it.

        Raises:
            ModelFileError: it is damaged.
        """
        if sha256 not in self.jpeg:
            return None
        from io import BytesIO

        from PIL import Image

        try:
            with Image.open(BytesIO(self.jpeg[sha256]), formats=("JPEG",)) as image:
                if max(image.size) > self.side_px:
                    raise ValueError("it is larger than it says")
                return np.asarray(image.convert("RGB"))
        except (OSError, ValueError) as error:
            raise ModelFileError(f"A thumbnail in the model is damaged: {error}.") from error


def make_thumbnails(
    samples: Sequence[Sample], reader: Reader, side_px: int, progress: Progress
) -> Thumbnails:
    """Images made small. Raises `ImageError` where one cannot be read any more."""
    jpeg = {}
    with progress.stage("thumbnails", len(samples)) as advance:
        for sample in samples:
            jpeg[sample.sha256] = encode_jpeg(sample.read(reader), long_side_px=side_px)
            advance(1)
    return Thumbnails(side_px, jpeg)


def origins_text(origins: Origins) -> str:
    """What a model file keeps of them."""
    sizes = tuple(origins.sizes_hw)
    kept = sizes[:1] if len(set(sizes)) == 1 else sizes
    places = {name: found.tobytes() for name, found in origins.places.items()}
    return _text(_OriginsText(places, kept, origins.multiple))


def read_origins(extras: Mapping[str, str], *, images: int, name: str) -> Origins:
    """Where the vectors of a model come from.

    Args:
        extras: of the model.
        images: that it was fitted on.
        name: what to call it in errors.

    Raises:
        ModelFileError: it does not say, or not what could be true.
    """
    if ORIGINS_KEY not in extras:
        raise ModelFileError(NO_ORIGINS)
    try:
        kept = read_as(extras[ORIGINS_KEY].encode(), _OriginsText)
        places = {bank: np.frombuffer(found, PLACE) for bank, found in kept.places.items()}
    except (JsonError, ValueError) as error:
        raise ModelFileError(f"What '{name}' says of its banks cannot be used: {error}") from error
    sizes = kept.sizes_hw * images if len(kept.sizes_hw) == 1 else kept.sizes_hw
    if len(sizes) != images or any((found["image"] >= images).any() for found in places.values()):
        raise ModelFileError(f"'{name}' contradicts itself on where its banks come from.")
    return Origins(places, sizes, kept.multiple)


def read_thumbnails(extras: Mapping[str, str], name: str) -> Thumbnails | None:
    """What a model keeps of how its images look, if anything. Raises `ModelFileError`."""
    if THUMBNAILS_KEY not in extras:
        return None
    try:
        return read_as(extras[THUMBNAILS_KEY].encode(), Thumbnails)
    except JsonError as error:
        raise ModelFileError(f"The thumbnails in '{name}' cannot be used: {error}") from error


def without_images(
    origins: Origins, gone: NDArray[np.bool_]
) -> tuple[Origins, dict[str, NDArray[np.bool_]]]:
    """Origins less those of some images, and which vectors of each bank stay.

    Args:
        origins: of all.
        gone: whether each image goes.
    """
    stay = {bank: ~gone[found["image"]] for bank, found in origins.places.items()}
    number = (np.cumsum(~gone) - 1).astype(np.uint32)
    places = {}
    for bank, found in origins.places.items():
        places[bank] = found[stay[bank]].copy()
        places[bank]["image"] = number[places[bank]["image"]]
    sizes = [size for size, one_gone in zip(origins.sizes_hw, gone, strict=True) if not one_gone]
    return replace(origins, places=places, sizes_hw=sizes), stay


def _text(value: object) -> str:
    import json

    return json.dumps(as_json(value), sort_keys=True)
