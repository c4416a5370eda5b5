"""What follows from the sizes of images: cells of features, how many at once, and their memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import TYPE_CHECKING

from blemish.backbones.backbone import Backbone
from blemish.data.loading import DECODED_PIXELS, LARGEST_BATCH
from blemish.errors import DataError
from blemish.memory import MEGABYTE
from blemish.parallel import AHEAD, READERS, available_cores

if TYPE_CHECKING:
    from blemish.detectors.features.settings import FeatureSettings

WORKING_PIXELS = LARGEST_BATCH * 256 * 256  # of a batch, resized
RUNTIME_BYTES = 220 * MEGABYTE  # interpreter, libraries, the product blocks of the searches
BYTES_A_PIXEL = 250  # activations inside the backbone while features are extracted
BYTES_A_STRETCHED_PIXEL = 36  # of the rows that are left, as wide as the image: 3 x 3 floats
BYTES_A_DECODED_PIXEL = 22  # stacked, the rows of each band, those as floats
READ_AHEAD = AHEAD + READERS  # decoded images that wait, as bytes
LONG_IMAGES = 600  # beside which a guess of how long they take is little
FACTS_BYTES = 300  # of a training image in the model file
LARGEST_MODEL = 2 * 10**9  # bytes that are planned for; protobuf, and so ONNX, holds a little more
COPIES = 5  # of a batch's patches: enlarged, joined, turned, handed out
TILED_COPIES = 4  # of an image's: of all tiles, which overlap, turned; joined, handed out


@dataclass(frozen=True)
class Sizes:
    """What follows from the images' sizes.

    Attributes:
        decoded_px: of the largest image.
        stretched_px: of an image whose rows are resized and whose columns are not yet, at most.
        working_px: of the largest resized image, padding included.
        cells: of the largest grid.
        patches: cells of all images.
        at_once: images that go through the backbone at once, each on a core of its own.
        tiles: of the largest resized image; `working_px` and `stretched_px` are then those of one
            of them. 0 where it is looked at as a whole.
    """

    decoded_px: int
    stretched_px: int
    working_px: int
    cells: int
    patches: int
    at_once: int
    tiles: int = 0

    def streaming_bytes(self, dimensions: int) -> int:
        """What is taken whatever is kept: the runtime, images on their way through the graph."""
        waiting = READ_AHEAD + self.at_once + 2  # one of them a view of another
        reading = 3 * waiting * self.decoded_px
        if not self.tiles:
            reading += BYTES_A_DECODED_PIXEL * self.at_once * self.decoded_px
        reading += BYTES_A_STRETCHED_PIXEL * self.at_once * self.stretched_px
        grid, copies = 4 * dimensions * self.cells, TILED_COPIES if self.tiles else COPIES
        features = self.at_once * (BYTES_A_PIXEL * self.working_px + copies * grid) + grid
        return RUNTIME_BYTES + reading + features


def batch_size(*, decoded_px: int, working_px: int) -> int:
    """How many images of a size go through a graph at once."""
    return max(1, min(LARGEST_BATCH, WORKING_PIXELS // working_px, DECODED_PIXELS // decoded_px))


def measure(
    settings: FeatureSettings, backbone: Backbone, sizes_hw: Sequence[tuple[int, int]]
) -> Sizes:
    """The sizes of a fit on images of these sizes.

    Raises:
        DataError: there is no image.
    """
    if not sizes_hw:
        raise DataError("There is no good image to learn from.")
    working, tiles = settings.working_size(max(level.stride for level in backbone.levels)), 0
    finest = min(backbone.levels, key=lambda level: level.stride)
    content, padded = zip(*map(working.working_hw, sizes_hw), strict=True)
    grids = [finest.cells(height) * finest.cells(width) for height, width in padded]
    decoded_px = max(height * width for height, width in sizes_hw)
    if working.tiles is None:
        rows_of = zip(content, sizes_hw, strict=True)
        stretched_px = max(height * width for (height, _), (_, width) in rows_of)
        working_px = at_once_px = max(height * width for height, width in padded)
    else:  # each tile is resized by itself
        working_px = prod(working.seen_hw)
        at_once_px = max(height * width for height, width in padded)  # whose cells are joined
        tiles = max(len(working.corners(image_hw)) for image_hw in sizes_hw)
        stretched_px = max(
            working_px * ceil(width / across)
            for (_, across), (_, width) in zip(content, sizes_hw, strict=True)
        )
    at_once = batch_size(decoded_px=decoded_px, working_px=at_once_px)
    at_once = min(at_once, available_cores(), len(sizes_hw))
    cells, patches = max(grids), sum(grids)
    return Sizes(decoded_px, stretched_px, working_px, cells, patches, at_once, tiles)
