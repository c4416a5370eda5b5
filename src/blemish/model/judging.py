"""How many images are judged at a time: what each takes of memory, told from its header.

The constants are upper bounds of the resident memory of `blemish predict` at its highest, over
images of 0.1, 24 and 99 megapixels, of 8 and 16 bits, one by one and several at once, with overlays
and maps and without: up to 23 bytes a pixel for one image alone; up to 30, or 37 of 16 bits, for
those that follow, since whoever asked has the map of the one before. What the backbone takes goes
with its weights: 14 MB an image for a model file of 4 MB, 195 MB for one of 33 MB (ResNet-50), at
256 x 256; 60 MB for EfficientAd at 512 x 512.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.data.loading import DECODED_PIXELS
from blemish.data.sample import Sample
from blemish.errors import ImageError, SettingError
from blemish.graph.working_size import WorkingSize
from blemish.images.header import FileContent, FilePage, Reader, name_of, probe_image, spell_size
from blemish.memory import allowed_bytes
from blemish.model.facts import WorkingFacts
from blemish.wording import bytes_text

if TYPE_CHECKING:
    from PIL import Image

    ImageLike = str | Path | FilePage | bytes | FileContent | Sample | NDArray[Any] | Image.Image

RUNTIME_BYTES = 130 * 10**6  # interpreter, libraries
MODEL_COPIES = 10  # the file, and what each of three engines makes of it
DECODED_PIXEL_BYTES = {8: 32, 16: 40}  # decoded, as floats, and the map
ALIGNED_PIXEL_BYTES = {8: 56, 16: 80}  # besides, where parts are aligned: drawn anew, and filled
FILE_COPIES = 2  # its bytes, and what a decoder makes of them
STRETCHED_BYTES = 36  # of a pixel of the rows that are left, as wide as the image: 3 x 3 floats
CELL_BYTES = 2  # of a working pixel: scores and neighbours of its cell, in tiles and joined
WORKING_COPIES = 8 / (256 * 256)  # of the model file, for each pixel of the resized image
LEAST_WORKING_BYTES = 256  # for each such pixel, however small the model
ORDINARY_PIXELS = 10**6  # of an image that is judged on every machine
TYPED_BYTES = 10**8  # what an error asks for is a multiple of these
MULTIPLE_PX = 32  # to which working images are padded at most


@dataclass(frozen=True)
class JudgingMemory:
    """How much memory images may take together, and how large they become.

    Attributes:
        allowed_bytes: what the process may take.
        room_bytes: what is left of it for images.
        working: how they are resized.
        bytes_a_working_pixel: what is taken inside the graph.
        aligned: whether parts are aligned.
    """

    allowed_bytes: int
    room_bytes: int
    working: WorkingSize
    bytes_a_working_pixel: float
    aligned: bool = False

    def weigh(self, size_hw: tuple[int, int], bit_depth: int = 8, file_bytes: int = 0) -> int:
        """Bytes that an image takes from its file to its verdict.

        Args:
            size_hw: height and width.
            bit_depth: bits a channel.
            file_bytes: of its file, which is in memory while it is decoded.

        Raises:
            ImageError: it alone takes more than there is room for.
        """
        (rows, _), (height, width) = self.working.working_hw(size_hw)
        each = DECODED_PIXEL_BYTES[bit_depth] + self.aligned * ALIGNED_PIXEL_BYTES[bit_depth]
        decoded = each * size_hw[0] * size_hw[1]
        if self.working.tiles is None:
            stretched = STRETCHED_BYTES * rows * size_hw[1]  # rows first: low images grow by it
        else:  # each tile is resized by itself, and its cells are kept
            stretched = CELL_BYTES * height * width
            height, width = self.working.seen_hw
        inside = int(self.bytes_a_working_pixel * height * width)
        needed = decoded + stretched + inside + FILE_COPIES * file_bytes
        if needed > self.room_bytes:
            enough = _in_full(self.allowed_bytes - self.room_bytes + needed)
            raise ImageError(
                f"is {spell_size(size_hw)}; judging it takes about {bytes_text(needed)} of memory, "
                f"and {bytes_text(self.room_bytes)} are left of the "
                f"{bytes_text(self.allowed_bytes)} that may be taken: raise "
                f"'memory_bytes' to {bytes_text(enough)}."
            )
        return needed

    def weigh_image(self, image: ImageLike, reader: Reader) -> int:
        """The same of an image as `Model.predict` takes it; every failure names its path."""
        path = path_of(image)
        try:
            return self.weigh(*_size_and_depth(image, reader))
        except ImageError as error:
            told = path is None or str(error).startswith(path)
            raise error if told else ImageError(f"{path}: {error}") from error

    def most_together(self, image: NDArray[Any]) -> int:
        """How many such images, H x W x 3, may go through a graph in half of the room."""
        height, width = int(image.shape[0]), int(image.shape[1])
        weight = self.weigh((height, width), 8 * image.itemsize)
        return max(1, min(DECODED_PIXELS // (height * width), self.room_bytes // 2 // weight))


def path_of(image: ImageLike) -> str | None:
    """Where an image comes from; `None` for one in memory."""
    if isinstance(image, FileContent):
        return None if image.name == FileContent.name else name_of(image)
    source = image.source if isinstance(image, Sample) else image
    return str(source) if isinstance(source, (str, Path, FilePage)) else None


def _size_and_depth(image: ImageLike, reader: Reader) -> tuple[tuple[int, int], int, int]:
    """What `weigh` takes; what is no image weighs next to nothing until read."""
    if isinstance(image, Sample):
        facts = image.probe(reader)
        return facts.size_hw, facts.bit_depth, facts.file_bytes
    if isinstance(image, (str, Path, FilePage, bytes, FileContent)):
        facts = probe_image(image, reader)
        return facts.size_hw, facts.bit_depth, facts.file_bytes
    if isinstance(image, np.ndarray) and image.ndim > 1:
        return (image.shape[0], image.shape[1]), 8 * min(2, image.itemsize), 0
    if isinstance(image, np.ndarray) or not hasattr(image, "mode"):
        return (1, 1), 8, 0
    width, height = image.size  # of Pillow
    return (height, width), 16, 0


def judging_memory(
    working: WorkingFacts, model_bytes: int, wanted: int | None, *, aligned: bool = False
) -> JudgingMemory:
    """The memory for images beside a model.

    Args:
        working: how images are resized.
        model_bytes: its size.
        wanted: what the process may take; by default half of the machine's memory, or of what the
            container has.
        aligned: whether parts are aligned.

    Raises:
        SettingError: the model alone takes more than is wanted.
    """
    resizing = working.working_size(MULTIPLE_PX)
    fixed, inside = _fixed_bytes(model_bytes), _inside_bytes(model_bytes)
    least = least_memory(working, model_bytes, aligned=aligned)
    if wanted is None:
        allowed = allowed_bytes() // 2
        return JudgingMemory(allowed, max(allowed, least) - fixed, resizing, inside, aligned)
    if wanted < least:
        raise SettingError(
            f"'memory_bytes' must be at least {bytes_text(_in_full(least))} for this "
            f"model; got {bytes_text(wanted)}."
        )
    return JudgingMemory(wanted, wanted - fixed, resizing, inside, aligned)


def least_memory(working: WorkingFacts, model_bytes: int, *, aligned: bool = False) -> int:
    """Bytes that a process takes to judge an ordinary image; `judging_memory` wants no fewer."""
    height, width = working.tile_hw or working.size_hw
    inside = int(_inside_bytes(model_bytes) * height * width)
    each = DECODED_PIXEL_BYTES[8] + aligned * ALIGNED_PIXEL_BYTES[8]
    return _fixed_bytes(model_bytes) + inside + each * ORDINARY_PIXELS


def _fixed_bytes(model_bytes: int) -> int:
    return RUNTIME_BYTES + MODEL_COPIES * model_bytes


def _inside_bytes(model_bytes: int) -> float:
    """What is taken inside the graph, for each pixel of the resized image."""
    return max(WORKING_COPIES * model_bytes, LEAST_WORKING_BYTES)


def _in_full(needed_bytes: int) -> int:
    """A little more, so that it can be typed as it is told."""
    return -(-needed_bytes // TYPED_BYTES) * TYPED_BYTES
