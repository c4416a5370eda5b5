"""A model: one graph from pixels to raw score, with what it says of itself and its thresholds.

`load` opens a model file; `Model.predict` judges images. The graph that runs here is byte for
byte the one that was calibrated, and the one that other runtimes run.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, overload
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from blemish.calibration import Calibration, Row, calibration_facts, read_stated
from blemish.data.loading import LARGEST_BATCH
from blemish.data.sample import Sample
from blemish.errors import (
    BlemishError,
    ImageError,
    ModelFileError,
    UsageError,
)
from blemish.files import refuse_existing, write_whole
from blemish.graph.interface import Values, check_interface, interface_of, parsed
from blemish.graph.session import Crew, Session
from blemish.graph.verdict import check_verdict
from blemish.images.appearance import appearance_of
from blemish.images.format import ImageFormat
from blemish.images.header import DEFAULT_LIMITS, ReadLimits
from blemish.images.read import Alpha, as_image, read_image
from blemish.images.regions import find_regions
from blemish.images.usual import Usual, read_usual
from blemish.model.facts import Facts
from blemish.model.file import read_facts, read_file, sign, verify
from blemish.model.judging import JudgingMemory, judging_memory, path_of
from blemish.parallel import read_ahead
from blemish.result import Failure, Note, Prediction, Verdict

OUTPUTS = ("score", "score_map")  # of the graph, that judging needs
WAITING = 2  # results of each core that may wait for whoever takes them

_TRY_VERIFY = "blemish inspect MODEL with verify=True tries the model on simple images."

if TYPE_CHECKING:
    import onnx

    from blemish.model.judging import ImageLike


_live: WeakSet[Model] = WeakSet()


class Model:
    """A fitted and calibrated detector, ready to judge, also in processes forked from this one.

    Args:
        data: the bytes of a model file.
        name: what to call it in errors.
        threads: of one run; by default as many as there are cores.
        provider: what runs the graph: `cpu`, `cuda`, ...

    Attributes:
        facts: what the file says of itself.
        calibration: scores of good images and thresholds.
        sha256: hash of the file.

    Raises:
        ModelFileError: the bytes are truncated, changed, of a newer schema, or not ours, or they
            contradict themselves.
    """

    def __init__(
        self,
        data: bytes,
        *,
        name: str = "the model",
        threads: int | None = None,
        provider: str = "cpu",
    ) -> None:
        self.sha256 = verify(data, name)
        self._data, self._name = data, name
        self._threads, self._provider = threads, provider
        self._traces: dict[frozenset[str], Session] = {}
        self.facts = read_facts(self.session.metadata, name)
        self.calibration, self._usual = _checked(data, self.facts, self.session.interface, name)
        self.image_format = ImageFormat(**self.facts["input"]["format"])
        self.alpha: Alpha = self.facts["input"]["alpha"]
        _live.add(self)

    @cached_property
    def session(self) -> Session:
        """The graph on all cores, for one image at a time."""
        return Session(self._data, threads=self._threads, provider=self._provider)

    @cached_property
    def _crew(self) -> Crew:
        return Crew(self._data, cores=self._cores)

    def _open_anew(self) -> None:
        """In a forked process: leave what belongs to the parent, and load again when needed."""
        for name in ("session", "_crew"):
            self.__dict__.pop(name, None)
        self._traces = {}

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            "A model cannot be pickled or copied. Hand the path of its file to the other process, "
            "and blemish.load it there; in forked processes it works as it is."
        )

    @property
    def detector(self) -> str:
        """Name of the detector that was fitted."""
        return self.facts["detector"]["name"]

    @property
    def size_bytes(self) -> int:
        """Size of the model file."""
        return len(self._data)

    @overload
    def predict(self, images: ImageLike, *, limits: ReadLimits = ...) -> Prediction: ...
    @overload
    def predict(self, images: list[ImageLike], *, limits: ReadLimits = ...) -> list[Prediction]: ...
    def predict(
        self, images: ImageLike | list[ImageLike], *, limits: ReadLimits = DEFAULT_LIMITS
    ) -> Prediction | list[Prediction]:
        """Judge an image, or several.

        Args:
            images: a path, a sample of a data set, an array (H x W or H x W x 3, uint8 or
                uint16), or a Pillow image; or a list of these.
            limits: what an image may cost.

        Raises:
            ImageError: one of them cannot be read, or the graph gives no finite score or map for
                it; use `predict_each` to go on with the rest.
        """
        if not isinstance(images, (list, tuple)):
            return self.predict([images], limits=limits)[0]
        results = []
        for result in self.predict_each(images, limits=limits):
            if isinstance(result, Failure):
                raise ImageError(result.error)
            results.append(result)
        return results

    def predict_each(
        self,
        images: Iterable[ImageLike],
        *,
        batch: int | None = None,
        limits: ReadLimits = DEFAULT_LIMITS,
        memory_bytes: int | None = None,
    ) -> Iterator[Prediction | Failure]:
        """Judge any number of images in order; what cannot be read or judged gives a `Failure`.

        Each core reads, runs and judges an image of its own, a few ahead of use, so that none
        waits for another; an image that comes alone has all cores. Other providers are given
        images of one size that follow each other together. An image's result does not depend on
        the others.

        Args:
            images: of any number.
            batch: most images to run at once; by default what the detector found fitting.
            limits: what an image may cost.
            memory_bytes: most memory that the process may take: large images wait for each other,
                and one that alone takes more is a `Failure`. By default half of the machine's.

        Raises:
            SettingError: the model alone takes more than `memory_bytes`.
        """
        memory = judging_memory(self.facts, self.size_bytes, memory_bytes)
        most = batch or self.facts["detector"].get("batch", LARGEST_BATCH)
        iterator = iter(images)
        first = list(islice(iterator, 2))
        every = chain(first, iterator)
        at_once = min(most, self._cores)
        if len(first) == 1 or at_once == 1:
            return self._each_together(every, most, limits, memory)
        return self._each_alone(every, at_once, limits, memory)

    def _each_together(
        self, images: Iterable[ImageLike], most: int, limits: ReadLimits, memory: JudgingMemory
    ) -> Iterator[Prediction | Failure]:
        """Judge images in batches, the next ones being decoded meanwhile."""

        def read(image: ImageLike) -> NDArray[Any]:
            return self.read(image, limits=limits)

        waiting: list[tuple[str | None, NDArray[Any]]] = []
        weigh, room = partial(memory.weigh_image, limits=limits), memory.room_bytes // 2
        for source, image in read_ahead(images, read, weigh=weigh, room=room):
            path = path_of(source)
            joins = not isinstance(image, Exception) and (
                not waiting or waiting[0][1].shape == image.shape
            )
            if waiting and not joins:
                yield from self._judge(waiting)
                waiting = []
            if isinstance(image, BlemishError):
                yield Failure(path, str(image))
            elif isinstance(image, Exception):
                raise image
            else:
                waiting.append((path, image))
                if len(waiting) >= min(most, memory.most_together(image)):
                    yield from self._judge(waiting)
                    waiting = []
        if waiting:
            yield from self._judge(waiting)

    def _each_alone(
        self, images: Iterable[ImageLike], at_once: int, limits: ReadLimits, memory: JudgingMemory
    ) -> Iterator[Prediction | Failure]:
        """Judge images on a core each, from the file to the verdict."""
        crew = self._crew

        def judge(image: ImageLike) -> Prediction | Failure:
            path = path_of(image)
            try:
                array = self.read(image, limits=limits)
            except BlemishError as error:
                return Failure(path, str(error))
            start = time.perf_counter()
            try:
                (score,), (score_map,) = self._run(crew.run_here, array[None])
            except BlemishError as error:
                return Failure(path, _spell_failure(path, error))
            seconds = (time.perf_counter() - start) / at_once
            return self._verdict(path, array, float(score), score_map, seconds)

        ahead = WAITING * at_once
        weigh, room = partial(memory.weigh_image, limits=limits), memory.room_bytes
        for image, result in read_ahead(
            images, judge, readers=at_once, most=ahead, weigh=weigh, room=room
        ):
            if isinstance(result, BlemishError):
                yield Failure(path_of(image), str(result))
            elif isinstance(result, Exception):
                raise result
            else:
                yield result

    def read(self, image: ImageLike, *, limits: ReadLimits = DEFAULT_LIMITS) -> NDArray[Any]:
        """An image as this model takes it, H x W x 3. Raises `ImageError`."""
        if isinstance(image, Sample):
            array = image.read(limits=limits, alpha=self.alpha)
            self.image_format.check(array, str(image.path))
        elif isinstance(image, (str, Path)):
            array = read_image(image, limits=limits, alpha=self.alpha)
            self.image_format.check(array, str(image))
        else:
            array = as_image(image, limits=limits, alpha=self.alpha)
            self.image_format.check(array)
        return array

    def raw(self, images: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Raw scores (N) and maps (N x H x W) of a stack of images, N x H x W x 3.

        They are as the graph gives them, finite or not.

        Raises:
            ModelFileError: the graph fails on them, or gives something of another shape.
        """
        alone = len(images) < 2 or self._cores == 1
        return self._run(self.session.run if alone else self._crew.run, images)

    def _run(
        self, run: Callable[..., list[NDArray[Any]]], images: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        scores, maps = run(OUTPUTS, image=images)
        if scores.shape != images.shape[:1] or maps.shape != images.shape[:3]:
            raise ModelFileError(
                f"The graph of '{self._name}' gives scores of shape {scores.shape} and maps of "
                f"{maps.shape} for images of {images.shape}; it is damaged. Fit it again."
            )
        return scores, maps

    @property
    def _cores(self) -> int:
        """How many images can be run at once, each alone."""
        return self.session.threads if self.session.provider == "cpu" else 1

    def trace(
        self, image: ImageLike, *names: str, limits: ReadLimits = DEFAULT_LIMITS
    ) -> dict[str, NDArray[Any]]:
        """What the graph holds on its way from an image to its score.

        Args:
            image: as `predict` takes it.
            names: of tensors of the graph: those that the class of the detector tells of, or any
                node's output, as `onnx` names it.
            limits: what the image may cost.

        Returns:
            The tensors by their names, without the batch's dimension.

        Raises:
            UsageError: the graph has no tensor of that name.
            ImageError: the image cannot be read.
        """
        from blemish.graph.trace import with_outputs

        wanted = frozenset(names)
        if wanted not in self._traces:
            graph = with_outputs(self._data, sorted(wanted))
            self._traces[wanted] = Session(graph, threads=self.session.threads)
        array = self.read(image, limits=limits)
        values = self._traces[wanted].run(list(names), image=array[None])
        return {name: value[0] for name, value in zip(names, values, strict=True)}

    @property
    def fitted_on(self) -> frozenset[str]:
        """Hashes of the images that it was fitted on, left out in turn or not."""
        return frozenset(row[1] for row in self.facts["training"]["images"])

    def warm_up(self, size_hw: tuple[int, int]) -> None:
        """Run once on an empty image of that size, so that the first real one is not slow."""
        self.raw(np.zeros((1, *size_hw, 3), self.image_format.dtype))

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the model file: whole, or not at all.

        Raises:
            UsageError: there is a file already and `force` is not given.
            BlemishError: it cannot be written.
        """
        refuse_existing(Path(path), force=force)
        write_whole(Path(path), self._data)

    def with_calibration(
        self, calibration: Calibration, images: Sequence[Row], defects: Sequence[Row] = ()
    ) -> Model:
        """The same graph with other thresholds.

        Args:
            calibration: the new one.
            images: the good ones that it rests on.
            defects: those that had a say in a threshold by costs.
        """
        kept = {name: fact for name, fact in self.facts.items() if name != "schema"}
        facts = kept | {"calibration": calibration_facts(calibration, images, defects)}
        return Model(
            sign(parsed(self._data, self._name), facts),
            threads=self.session.threads,
            provider=self.session.provider,
        )

    def _judge(
        self, images: Sequence[tuple[str | None, NDArray[Any]]]
    ) -> Iterator[Prediction | Failure]:
        start = time.perf_counter()
        try:
            scores, maps = self.raw(np.stack([image for _, image in images]))
        except BlemishError as error:
            for path, _ in images:
                yield Failure(path, _spell_failure(path, error))
            return
        seconds = (time.perf_counter() - start) / len(images)
        for (path, image), score, score_map in zip(images, scores.tolist(), maps, strict=True):
            yield self._verdict(path, image, score, score_map, seconds)

    def _notes(self, image: NDArray[Any]) -> tuple[Note, ...]:
        """What sets an image apart from all training images."""
        return self._usual.notes(appearance_of(image).relative(self.image_format.white_level))

    def _verdict(
        self,
        path: str | None,
        image: NDArray[Any],
        score: float,
        score_map: NDArray[np.float32],
        seconds: float,
    ) -> Prediction | Failure:
        if not (math.isfinite(score) and np.isfinite(score_map).all()):
            why = "the model gives no finite score and map for it (NaN or infinite)"
            return Failure(path, f"{path or 'the image'}: {why}. {_TRY_VERIFY}")
        c = self.calibration
        return Prediction(
            score=score,
            score_map=score_map,
            p_value=c.p_value(score),
            tail_p_value=c.tail_p_value(score),
            verdict=Verdict.DEFECT if score > c.image_threshold else Verdict.GOOD,
            regions=find_regions(score_map, c.pixel_threshold, smallest_px=c.smallest_region_px),
            seconds=seconds,
            path=path,
            notes=self._notes(image),
        )


def _open_all_anew() -> None:
    for model in list(_live):
        model._open_anew()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_open_all_anew)


def load(path: str | Path, *, threads: int | None = None, provider: str = "cpu") -> Model:
    """Open a model file.

    Raises:
        ModelFileError: it is missing, truncated, changed, of a newer schema, or not ours.
        UsageError: the provider is not there.
    """
    return Model(read_file(Path(path)), name=str(path), threads=threads, provider=provider)


def inspect(path: str | Path) -> dict[str, Any]:
    """What a model file says of itself, without making it ready to run; its hash is verified.

    Raises:
        ModelFileError: it is missing, truncated, changed, of a newer schema, or not ours.
    """
    name, data = str(path), read_file(Path(path))
    sha256 = verify(data, name)
    model = parsed(data, name)
    facts = read_facts({entry.key: entry.value for entry in model.metadata_props}, name)
    _checked(data, facts, interface_of(model), name)
    outputs = [output.name for output in model.graph.output]
    return {**facts, "sha256": sha256, "bytes": len(data), "outputs": outputs}


def _checked(
    data: bytes, facts: Facts, interface: tuple[Values, Values], name: str
) -> tuple[Calibration, Usual]:
    """What judging needs of a model file's facts, once they agree with each other and the graph."""
    check_interface(*interface, bit_depth=facts["input"]["format"]["bit_depth"], name=name)
    calibration = read_stated(facts["calibration"], name)
    check_verdict(
        data,
        name,
        image_threshold=calibration.image_threshold,
        pixel_threshold=calibration.pixel_threshold,
    )
    return calibration, read_usual(facts["training"], name)


def assemble(graph: onnx.ModelProto, facts: dict[str, Any]) -> Model:
    """A model from a fitted graph and what is to be said of it."""
    return Model(sign(graph, facts))


def _spell_failure(path: str | None, error: BlemishError) -> str:
    return f"{path or 'the image'}: cannot be judged. {error}"
