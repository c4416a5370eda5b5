"""What a model takes as an image, and the pixels of it, as it wants them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from numpy.typing import NDArray

from blemish.data.sample import Sample
from blemish.errors import ImageError
from blemish.images.format import ImageFormat
from blemish.images.header import (
    FileContent,
    FilePage,
    Reader,
    in_memory,
    is_file_object,
    name_of,
)
from blemish.images.read import as_image, read_image
from blemish.model.facts import AlignmentFacts
from blemish.zones import Inspected

if TYPE_CHECKING:
    from blemish.model.judging import ImageLike


@dataclass(frozen=True)
class Inputs:
    """How images are read for a model.

    Attributes:
        reader: of files.
        image_format: of all images.
        zones: which of their pixels are inspected; `None` for all.
        alignment: how parts are aligned; `None` where they are taken as they lie.
    """

    reader: Reader
    image_format: ImageFormat
    zones: Inspected | None
    alignment: AlignmentFacts | None

    def in_memory(self, image: ImageLike | BinaryIO) -> ImageLike:
        """An image that can be looked at more than once: of a file object, what it holds."""
        if is_file_object(image):
            return in_memory(image, self.reader.limits)
        return cast("ImageLike", image)

    def in_memory_or_not(self, image: ImageLike | BinaryIO) -> ImageLike:
        """The same; in the place of a file object that cannot be read stands why, for `read`."""
        try:
            return self.in_memory(image)
        except ImageError as error:
            return cast("ImageLike", error)

    def read(self, given: ImageLike | BinaryIO) -> NDArray[Any]:
        """An image, H x W x 3. Raises `ImageError`."""
        image = self.in_memory(given)
        if isinstance(image, ImageError):
            raise image
        if isinstance(image, Sample):
            array, name = image.read(self.reader), str(image.source)
        elif isinstance(image, (str, Path, FilePage, bytes, FileContent)):
            file = in_memory(image, self.reader.limits)
            array, name = read_image(file, self.reader), name_of(file)
        else:
            array, name = as_image(image, self.reader), FileContent.name
        self.image_format.check(array, name)
        if self.alignment is not None:
            _check_size(self.alignment, (array.shape[0], array.shape[1]), name)
        elif self.zones is not None:
            self.zones.check((array.shape[0], array.shape[1]), name)
        return array


def _check_size(alignment: AlignmentFacts, size_hw: tuple[int, int], name: str) -> None:
    """Raise `ImageError` where an image is not of the size of the reference."""
    if size_hw != alignment.size_hw:
        (height, width), (wanted_height, wanted_width) = size_hw, alignment.size_hw
        raise ImageError(
            f"{name}: is {width} x {height} pixels, and the model aligns images of "
            f"{wanted_width} x {wanted_height} pixels (width x height)."
        )
