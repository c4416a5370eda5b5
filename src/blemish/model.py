"""A model: one graph from pixels to raw score, with what it says of itself and its thresholds.

`load` opens a model file; `Model.predict` judges pictures. The graph that runs here is byte for
byte the one that was calibrated, and the one that other runtimes run.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from blemish.calibration import Calibration, Row, calibration_facts, read_calibration
from blemish.data.loading import DECODED_PIXELS, LARGEST_BATCH, read_ahead
from blemish.data.sample import Sample
from blemish.errors import BlemishError, ImageError, ModelFileError
from blemish.files import refuse_existing, write_whole
from blemish.graph.metadata import read_facts, sign, verify
from blemish.graph.session import Crew, Session
from blemish.images.header import DEFAULT_LIMITS, ReadLimits
from blemish.images.picture_format import PictureFormat
from blemish.images.read import Alpha, as_picture, read_picture
from blemish.images.regions import find_regions
from blemish.result import Prediction, Verdict

OUTPUTS = ("score", "score_map")  # of the graph, that judging needs
WAITING = 2  # results of each core that may wait for whoever takes them

if TYPE_CHECKING:
    import onnx
    from PIL import Image

    Picture = str | Path | Sample | NDArray[Any] | Image.Image


@dataclass(frozen=True)
class Failure:
    """A picture that could not be judged, and why; the others go on."""

    path: str | None
    error: str

    def to_dict(self) -> dict[str, Any]:
        """A line of `blemish predict`."""
        return {"path": self.path, "error": self.error}


class Model:
    """A fitted and calibrated detector, ready to judge.

    Args:
        data: the bytes of a model file.
        name: what to call it in errors.
        threads: of one run; by default as many as there are cores.
        provider: what runs the graph: `cpu`, `cuda`, ...

    Attributes:
        facts: what the file says of itself.
        calibration: scores of good pictures and thresholds.
        sha256: hash of the file.

    Raises:
        ModelFileError: the bytes are truncated, changed, of a newer schema, or not ours.
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
        self._data = data
        self._traces: dict[frozenset[str], Session] = {}
        self.session = Session(data, threads=threads, provider=provider)
        self.facts = read_facts(self.session.metadata, name)
        self.calibration = read_calibration(self.facts["calibration"])
        self.picture_format = PictureFormat(**self.facts["input"]["format"])
        self.alpha: Alpha = self.facts["input"]["alpha"]

    @property
    def detector(self) -> str:
        """Name of the detector that was fitted."""
        name: str = self.facts["detector"]["name"]
        return name

    @property
    def size_bytes(self) -> int:
        """Size of the model file."""
        return len(self._data)

    @overload
    def predict(self, pictures: Picture) -> Prediction: ...
    @overload
    def predict(self, pictures: list[Picture]) -> list[Prediction]: ...
    def predict(self, pictures: Picture | list[Picture]) -> Prediction | list[Prediction]:
        """Judge a picture, or several.

        Args:
            pictures: a path, a sample of a data set, an array (H x W or H x W x 3, uint8 or
                uint16), or a Pillow image; or a list of these.

        Raises:
            ImageError: one of them cannot be read; use `predict_each` to go on with the rest.
        """
        if not isinstance(pictures, (list, tuple)):
            return self.predict([pictures])[0]
        results = []
        for result in self.predict_each(pictures):
            if isinstance(result, Failure):
                raise ImageError(result.error)
            results.append(result)
        return results

    def predict_each(
        self,
        pictures: Iterable[Picture],
        *,
        batch: int | None = None,
        limits: ReadLimits = DEFAULT_LIMITS,
    ) -> Iterator[Prediction | Failure]:
        """Judge any number of pictures in order; what cannot be read gives a `Failure`.

        Each core reads, runs and judges a picture of its own, a few ahead of use, so that none
        waits for another; a picture that comes alone has all cores. Other providers are given
        pictures of one size that follow each other together. A picture's result does not depend on
        the others.

        Args:
            pictures: of any number.
            batch: most pictures to run at once; by default what the detector found fitting.
            limits: what a picture may cost.
        """
        most = batch or self.facts["detector"].get("batch", LARGEST_BATCH)
        iterator = iter(pictures)
        first = list(islice(iterator, 2))
        every = chain(first, iterator)
        at_once = min(most, self._cores)
        if len(first) == 1 or at_once == 1:
            return self._each_together(every, most, limits)
        return self._each_alone(every, at_once, limits)

    def _each_together(
        self, pictures: Iterable[Picture], most: int, limits: ReadLimits
    ) -> Iterator[Prediction | Failure]:
        """Judge pictures in batches, the next ones being decoded meanwhile."""

        def read(picture: Picture) -> NDArray[Any]:
            return self.read(picture, limits=limits)

        waiting: list[tuple[str | None, NDArray[Any]]] = []
        for source, picture in read_ahead(pictures, read):
            path = _path_of(source)
            failed = isinstance(picture, Exception)
            if waiting and (failed or not _fits(waiting, picture, most)):
                yield from self._judge(waiting)
                waiting = []
            if isinstance(picture, BlemishError):
                yield Failure(path, str(picture))
            elif isinstance(picture, Exception):
                raise picture
            else:
                waiting.append((path, picture))
        if waiting:
            yield from self._judge(waiting)

    def _each_alone(
        self, pictures: Iterable[Picture], at_once: int, limits: ReadLimits
    ) -> Iterator[Prediction | Failure]:
        """Judge pictures on a core each, from the file to the verdict."""
        crew = self._crew

        def judge(picture: Picture) -> Prediction | Failure:
            path = _path_of(picture)
            try:
                array = self.read(picture, limits=limits)
            except BlemishError as error:
                return Failure(path, str(error))
            start = time.perf_counter()
            (score,), (score_map,) = crew.run_here(OUTPUTS, image=array[None])
            seconds = (time.perf_counter() - start) / at_once
            return self._verdict(path, float(score), score_map, seconds)

        ahead = WAITING * at_once
        for _, result in read_ahead(pictures, judge, readers=at_once, most=ahead):
            if isinstance(result, Exception):
                raise result
            yield result

    def read(self, picture: Picture, *, limits: ReadLimits = DEFAULT_LIMITS) -> NDArray[Any]:
        """A picture as this model takes it, H x W x 3. Raises `ImageError`."""
        if isinstance(picture, Sample):
            array = picture.read(limits=limits, alpha=self.alpha)
            self.picture_format.check(array, str(picture.path))
        elif isinstance(picture, (str, Path)):
            array = read_picture(picture, limits=limits, alpha=self.alpha)
            self.picture_format.check(array, str(picture))
        else:
            array = as_picture(picture, limits=limits, alpha=self.alpha)
            self.picture_format.check(array)
        return array

    def raw(self, pictures: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Raw scores (N) and maps (N x H x W) of a stack of pictures, N x H x W x 3."""
        runner = self.session if len(pictures) < 2 or self._cores == 1 else self._crew
        scores, maps = runner.run(OUTPUTS, image=pictures)
        return scores, maps

    @property
    def _cores(self) -> int:
        """How many pictures can be run at once, each alone."""
        return self.session.threads if self.session.provider == "cpu" else 1

    @cached_property
    def _crew(self) -> Crew:
        return Crew(self._data, cores=self._cores)

    def trace(self, picture: Picture, *names: str) -> dict[str, NDArray[Any]]:
        """What the graph holds on its way from a picture to its score.

        Args:
            picture: as `predict` takes it.
            names: of tensors of the graph. Of PatchCore: `patches` (h x w x D), `patch_scores`
                and `nearest` (h x w: which vector of the bank). Of EfficientAd: `teacher`,
                `student`, `autoencoder` (features x h x w), `map_student`, `map_autoencoder`
                (h x w, before they are scaled). Any other node's output, as `onnx` names it.

        Returns:
            The tensors by their names, without the batch's dimension.

        Raises:
            UsageError: the graph has no tensor of that name.
            ImageError: the picture cannot be read.
        """
        from blemish.graph.trace import with_outputs

        wanted = frozenset(names)
        if wanted not in self._traces:
            graph = with_outputs(self._data, sorted(wanted))
            self._traces[wanted] = Session(graph, threads=self.session.threads)
        values = self._traces[wanted].run(list(names), image=self.read(picture)[None])
        return {name: value[0] for name, value in zip(names, values, strict=True)}

    @property
    def fitted_on(self) -> frozenset[str]:
        """Hashes of the pictures that it was fitted on, left out in turn or not."""
        return frozenset(row[1] for row in self.facts["training"]["pictures"])

    def warm_up(self, size_hw: tuple[int, int]) -> None:
        """Run once on an empty picture of that size, so that the first real one is not slow."""
        self.raw(np.zeros((1, *size_hw, 3), self.picture_format.dtype))

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the model file: whole, or not at all.

        Raises:
            UsageError: there is a file already and `force` is not given.
            BlemishError: it cannot be written.
        """
        refuse_existing(Path(path), force=force)
        write_whole(Path(path), self._data)

    def with_calibration(
        self, calibration: Calibration, pictures: Sequence[Row], defects: Sequence[Row] = ()
    ) -> Model:
        """The same graph with other thresholds.

        Args:
            calibration: the new one.
            pictures: the good ones that it rests on.
            defects: those that had a say in a threshold by costs.
        """
        import onnx

        facts = self.facts | {"calibration": calibration_facts(calibration, pictures, defects)}
        facts.pop("schema")
        graph = onnx.load_model_from_string(self._data)
        return Model(
            sign(graph, facts), threads=self.session.threads, provider=self.session.provider
        )

    def _judge(self, pictures: Sequence[tuple[str | None, NDArray[Any]]]) -> Iterator[Prediction]:
        start = time.perf_counter()
        scores, maps = self.raw(np.stack([picture for _, picture in pictures]))
        seconds = (time.perf_counter() - start) / len(pictures)
        for (path, _), score, score_map in zip(pictures, scores.tolist(), maps, strict=True):
            yield self._verdict(path, score, score_map, seconds)

    def _verdict(
        self, path: str | None, score: float, score_map: NDArray[np.float32], seconds: float
    ) -> Prediction:
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
        )


def load(path: str | Path, *, threads: int | None = None, provider: str = "cpu") -> Model:
    """Open a model file.

    Raises:
        ModelFileError: it is missing, truncated, changed, of a newer schema, or not ours.
        UsageError: the provider is not there.
    """
    return Model(_read(Path(path)), name=str(path), threads=threads, provider=provider)


def inspect(path: str | Path) -> dict[str, Any]:
    """What a model file says of itself, without making it ready to run; its hash is verified.

    Raises:
        ModelFileError: it is missing, truncated, changed, of a newer schema, or not ours.
    """
    import onnx

    data = _read(Path(path))
    sha256 = verify(data, str(path))
    model = onnx.load_model_from_string(data)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    facts = read_facts(metadata, str(path))
    outputs = [output.name for output in model.graph.output]
    return facts | {"sha256": sha256, "bytes": len(data), "outputs": outputs}


def assemble(graph: onnx.ModelProto, facts: dict[str, Any]) -> Model:
    """A model from a fitted graph and what is to be said of it."""
    return Model(sign(graph, facts))


def _path_of(picture: Picture) -> str | None:
    source = picture.path if isinstance(picture, Sample) else picture
    return str(source) if isinstance(source, (str, Path)) else None


def _fits(waiting: Sequence[tuple[Any, NDArray[Any]]], picture: Any, batch: int) -> bool:
    """Whether a picture can join those that wait."""
    first = waiting[0][1]
    most = min(batch, max(1, DECODED_PIXELS // (first.shape[0] * first.shape[1])))
    return len(waiting) < most and bool(first.shape == picture.shape)


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise ModelFileError(f"Cannot read model '{path}': it is no regular file.")
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"Cannot read model '{path}': {error.strerror}.") from error
