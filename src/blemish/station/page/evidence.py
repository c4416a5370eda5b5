"""What regions of a part were compared with: its odd patches, and the good ones next to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from blemish.images.read import read_image
from blemish.images.side_by_side import Pair
from blemish.model.evidence import Comparisons

if TYPE_CHECKING:
    from blemish.station.station import Station

MOST = 2  # regions of an image


def pairs_of(station: Station, model_sha256: str, image: Path) -> list[Pair]:
    """Pairs of a kept image, the highest peak first.

    Raises:
        BlemishError: the model is not warm any more, does not know what it compared with, or the
            image cannot be read.
    """
    model = station.model_by(model_sha256)
    comparisons = Comparisons.of(model)
    pixels = read_image(image, model.reader)
    found = comparisons.shown(pixels, model.predict_here(pixels))
    return comparisons.pairs(pixels, found, most=MOST)
