"""Good images as a detector sees them once something is done to each, and fits that are framed.

What is done to the images of a fit the graph does to those of the line, by nodes around the
detector's own; so a view of images and a frame of a fit belong together. They can be nested.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from blemish.data.loading import GoodImages
from blemish.data.sample import Content
from blemish.detectors.contract import Fitted, HeldOutScore, Told
from blemish.images.description import Description
from blemish.images.format import ImageFormat
from blemish.progress import Progress

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, eq=False)
class ImageView(ABC):
    """Good images as a detector sees them.

    Attributes:
        images: as they came, or as another view shows them.
    """

    images: GoodImages | ImageView

    @property
    def image_format(self) -> ImageFormat:
        """Depth of all images."""
        return self.images.image_format

    @property
    def names(self) -> Sequence[str]:
        """Of the images, in order."""
        return self.images.names

    @property
    def sizes_hw(self) -> Sequence[tuple[int, int]]:
        """Height and width of what is seen of each."""
        return self.images.sizes_hw

    @property
    def split_keys(self) -> Sequence[str]:
        """What keeps images together when some are left out."""
        return self.images.split_keys

    def keys_by(self, contents: Sequence[Content]) -> list[str]:
        """The same by what is seen of each image."""
        return self.images.keys_by(contents)

    @property
    def watched(self) -> Collection[str]:
        """Names of the images that a monitor looks at."""
        return self.images.watched

    def descriptions(self) -> dict[str, Description]:
        """How what is seen of each image looks, by their names."""
        return self.images.descriptions()

    def contents(self) -> list[Content]:
        """What each image holds, in order. Raises `ImageError` where one cannot be read."""
        return self.images.contents()

    @abstractmethod
    def __iter__(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Pairs of a name and what is seen of an image, H x W x 3."""

    def part(self, numbers: Sequence[int]) -> Self:
        """Some of the images."""
        return replace(self, images=self.images.part(numbers))


class FramedFit(ABC):
    """What fitting on a view of images gives, for images as they came.

    Args:
        fitted: what the detector gave, or another frame.
    """

    def __init__(self, fitted: Fitted) -> None:
        self._fitted = fitted

    @property
    def framed(self) -> Fitted:
        """What is within."""
        return self._fitted

    @property
    @abstractmethod
    def graph(self) -> onnx.ModelProto:
        """The model that ships."""

    @property
    def batch(self) -> int:
        """How many images the graph should judge at once."""
        return self._fitted.batch

    def told(self) -> Sequence[Told]:
        """What the detector tells."""
        return self._fitted.told()

    @property
    def details(self) -> dict[str, Any]:
        """The same for programs."""
        return self._fitted.details

    @property
    def held_out_method(self) -> str:
        """How `held_out_scores` works, for the record."""
        return self._fitted.held_out_method

    @abstractmethod
    def held_out_scores(self, *, progress: Progress) -> Iterator[HeldOutScore]:
        """Those of the detector, as the graph that ships would give them."""

    @abstractmethod
    def held_out_map(self, name: str) -> NDArray[np.float32]:
        """The map of a whole image. Raises `KeyError` where it was not left out."""

    def close(self) -> None:
        """Give back what the detector needs."""
        self._fitted.close()
