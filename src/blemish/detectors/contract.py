"""The contract that every detector keeps.

A detector fits on good images and gives a graph from pixels to raw scores. It knows nothing of
thresholds, files, labels or images of heat maps. Higher score = more anomalous, unbounded.

What others show of a detector it says of itself: where it takes something from (`provenance`), and
pairs of a label and a text for people (`told`) and plain values for programs, of a plan and of a
fit. Nobody else knows the names of its settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.settings import DetectorSettings
from blemish.graph.engine import CPU, Engine
from blemish.images.format import ImageFormat
from blemish.progress import Progress
from blemish.provenance import Source
from blemish.workers import Workers

if TYPE_CHECKING:
    import onnx

Told = tuple[str, str]  # a label of a word or two, and what there is to say
HELD_OUT = "held out"  # how images are left out that a fit never learns from


class ImageSource(Protocol):
    """Good images, any number of times over, each with a stable name."""

    @property
    def image_format(self) -> ImageFormat:
        """Depth of all images."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """Of the images, in order."""
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

    def part(self, numbers: Sequence[int]) -> ImageSource:
        """Some of the images, by their numbers in order, as a source that can be sent elsewhere."""
        ...


@dataclass(frozen=True, eq=False)
class HeldOutScore:
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
    def batch(self) -> int:
        """How many images of the working size the graph should judge at once."""
        ...

    def told(self) -> Sequence[Told]:
        """What people want to know of the fit, for `fit` and `inspect` to show."""
        ...

    @property
    def details(self) -> dict[str, Any]:
        """The same and more for programs, as plain JSON values; goes into the model file."""
        ...

    @property
    def held_out_method(self) -> str:
        """How `held_out_scores` works, for the record: `leave-one-out`, `5-fold`, or `held out`."""
        ...

    def held_out_scores(self, *, progress: Progress) -> Iterator[HeldOutScore]:
        """One for each image that can be scored as if it were new, in any order.

        That is every training image, or those that were held out of the fit altogether; as many
        as the detector's `calibration_images` said.

        Raises:
            CalibrationError: all images belong together, so that none can be left out.
        """
        ...

    def held_out_map(self, name: str) -> NDArray[np.float32]:
        """The score map, H x W, of an image as it was when `held_out_scores` scored it.

        Made again for the few images that somebody wants to look into, so that not all maps are
        kept. Its largest value is the image's `peak`.

        Raises:
            KeyError: `held_out_scores` did not score an image of that name.
        """
        ...

    def close(self) -> None:
        """Give back what `held_out_scores` and `held_out_map` need (memory, temporary files)."""
        ...


class FitPlan(Protocol):
    """What a fit will take, known before it starts."""

    @property
    def images(self) -> int:
        """How many there are to learn from."""
        ...

    @property
    def memory_bytes(self) -> int:
        """The most memory that the fit will take, nearly."""
        ...

    @property
    def disk_bytes(self) -> int:
        """The most that goes to temporary files; 0 for none."""
        ...

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

    def told(self) -> Sequence[Told]:
        """The detector's own of these for people."""
        ...

    def notes(self) -> list[str]:
        """What a user must hear of it."""
        ...


@runtime_checkable
class SharesWork(Protocol):
    """What a detector has besides where workers can do the parts of a fit."""

    def shared_among(self, workers: Workers) -> Detector:
        """The same detector, whose fits are done by workers.

        Raises:
            SettingError: by its settings there are no parts.
        """
        ...


class Banks(Protocol):
    """Banks of good patches in a graph, to which vectors can be added without a new fit.

    A cell's score is its distance to the nearest vector of a bank, so that more of them never raise
    a score.
    """

    @property
    def vectors(self) -> Mapping[str, NDArray[np.float32]]:
        """Of each bank, M x D, by its name; the first one decides on the score."""
        ...

    @property
    def map_follows(self) -> bool:
        """Whether the map, too, can only fall where distances do."""
        ...

    @property
    def squared(self) -> bool:
        """Whether patch scores are squared distances."""
        ...

    @property
    def traceable(self) -> onnx.ModelProto:
        """The graph, with all `tensors` as what some of its nodes give."""
        ...

    def tensors(self, name: str) -> tuple[str, str]:
        """What it calls the patches that meet a bank (h x w x D), and their scores (h x w)."""
        ...

    def usual(self, name: str, grid_hw: tuple[int, int]) -> NDArray[np.float32] | None:
        """What patches of good images score on the mean at each place; `None` if not known."""
        ...

    def replaced(
        self, banks: Mapping[str, NDArray[np.float32]], *, patches: Mapping[str, int]
    ) -> onnx.ModelProto:
        """The graph with other vectors in its banks, each met by so many `patches` at once."""
        ...

    @property
    def defects(self) -> NDArray[np.float32] | None:
        """Patches of known defects in the graph, K x D; `None` where there are none."""
        ...

    def with_defects(
        self,
        vectors: NDArray[np.float32],
        *,
        reach: float,
        lift: float,
        patches: Mapping[str, int],
    ) -> onnx.ModelProto:
        """The graph with patches of known defects, in the place of those that it had.

        Args:
            vectors: the patches, K x D.
            reach: a patch whose score by these is no larger counts as known, where it is smaller
                than that by the bank.
            lift: what a known patch scores at least, told as scores are.
            patches: that meet each bank at once.

        Raises:
            UsageError: this graph has no place for them.
        """
        ...

    def described(
        self, told: Sequence[Told], banks: Mapping[str, NDArray[np.float32]]
    ) -> tuple[tuple[Told, ...], dict[str, Any]]:
        """What the fit told and its details, with the sizes of other banks."""
        ...


@runtime_checkable
class Teachable(Protocol):
    """What a detector's class has besides where images can be added to a model of it."""

    @staticmethod
    def banks_of(
        model: onnx.ModelProto, settings: Mapping[str, Any], details: Mapping[str, Any]
    ) -> Banks:
        """The banks in a graph.

        Args:
            model: the graph.
            settings: of the detector, as a model file has them.
            details: of the fit, in the same way.

        Raises:
            UsageError: with these settings nothing can be added.
        """
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

    def provenance(self) -> tuple[Source, ...]:
        """What it takes from elsewhere, each in a role of its own.

        Raises:
            BackboneError: one cannot be used.
            DataError: a folder cannot be listed.
        """
        ...

    def calibration_images(self, split_keys: Sequence[str]) -> int:
        """How many of some images `held_out_scores` will score once they are fitted on.

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

    def fit(
        self,
        images: ImageSource,
        *,
        progress: Progress,
        folder: Path | None = None,
        engine: Engine = CPU,
    ) -> Fitted:
        """Learn from good images.

        Args:
            images: the images.
            progress: told of stages and of what a user must hear.
            folder: where a resumable fit keeps what it has done so far, in files that end in
                `.safetensors`, and looks for what it did before: with the same images and
                settings it goes on from there. `None` for nowhere. The caller has made sure that it
                belongs to this fit, and clears it when the fit is done.
            engine: what runs graphs over the images.

        Raises:
            UsageError: the engine's provider is not there.
        """
        ...
