"""A model: one graph from pixels to raw score, with what it says of itself and its thresholds.

`load` opens a model file; `Model.predict` judges images. The graph that runs here is byte for
byte the one that was calibrated, and the one that other runtimes run.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, Self, overload

import numpy as np
from numpy.typing import NDArray

from blemish.errors import (
    BlemishError,
    ImageError,
    UsageError,
)
from blemish.files import refuse_existing, write_whole
from blemish.graph.engine import CPU, Engine
from blemish.graph.session import Session
from blemish.images.appearance import Appearance
from blemish.images.format import ImageFormat
from blemish.images.header import (
    DEFAULT_LIMITS,
    Reader,
    ReadLimits,
)
from blemish.images.raw import RawFormat
from blemish.model.extras import EXTRAS
from blemish.model.facts import Facts
from blemish.model.file import (
    check_facts,
    read_facts,
    read_file,
    read_zones,
    sign,
    verify,
)
from blemish.model.inputs import Inputs
from blemish.model.judging import judging_memory, least_memory, path_of
from blemish.model.many import Many, Named
from blemish.model.running import Runner
from blemish.model.verdicts import Extras, Judge
from blemish.result import Failure, Prediction

if TYPE_CHECKING:
    import onnx

    from blemish.model.judging import ImageLike


class Model:
    """A fitted and calibrated detector, ready to judge, also in processes forked from this one.

    Args:
        data: the bytes of a model file.
        name: what to call it in errors.
        engine: what runs the graph.
        limits: what an image may cost.
        raw: how the pixels lie in image files without a header; the file does not say.

    Attributes:
        engine: what runs the graph.
        name: what it is called in errors.
        reader: how images are read, as they were for the fit.
        facts: what the file says of itself.
        calibration: scores of good images and thresholds.
        sha256: hash of the file.
        zones: which pixels of an image are inspected; `None` for all.
        alignment: how parts are aligned; `None` where they are taken as they lie.

    Raises:
        ModelFileError: the bytes are truncated, changed, of a newer schema, or not ours, or they
            contradict themselves.
    """

    def __init__(
        self,
        data: bytes,
        *,
        name: str = "the model",
        engine: Engine = CPU,
        limits: ReadLimits = DEFAULT_LIMITS,
        raw: RawFormat | None = None,
    ) -> None:
        self.sha256 = verify(data, name)
        self.engine, self.name, self._data = engine, name, data
        self._runner = Runner(data, name, engine)
        session = self.session
        self.facts = read_facts(session.metadata, name)
        self.calibration = check_facts(data, self.facts, session.interface, name)
        self.image_format: ImageFormat = self.facts.input.format
        self.reader = Reader(limits, self.facts.input.alpha, raw)
        self.zones = read_zones(self.facts.input, name)
        self.alignment = self.facts.input.alignment
        self._inputs = Inputs(self.reader, self.image_format, self.zones, self.alignment)
        self._judge = Judge(self.facts, self.calibration, self.zones)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads and free what the graph takes; what has begun comes to its end."""
        self._runner.close()

    @property
    def session(self) -> Session:
        """The graph on all cores, for one image at a time. Raises `UsageError` once closed."""
        return self._runner.session

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            "A model cannot be pickled or copied. Hand the path of its file to the other process, "
            "and blemish.load it there; in forked processes it works as it is."
        )

    @property
    def detector(self) -> str:
        """Name of the detector that was fitted."""
        return self.facts.detector.name

    @property
    def size_bytes(self) -> int:
        """Size of the model file."""
        return len(self._data)

    @property
    def least_memory_bytes(self) -> int:
        """The least that `predict_each` takes for `memory_bytes`."""
        working, aligned = self.facts.input.working, self.alignment is not None
        return least_memory(working, self.size_bytes, aligned=aligned)

    @overload
    def predict(
        self, images: ImageLike | BinaryIO, *, outlines: bool = ..., looks: bool = ...
    ) -> Prediction: ...
    @overload
    def predict(
        self, images: list[ImageLike | BinaryIO], *, outlines: bool = ..., looks: bool = ...
    ) -> list[Prediction]: ...
    def predict(
        self,
        images: ImageLike | BinaryIO | list[ImageLike | BinaryIO],
        *,
        outlines: bool = False,
        looks: bool = False,
    ) -> Prediction | list[Prediction]:
        """Judge an image, or several.

        Args:
            images: the path of a file, one of `images_of` a file that holds several, its bytes, a
                file object, a sample of a data set, an array (H x W or H x W x 3, uint8 or
                uint16), or a Pillow image; or a list of these.
            outlines: whether to trace the outline of each region.
            looks: whether to tell how each image looks, for a monitor.

        Raises:
            ImageError: one of them cannot be read, or the graph gives no finite score or map for
                it; use `predict_each` to go on with the rest.
        """
        if not isinstance(images, (list, tuple)):
            return self.predict([images], outlines=outlines, looks=looks)[0]
        results = []
        for result in self.predict_each(images, outlines=outlines, looks=looks):
            if isinstance(result, Failure):
                raise ImageError(result.error)
            results.append(result)
        return results

    def predict_each(
        self,
        images: Iterable[ImageLike | BinaryIO],
        *,
        batch: int | None = None,
        memory_bytes: int | None = None,
        outlines: bool = False,
        looks: bool = False,
    ) -> Iterator[Prediction | Failure]:
        """Judge any number of images in order; what cannot be read or judged gives a `Failure`.

        Each core reads, runs and judges an image of its own, a few ahead of use, so that none
        waits for another; an image that comes alone has all cores. Other providers are given
        images of one size that follow each other together. An image's result does not depend on
        the others.

        Args:
            images: of any number.
            batch: most images to run at once; by default what the detector found fitting.
            memory_bytes: most memory that the process may take: large images wait for each other,
                and one that alone takes more is a `Failure`. By default half of the machine's.
            outlines: whether to trace the outline of each region.
            looks: whether to tell how each image looks, for a monitor.

        Raises:
            SettingError: the model alone takes more than `memory_bytes`.
            UsageError: the model is closed.
        """
        self._runner.refuse_closed()
        working, aligned = self.facts.input.working, self.alignment is not None
        memory = judging_memory(working, self.size_bytes, memory_bytes, aligned=aligned)
        many, extras = Many(self.reader, memory), Extras(outlines, looks)
        most = batch or self.facts.detector.batch
        iterator = map(self._inputs.in_memory_or_not, images)
        first = list(islice(iterator, 2))
        every = chain(first, iterator)
        at_once = min(most, self.engine.at_once)
        if len(first) == 1 or at_once == 1:
            judge = partial(self._judge_together, extras=extras)
            return many.together(every, most, read=self.read, judge=judge)
        here = partial(self.predict_here, outlines=outlines, looks=looks)
        return many.alone(every, at_once, judge=here)

    def _judge_together(
        self, images: Sequence[Named], *, extras: Extras
    ) -> Iterator[Prediction | Failure]:
        """Judge images of one size."""
        start = time.perf_counter()
        try:
            found = self._runner.together(np.stack([image for _, image in images]), self.facts)
        except BlemishError as error:
            for path, _ in images:
                yield Failure(path, _spell_failure(path, error))
            return
        seconds = (time.perf_counter() - start) / len(images)
        for number, (path, image) in enumerate(images):
            yield self._judge.prediction(path, image, found.of(number), seconds, extras=extras)

    def predict_here(
        self, image: ImageLike, *, outlines: bool = False, looks: bool = False
    ) -> Prediction | Failure:
        """Judge an image in the thread that calls, on one core: for as many threads as there are.

        Args:
            image: as `predict` takes it.
            outlines: as there.
            looks: as there.

        Raises:
            UsageError: the model is closed.
        """
        self._runner.refuse_closed()
        path, extras = path_of(image), Extras(outlines, looks)
        try:
            array = self.read(image)
        except BlemishError as error:
            return Failure(path, str(error))
        start = time.perf_counter()
        try:
            found = self._runner.here(array, self.facts)
        except BlemishError as error:
            return Failure(path, _spell_failure(path, error))
        seconds = time.perf_counter() - start
        return self._judge.prediction(path, array, found, seconds, extras=extras)

    def read(self, given: ImageLike | BinaryIO) -> NDArray[Any]:
        """An image as this model takes it, H x W x 3. Raises `ImageError`."""
        return self._inputs.read(given)

    def raw(self, images: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Raw scores (N) and maps (N x H x W) of a stack of images, N x H x W x 3.

        They are as the graph gives them, finite or not.

        Raises:
            ModelFileError: the graph fails on them, or gives something of another shape.
        """
        found = self._runner.together(images, self.facts)
        return found.scores, found.maps

    def trace(self, image: ImageLike | BinaryIO, *names: str) -> dict[str, NDArray[Any]]:
        """What the graph holds on its way from an image to its score.

        Args:
            image: as `predict` takes it.
            names: of tensors of the graph: those that the class of the detector tells of, or any
                node's output, as `onnx` names it.

        Returns:
            The tensors by their names, without the batch's dimension.

        Raises:
            UsageError: no tensor is named, or the graph has none of that name.
            ImageError: the image cannot be read.
        """
        return dict(zip(names, self._runner.trace(self.read(image), names), strict=True))

    @property
    def extras(self) -> dict[str, str]:
        """What the file keeps besides its facts, by its key, as it is there."""
        metadata = self.session.metadata
        return {key: metadata[key] for key in EXTRAS if key in metadata}

    @property
    def fitted_on(self) -> frozenset[str]:
        """Hashes of the images that it was fitted on, left out in turn or not."""
        return frozenset(image.sha256 for image in self.facts.training.images)

    def warm_up(self, size_hw: tuple[int, int]) -> None:
        """Run once on an empty image of that size, so that the first real one is not slow."""
        self.raw(np.zeros((1, *size_hw, 3), self.image_format.dtype))

    def to_bytes(self) -> bytes:
        """The model file, for a process that has no path to it."""
        return self._data

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the model file: whole, or not at all.

        Raises:
            UsageError: there is a file already and `force` is not given.
            BlemishError: it cannot be written.
        """
        refuse_existing(Path(path), force=force)
        write_whole(Path(path), self._data)

    def part_seen(self, array: NDArray[Any]) -> NDArray[Any]:
        """What a detector sees of an array, H x W or more: the box around zones, or all of it."""
        return array if self.zones is None else array[self.zones.box]

    @property
    def corner_seen(self) -> tuple[int, int]:
        """Row and column of the pixel where that begins."""
        if self.zones is None:
            return 0, 0
        rows, columns = self.zones.box
        return rows.start, columns.start

    def appearance(self, image: NDArray[Any]) -> Appearance:
        """How an image, H x W x 3, looks to a detector, as shares of white."""
        return self._judge.appearance(image)

    def inspected(self, prediction: Prediction) -> NDArray[np.bool_] | None:
        """Which pixels of an image that was judged are inspected, H x W; `None` for all.

        With an alignment, zones lie on each image as its part does.
        """
        if self.zones is None or prediction.motion is None:
            return None if self.zones is None else self.zones.mask
        return prediction.motion.on_image(self.zones.mask)


def load(
    path: str | Path,
    *,
    engine: Engine = CPU,
    limits: ReadLimits = DEFAULT_LIMITS,
    raw: RawFormat | None = None,
) -> Model:
    """Open a model file; `with` closes it, or `Model.close`.

    Args:
        path: of the file.
        engine: what runs the graph: by default the processor, all its cores.
        limits: what an image may cost.
        raw: how the pixels lie in image files without a header; the model does not say.

    Raises:
        ModelFileError: it is missing, truncated, changed, of a newer schema, or not ours.
        UsageError: the provider is not there.
    """
    return Model(read_file(Path(path)), name=str(path), engine=engine, limits=limits, raw=raw)


def assemble(
    graph: onnx.ModelProto,
    facts: Facts,
    reader: Reader,
    engine: Engine,
    *,
    extras: Mapping[str, str] = MappingProxyType({}),
) -> Model:
    """A model from a fitted graph and what is to be said of it, to be run by an engine."""
    return Model(sign(graph, facts, extras), engine=engine, limits=reader.limits, raw=reader.raw)


def _spell_failure(path: str | None, error: BlemishError) -> str:
    return f"{path or 'the image'}: cannot be judged. {error}"
