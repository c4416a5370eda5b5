"""A model: one graph from pixels to raw score, with what it says of itself and its thresholds.

`load` opens a model file; `Model.predict` judges images. The graph that runs here is byte for
byte the one that was calibrated, and the one that other runtimes run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, NoReturn, Self, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from blemish.alignment import Motion
from blemish.calibration import Calibration
from blemish.data.sample import Sample
from blemish.errors import (
    BlemishError,
    ImageError,
    ModelFileError,
    UsageError,
)
from blemish.files import refuse_existing, write_whole
from blemish.graph.engine import CPU, Engine
from blemish.graph.inspectable import WAYS
from blemish.graph.interface import parsed
from blemish.graph.session import Crew, Session
from blemish.graph.verdict import ALIGNMENT, DEPARTURES
from blemish.graph.zones import within_zones
from blemish.images.appearance import Appearance, appearance_of
from blemish.images.exposure import even_blocks, exposure_of, level_of
from blemish.images.format import ImageFormat
from blemish.images.glance import Typical, glance_at, look_without_place
from blemish.images.header import (
    DEFAULT_LIMITS,
    FileContent,
    FilePage,
    Reader,
    ReadLimits,
    in_memory,
    is_file_object,
    name_of,
)
from blemish.images.raw import RawFormat
from blemish.images.read import as_image, read_image
from blemish.images.regions import find_regions
from blemish.model.extras import EXTRAS, UNDO_KEY
from blemish.model.facts import SCHEMA, Facts, ZoneFacts
from blemish.model.file import (
    check_facts,
    read_facts,
    read_file,
    read_zones,
    sign,
    verify,
)
from blemish.model.history import calibrated
from blemish.model.judging import JudgingMemory, judging_memory, least_memory, path_of
from blemish.parallel import read_ahead, tell_of_forks
from blemish.result import Failure, Look, Note, Prediction, Region, ScoredImage, Verdict
from blemish.zones import Inspected

OUTPUTS = ("score", "score_map")  # of the graph, that judging needs
SAME_AS = {"brightness": {"dark", "bright"}, "contrast": {"contrast"}}  # reasons, as notes have it
WAITING = 2  # results of each core that may wait for whoever takes them

_TRY_VERIFY = "blemish inspect MODEL with verify=True tries the model on simple images."

if TYPE_CHECKING:
    import onnx

    from blemish.model.golden import GoldenImage
    from blemish.model.judging import ImageLike


Loaded = TypeVar("Loaded", Session, Crew)


class _Extras(NamedTuple):
    """What a prediction holds besides, where it is asked for."""

    outlines: bool
    looks: bool


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
        self.engine, self._data, self._name = engine, data, name
        self._closed, self._lock = False, RLock()
        self._loaded: dict[Hashable, Session | Crew] = {}
        session = self.session
        self.facts = read_facts(session.metadata, name)
        self.calibration = check_facts(data, self.facts, session.interface, name)
        self.image_format: ImageFormat = self.facts.input.format
        self.reader = Reader(limits, self.facts.input.alpha, raw)
        self.zones = read_zones(self.facts.input, name)
        self.alignment = self.facts.input.alignment
        tell_of_forks(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads and free what the graph takes; what has begun comes to its end."""
        with self._lock:
            self._closed = True
            for one in self._loaded.values():
                one.close()
            self._loaded = {}

    def in_forked_process(self) -> None:
        """Leave what belongs to the parent, and load again when needed."""
        self._lock, self._loaded = RLock(), {}

    @property
    def session(self) -> Session:
        """The graph on all cores, for one image at a time. Raises `UsageError` once closed."""
        return self._once("session", lambda: Session(self._data, self.engine))

    @property
    def _crew(self) -> Crew:
        return self._once("crew", lambda: Crew(self._data, cores=self.engine.at_once))

    def _once(self, key: Hashable, load: Callable[[], Loaded]) -> Loaded:
        """What is loaded under a key, the first time by whichever thread comes first."""
        with self._lock:
            self._refuse_closed()
            if key not in self._loaded:
                self._loaded[key] = load()
            return cast(Loaded, self._loaded[key])

    def _refuse_closed(self) -> None:
        if self._closed:
            raise UsageError(f"'{self._name}' is closed; load it again.")

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
        self._refuse_closed()
        working, aligned = self.facts.input.working, self.alignment is not None
        memory = judging_memory(working, self.size_bytes, memory_bytes, aligned=aligned)
        most, extras = batch or self.facts.detector.batch, _Extras(outlines, looks)
        iterator = map(self._in_memory_or_not, images)
        first = list(islice(iterator, 2))
        every = chain(first, iterator)
        at_once = min(most, self.engine.at_once)
        if len(first) == 1 or at_once == 1:
            return self._each_together(every, most, memory, extras)
        return self._each_alone(every, at_once, memory, extras)

    def _each_together(
        self, images: Iterable[ImageLike], most: int, memory: JudgingMemory, extras: _Extras
    ) -> Iterator[Prediction | Failure]:
        """Judge images in batches, the next ones being decoded meanwhile."""
        waiting: list[tuple[str | None, NDArray[Any]]] = []
        weigh, room = partial(memory.weigh_image, reader=self.reader), memory.room_bytes // 2
        for source, image in read_ahead(images, self.read, weigh=weigh, room=room):
            path = path_of(source)
            joins = not isinstance(image, Exception) and (
                not waiting or waiting[0][1].shape == image.shape
            )
            if waiting and not joins:
                yield from self._judge(waiting, extras)
                waiting = []
            if isinstance(image, BlemishError):
                yield Failure(path, str(image))
            elif isinstance(image, Exception):
                raise image
            else:
                waiting.append((path, image))
                if len(waiting) >= min(most, memory.most_together(image)):
                    yield from self._judge(waiting, extras)
                    waiting = []
        if waiting:
            yield from self._judge(waiting, extras)

    def _each_alone(
        self, images: Iterable[ImageLike], at_once: int, memory: JudgingMemory, extras: _Extras
    ) -> Iterator[Prediction | Failure]:
        """Judge images on a core each, from the file to the verdict."""

        def judge(image: ImageLike) -> Prediction | Failure:
            found = self.predict_here(image, outlines=extras.outlines, looks=extras.looks)
            if isinstance(found, Failure):
                return found
            return replace(found, seconds=found.seconds / at_once)

        ahead = WAITING * at_once
        weigh, room = partial(memory.weigh_image, reader=self.reader), memory.room_bytes
        for image, result in read_ahead(
            images, judge, readers=at_once, most=ahead, weigh=weigh, room=room
        ):
            if isinstance(result, BlemishError):
                yield Failure(path_of(image), str(result))
            elif isinstance(result, Exception):
                raise result
            else:
                yield result

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
        crew, path = self._crew, path_of(image)
        try:
            array = self.read(image)
        except BlemishError as error:
            return Failure(path, str(error))
        start = time.perf_counter()
        try:
            found = self._run(crew.run_here, array[None])
        except BlemishError as error:
            return Failure(path, _spell_failure(path, error))
        seconds = time.perf_counter() - start
        return self._verdict(path, array, found.of(0), seconds, extras=_Extras(outlines, looks))

    def _in_memory(self, image: ImageLike | BinaryIO) -> ImageLike:
        """An image that can be looked at more than once: of a file object, what it holds."""
        if is_file_object(image):
            return in_memory(image, self.reader.limits)
        return cast("ImageLike", image)

    def _in_memory_or_not(self, image: ImageLike | BinaryIO) -> ImageLike:
        """The same; in the place of a file object that cannot be read stands why, for `read`."""
        try:
            return self._in_memory(image)
        except ImageError as error:
            return cast("ImageLike", error)

    def read(self, given: ImageLike | BinaryIO) -> NDArray[Any]:
        """An image as this model takes it, H x W x 3. Raises `ImageError`."""
        image = self._in_memory(given)
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
            self.alignment.check((array.shape[0], array.shape[1]), name)
        elif self.zones is not None:
            self.zones.check((array.shape[0], array.shape[1]), name)
        return array

    def raw(self, images: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Raw scores (N) and maps (N x H x W) of a stack of images, N x H x W x 3.

        They are as the graph gives them, finite or not.

        Raises:
            ModelFileError: the graph fails on them, or gives something of another shape.
        """
        found = self._together(images)
        return found.scores, found.maps

    def _together(self, images: NDArray[Any]) -> _Found:
        alone = len(images) < 2 or self.engine.at_once == 1
        return self._run(self.session.run if alone else self._crew.run, images)

    def _run(self, run: Callable[..., list[NDArray[Any]]], images: NDArray[Any]) -> _Found:
        """What the graph gives; models from before give no departures, few an alignment."""
        known = {DEPARTURES: self.facts.inspectable, ALIGNMENT: self.alignment}
        asked = [name for name, facts in known.items() if facts is not None]
        scores, maps, *others = run([*OUTPUTS, *asked], image=images)
        given = dict(zip(asked, others, strict=True))
        shapes = [getattr(found, "shape", None) for found in (scores, maps)]
        departures = given.get(DEPARTURES, np.zeros((len(images), WAYS), np.float32))
        odd = getattr(departures, "shape", None) != (len(images), WAYS)
        if shapes != [images.shape[:1], images.shape[:3]] or odd:
            raise ModelFileError(
                f"The graph of '{self._name}' gives scores of shape {shapes[0]} and maps of "
                f"{shapes[1]} for images of {images.shape}; it is damaged. Fit it again."
            )
        return _Found(scores, maps, departures, given.get(ALIGNMENT))

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
        from blemish.graph.trace import with_outputs

        wanted = frozenset(names)
        session = self._once(
            wanted, lambda: Session(with_outputs(self._data, sorted(wanted)), self.engine)
        )
        array = self.read(image)
        values = session.run(list(names), image=array[None])
        return {name: value[0] for name, value in zip(names, values, strict=True)}

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
        return appearance_of(self._seen(image)).relative(self.image_format.white_level)

    def _seen(self, image: NDArray[Any]) -> NDArray[Any]:
        """What notes and looks are of: what a detector sees, or all of what it sees aligned."""
        facts = self.facts.input.zones
        if self.zones is None or facts is None or self.alignment is not None:
            return image
        return self.zones.seen(image, facts.fill)

    def within(self, zones: Inspected) -> Model:
        """The same detector, whose map is inspected within zones alone; it saw whole images.

        The score is the highest of what is inspected of the map. So those that it was calibrated by
        say nothing any more, and are not kept of the training images: it is to be calibrated anew.

        Raises:
            UsageError: the model has zones already, or these have shares, which takes a fit.
        """
        if self.zones is not None or zones.shares or self.alignment is not None:
            why = "takes no shares of zones without a fit"
            why = "has zones" if self.zones is not None else why
            why = "aligns parts, and zones lie as these do" if self.alignment is not None else why
            raise UsageError(f"'{self._name}' {why}; fit it with the zones that are wanted.")
        zones = replace(zones, cut=False)
        graph = within_zones(parsed(self._data, self._name), zones, (0, 0, 0), self.image_format)
        facts = self.facts
        images = tuple(image._replace(score=None, peak=None) for image in facts.training.images)
        facts = replace(
            facts,
            input=replace(facts.input, zones=ZoneFacts.of(zones, (0, 0, 0))),
            training=replace(facts.training, images=images),
            golden=(),
            inspectable=None,
        )
        lasting = {key: text for key, text in self.extras.items() if key != UNDO_KEY}
        return Model(
            sign(graph, facts, lasting),
            engine=self.engine,
            limits=self.reader.limits,
            raw=self.reader.raw,
        )

    def with_calibration(
        self,
        calibration: Calibration,
        scored: Sequence[ScoredImage],
        defects: Sequence[ScoredImage] = (),
    ) -> Model:
        """The same graph with other thresholds.

        Args:
            calibration: the new one.
            scored: the good images that it rests on.
            defects: those that had a say in a threshold by costs.
        """
        history = self.facts.history
        if history:
            history += (calibrated(self.sha256),)
        facts = replace(self.facts, calibration=calibration.facts(scored, defects), history=history)
        lasting = {key: text for key, text in self.extras.items() if key != UNDO_KEY}
        return self._saying(facts, lasting)

    def with_golden(self, images: Sequence[GoldenImage]) -> Model:
        """The same graph with other golden samples; `blemish.keep_golden` makes them.

        Args:
            images: in the place of those that it has.
        """
        return self._saying(replace(self.facts, golden=tuple(images)), self.extras)

    def _saying(self, facts: Facts, extras: Mapping[str, str]) -> Model:
        """The same graph, of which other things are said."""
        facts = replace(facts, schema=SCHEMA)
        return Model(
            sign(parsed(self._data, self._name), facts, extras),
            engine=self.engine,
            limits=self.reader.limits,
            raw=self.reader.raw,
        )

    def _judge(
        self, images: Sequence[tuple[str | None, NDArray[Any]]], extras: _Extras
    ) -> Iterator[Prediction | Failure]:
        start = time.perf_counter()
        try:
            found = self._together(np.stack([image for _, image in images]))
        except BlemishError as error:
            for path, _ in images:
                yield Failure(path, _spell_failure(path, error))
            return
        seconds = (time.perf_counter() - start) / len(images)
        for number, (path, image) in enumerate(images):
            yield self._verdict(path, image, found.of(number), seconds, extras=extras)

    def _reasons(
        self,
        image: NDArray[Any],
        score_map: NDArray[np.float32],
        departures: NDArray[np.float32],
        motion: Motion | None,
    ) -> tuple[Note, ...]:
        """Why an image is not inspectable; nothing where it is, or nobody tells."""
        inspectable, reasons = self.facts.inspectable, []
        if motion is not None and self.alignment is not None:
            reasons += [reason] if (reason := self.alignment.reason(motion)) else []
        if inspectable is None or (departures <= inspectable.limit).all():
            return tuple(reasons)
        height, width = score_map.shape
        blocks, beside = even_blocks((height, width)), True
        if self.zones is not None:
            blocks, beside = self.zones.points
        if motion is not None:  # points of the reference, nearly as the graph has looked at them
            blocks = motion.pixels_on_image(blocks, (height, width))
        exposure, level = exposure_of(image, (blocks, beside)), level_of(score_map, blocks)
        white_level = self.image_format.white_level
        return (*reasons, *inspectable.reasons(departures, exposure, level, white_level))

    def _notes(self, image: NDArray[Any]) -> tuple[Note, ...]:
        """What sets an image apart from all training images."""
        return self.facts.training.appearance.notes(self.appearance(image))

    @cached_property
    def _typical(self) -> Typical | None:
        looks = self.facts.training.looks
        return None if looks is None else Typical(looks.mean)

    def _look(self, image: NDArray[Any]) -> Look:
        glance, white = glance_at(self._seen(image)), self.image_format.white_level
        if self._typical is None:
            return look_without_place(glance, white_level=white)
        return self._typical.look(glance, white_level=white)

    def _regions(
        self, score_map: NDArray[np.float32], motion: Motion | None, *, outlines: bool
    ) -> tuple[Region, ...]:
        """What to show of a map, by the zones that it is in."""
        c, zones = self.calibration, self.zones
        found = find_regions(
            score_map, c.pixel_threshold, smallest_px=c.smallest_region_px, outlines=outlines
        )
        if zones is None:
            return found

        def zone_at(point_xy: tuple[int, int]) -> str:
            if motion is None:
                return zones.name_at(point_xy)
            x, y = motion.on_reference(*point_xy, zones.size_hw)
            return zones.name_near((float(x), float(y)))

        named = [replace(region, zone=zone_at(region.peak_xy)) for region in found]
        least = dict(zip(zones.names, zones.smallest_px or (1,) * len(zones.names), strict=True))
        return tuple(region for region in named if region.area_px >= least[region.zone or ""])

    def inspected(self, prediction: Prediction) -> NDArray[np.bool_] | None:
        """Which pixels of an image that was judged are inspected, H x W; `None` for all.

        With an alignment, zones lie on each image as its part does.
        """
        if self.zones is None or prediction.motion is None:
            return None if self.zones is None else self.zones.mask
        return prediction.motion.on_image(self.zones.mask)

    def _verdict(
        self,
        path: str | None,
        image: NDArray[Any],
        found: _FoundOfOne,
        seconds: float,
        *,
        extras: _Extras,
    ) -> Prediction | Failure:
        score, score_map, departures, motion = found
        if not (math.isfinite(score) and np.isfinite(score_map).all()):
            why = "the model gives no finite score and map for it (NaN or infinite)"
            return Failure(path, f"{path or 'the image'}: {why}. {_TRY_VERIFY}")
        c, reasons = self.calibration, self._reasons(image, score_map, departures, motion)
        verdict = Verdict.DEFECT if score > c.image_threshold else Verdict.GOOD
        told = {reason.code for reason in reasons}
        placed = ALIGNMENT not in told  # else nobody knows where its zones lie
        regions = self._regions(score_map, motion, outlines=extras.outlines) if placed else ()
        return Prediction(
            score=score,
            score_map=score_map,
            p_value=c.p_value(score),
            tail_p_value=c.tail_p_value(score),
            verdict=Verdict.NOT_INSPECTABLE if reasons else verdict,
            regions=regions,
            seconds=seconds,
            path=path,
            notes=tuple(n for n in self._notes(image) if not told & SAME_AS.get(n.code, set())),
            look=self._look(image) if extras.looks else None,
            reasons=reasons,
            motion=motion,
        )


class _Found(NamedTuple):
    """What a graph gives of some images."""

    scores: NDArray[np.float32]
    maps: NDArray[np.float32]
    departures: NDArray[np.float32]
    motions: NDArray[np.float32] | None

    def of(self, number: int) -> _FoundOfOne:
        """What it gives of one."""
        motion = None if self.motions is None else Motion.of_output(self.motions[number])
        return _FoundOfOne(
            float(self.scores[number]), self.maps[number], self.departures[number], motion
        )


class _FoundOfOne(NamedTuple):
    """The same of one image."""

    score: float
    score_map: NDArray[np.float32]
    departures: NDArray[np.float32]
    motion: Motion | None


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
