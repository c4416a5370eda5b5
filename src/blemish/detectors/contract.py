"""The contract that every detector keeps, and the list of those there are.

A detector fits on good images and gives a graph from pixels to raw scores. It knows nothing of
thresholds, files, labels or images of heat maps. Higher score = more anomalous, unbounded.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from blemish.errors import SettingError, did_you_mean
from blemish.graph.preprocessing import FITS, WorkingSize
from blemish.images.format import ImageFormat
from blemish.progress import Progress
from blemish.settings import Settings, setting
from blemish.typed_json import Hash

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Source:
    """What a fit takes besides images, and ships in the model file.

    Attributes:
        role: what for: `backbone`, `teacher`.
        name: of the network, not of the file.
        licence: of the weights, as their source states it.
        sha256: of the file.
    """

    role: str
    name: str
    licence: str
    sha256: Hash


@dataclass(frozen=True)
class DetectorSettings(Settings):
    """What all detectors share: how an image becomes a working image, and the seed."""

    image_size: int | tuple[int, int] | None = setting(
        None,
        "side of the working image in pixels, or [height, width]; 256, or what a preset decides",
        at_least=32,
        at_most=4096,
    )
    fit: str = setting(
        "stretch",
        "stretch the image to image_size, or keep its aspect with that shorter or longer side",
        choices=FITS,
    )
    seed: int = setting(0, "of everything that is drawn at random", at_least=0)

    # Names of settings that decide where and how safely a fit runs, not what comes of it.
    circumstances: ClassVar[tuple[str, ...]] = ()

    def contradictions(self) -> list[str]:
        """Problems between settings that are each allowed."""
        if self.fit != "stretch" and isinstance(self.image_size, tuple):
            return [f"'image_size' must be one number with fit '{self.fit}'; got two."]
        return []

    @property
    def usual_side_px(self) -> int:
        """The side of a working image where no size is given."""
        return 256

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the working image, before it is padded."""
        side = self.usual_side_px if self.image_size is None else self.image_size
        return (side, side) if isinstance(side, int) else side

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values, with the size that holds."""
        values = super().to_dict()
        return values | ({"image_size": self.usual_side_px} if self.image_size is None else {})

    def working_size(self, multiple: int) -> WorkingSize:
        """How images are resized; padded sizes are multiples of `multiple` pixels."""
        return WorkingSize(self.size_hw, self.fit, multiple)


class ImageSource(Protocol):
    """Good images, any number of times over, each with a stable name."""

    @property
    def image_format(self) -> ImageFormat:
        """Depth of all images."""
        ...

    @property
    def sizes_hw(self) -> Sequence[tuple[int, int]]:
        """Height and width of each image, in order; known without decoding."""
        ...

    @property
    def split_keys(self) -> Sequence[str]:
        """A key for each image, in order; images with one key are left out together.

        To be asked for once all images have been read: what they hold decides, so asking earlier
        reads them all. It may raise `CalibrationError` where they are too few for what is asked.
        """
        ...

    def __iter__(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Pairs of a name and a decoded image, H x W x 3."""
        ...


@dataclass(frozen=True, eq=False)
class LeftOut:
    """What a training image would score had it not been trained on.

    `peak` is the largest value of its score map over the original image.
    """

    name: str
    score: float
    peak: float


class Fitted(Protocol):
    """What fitting gives: the graph, and scores of training images as if they were new."""

    @property
    def graph(self) -> onnx.ModelProto:
        """From `image` to `score` (N), `score_map` (N x H x W) and what the detector adds."""
        ...

    @property
    def facts(self) -> dict[str, Any]:
        """What a reader of the model file wants to know of the fit, as plain JSON values."""
        ...

    @property
    def left_out_method(self) -> str:
        """How `left_out` works, for the record: `leave-one-out`, `5-fold`, or `held out`."""
        ...

    def left_out(self, *, progress: Progress) -> Iterator[LeftOut]:
        """One for each image that can be scored as if it were new, in any order.

        That is every training image, or those that were held out of the fit altogether; as many
        as the detector's `calibration_images` said.

        Raises:
            CalibrationError: all images belong together, so that none can be left out.
        """
        ...

    def left_out_map(self, name: str) -> NDArray[np.float32]:
        """The score map, H x W, of an image as it was when `left_out` scored it.

        Made again for the few images that somebody wants to look into, so that not all maps are
        kept. Its largest value is the image's `peak`.

        Raises:
            KeyError: `left_out` did not score an image of that name.
        """
        ...

    def close(self) -> None:
        """Give back what `left_out` and `left_out_map` need (memory, temporary files)."""
        ...


class FitPlan(Protocol):
    """What a fit will take, known before it starts."""

    @property
    def model_bytes(self) -> int:
        """Size of the model file, nearly."""
        ...

    @property
    def takes_long(self) -> bool:
        """A guess of the seconds (`Detector.estimate_seconds`) would add a fiftieth at most."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: `images`, `memory_bytes`, `disk_bytes`, and the detector's own."""
        ...

    def notes(self) -> list[str]:
        """What a user must hear of it."""
        ...


class Detector(Protocol):
    """A way to learn from good images."""

    name: str
    settings_class: type[DetectorSettings]
    resumable: bool  # whether a fit keeps what it has done so far, and can go on from there

    @property
    def settings(self) -> DetectorSettings:
        """Its settings; the seed is one of them."""
        ...

    @property
    def sources(self) -> dict[str, str]:
        """A hash of each file or folder that it takes something from, by the setting's name.

        Raises:
            BackboneError: one cannot be used.
        """
        ...

    def calibration_images(self, split_keys: Sequence[str]) -> int:
        """How many of some images `left_out` will score once they are fitted on.

        Known before the fit, so that what they cannot promise is refused before it.

        Args:
            split_keys: a key for each image; images with one key count once.
        """
        ...

    def plan(self, images: ImageSource) -> FitPlan:
        """What a fit on these images will take; none of them is decoded.

        Raises:
            DataError: there is no image.
            SettingError: what the settings allow is too little.
        """
        ...

    def estimate_seconds(self, images: ImageSource) -> dict[str, float]:
        """Guess how long each stage of a fit will take, by its name, from a short measurement.

        Raises:
            ImageError: one of the first few images cannot be read.
        """
        ...

    def fit(self, images: ImageSource, *, progress: Progress, folder: Path | None = None) -> Fitted:
        """Learn from good images.

        Args:
            images: the images.
            progress: told of stages and of what a user must hear.
            folder: where a resumable fit keeps what it has done so far, in files that end in
                `.safetensors`, and looks for what it did before: with the same images and
                settings it goes on from there. `None` for nowhere. The caller has made sure that it
                belongs to this fit, and clears it when the fit is done.
        """
        ...


_REGISTERED = {
    "patchcore": "blemish.detectors.patchcore.detector:PatchCore",
    "efficientad": "blemish.detectors.efficientad.detector:EfficientAd",
}


def detector_names() -> tuple[str, ...]:
    """Names of all detectors."""
    return tuple(_REGISTERED)


def detector_class(name: str) -> Any:
    """The class of a detector by its name.

    Raises:
        SettingError: there is none of that name (with the closest that is).
    """
    if name not in _REGISTERED:
        known = ", ".join(_REGISTERED)
        raise SettingError(
            f"Unknown detector '{name}'; known are {known}.{did_you_mean(name, _REGISTERED)}"
        )
    module, _, attribute = _REGISTERED[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def make_detector(name: str, settings: Mapping[str, Any]) -> Detector:
    """A detector by its name, with some settings. Raises `SettingError`."""
    detector: Detector = detector_class(name)(**settings)
    return detector
