"""How an image looks, whatever it shows: what a fit notes of each image as it reads it.

Three descriptions, each for one question that is asked on the line, and each of other pixels, so
that none can stand for another; what a model file holds is made from them:

* `Appearance`: size, light, contrast and colour as a whole, from pixels all over. Is the image like
  none that was learned from? Its prediction then has a note (`usual`).
* `Exposure`: light, contrast and sharpness block by block, at points that the graph of a model
  looks at as well (`graph.inspectable`). Can the image be inspected at all?
* `Glance`: light, contrast, sharpness and slant along rows, and a thumbnail that tells where the
  part lies. It becomes a `Look`, the numbers that a monitor follows. Has the line changed?
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from blemish.images.appearance import Appearance, appearance_of
from blemish.images.exposure import Blocks, Exposure, exposure_of
from blemish.images.glance import Glance, glance_at


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """How an image looks; see above for what each of these is for.

    Attributes:
        appearance: as a whole.
        exposure: block by block.
        glance: as a monitor sees it; `None` where the image is none of those it is told of.
    """

    appearance: Appearance
    exposure: Exposure
    glance: Glance | None


def describe(
    image: NDArray[Any], *, watched: bool, within: tuple[Blocks, bool] | None = None
) -> Description:
    """How an image looks.

    Args:
        image: H x W x 3, uint8 or uint16.
        watched: whether a monitor is told of it.
        within: points that tell of its exposure; see `exposure_of`.
    """
    glance = glance_at(image) if watched else None
    return Description(appearance_of(image), exposure_of(image, within), glance)
