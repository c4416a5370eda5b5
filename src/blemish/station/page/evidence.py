"""What regions of a part were compared with: its odd patches, and the good ones next to them."""

from __future__ import annotations

from pathlib import Path

from blemish.errors import ImageError
from blemish.images.side_by_side import Pair
from blemish.model.evidence import Comparisons
from blemish.model.model import Model
from blemish.result import Failure

MOST = 2  # regions of an image


def pairs_of(model: Model, image: Path) -> list[Pair]:
    """Pairs of an image file, the highest peak first.

    Raises:
        BlemishError: the model does not know what it compared with, or the image cannot be read.
    """
    comparisons = Comparisons.of(model)
    pixels = model.read(image)
    found = model.predict_here(pixels)
    if isinstance(found, Failure):
        raise ImageError(found.error)
    return comparisons.pairs(pixels, comparisons.shown(pixels, found), most=MOST)
