"""Good images that were rejected, learned; training images, forgotten; either undone: in seconds.

Nothing is fitted. The bank of the model gets some patches more or has some fewer, and all else in
its graph stays as it is. More good patches can only lower a score, so the thresholds of the model
promise what they did; fewer can raise one, so after forgetting the promise is open until the
model is calibrated on good images that it has not seen.

A new model is made from an old one, which stays as it is: the file says what was done, and holds
what it takes to make the old file again, byte for byte.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.calibration import CalibrationRequest, calibrate, with_rate
from blemish.calibration.facts import CalibrationFacts
from blemish.data.sample import Sample
from blemish.detectors.contract import Banks, Teachable
from blemish.detectors.origins import PLACE, Origins, cells_inside, cells_of
from blemish.detectors.registry import detector_class
from blemish.errors import ModelFileError, UsageError, did_you_mean, raise_all
from blemish.graph.interface import parsed
from blemish.graph.working_size import WorkingSize
from blemish.images.header import FilePage
from blemish.images.overlay import encode_jpeg
from blemish.images.regions import find_regions
from blemish.model.delta import DeltaError, applied, delta
from blemish.model.extras import (
    NO_ORIGINS,
    ORIGINS_KEY,
    THUMBNAILS_KEY,
    UNDO_KEY,
    origins_text,
    read_origins,
    read_thumbnails,
    without_images,
)
from blemish.model.facts import SCHEMA, Facts, FittedImage
from blemish.model.file import LARGEST_FILE, sign, verify
from blemish.model.history import Step, StepImage
from blemish.model.model import Model
from blemish.progress import LoggedProgress, Progress
from blemish.result import Verdict
from blemish.wording import counted, first_few

if TYPE_CHECKING:
    import onnx

    Vectors = NDArray[np.float32]
    Given = str | Path | FilePage

DEVIATIONS = "deviations"  # patch scores told by their place, where they are
BEFORE = ", before images were forgotten"  # ends how scores were had
MOST_NAMED = 5
_SIZE = struct.Struct("<Q")  # bytes of a file before the first of its texts


def learn(
    model: Model,
    images: Sequence[Given],
    *,
    whole: bool = False,
    because: str = "",
    progress: Progress | None = None,
) -> Model:
    """Add to a model what good images have that it rejects.

    Of each image the patches of its regions (of an image rejected without one, those above the
    threshold) join the bank, as few as it takes for the others of them to score no more than good
    patches do on the mean. The thresholds stay, and promise what they did.

    Args:
        model: of PatchCore; stays as it is.
        images: files of images that are good.
        whole: learn all of each image, rejected or not, and not only its regions.
        because: the reason, for the record.
        progress: told of stages and of what a user must hear.

    Raises:
        UsageError: the detector has no bank, or no image has anything to be learned.
        ImageError: an image cannot be read, or is of another format than the model takes.
        ModelFileError: the model does not know where its bank comes from.
    """
    progress = progress or LoggedProgress()
    taught = _Bank.of(model)
    samples = _samples(images)
    found, idle = taught.begun(), []
    with progress.stage("learn", len(samples)) as advance:
        for sample in samples:
            if not found.add(sample, whole=whole):
                idle.append(sample.id)
            advance(1)
    if idle:
        told = f"nothing to learn in {first_few(idle, MOST_NAMED)}: no region, and not rejected"
        if len(idle) == len(samples):
            raise UsageError(f"There is {told}; 'whole' learns all of an image.", parameter="whole")
        progress.say(f"There is {told}.")
    new = taught.learned(found, whole=whole, because=because)
    for sample in samples:
        if sample.id not in idle:
            _tell_if_rejected(new, sample, progress)
    if not taught.banks.map_follows:
        progress.say(
            "The map is made by a trained net, which may rise where distances fall: how many good "
            "images show a region is open until the model is calibrated."
        )
    return new


def forget(
    model: Model, images: Sequence[Given], *, because: str = "", progress: Progress | None = None
) -> Model:
    """Take training images out of a model: their patches leave its bank.

    Thresholds are set anew from the left-out scores of the images that stay. These met banks that
    may have held what is gone, so what they promise is open until the model is calibrated.

    Args:
        model: of PatchCore; stays as it is.
        images: ids of training images, as the model knows them, or files of these.
        because: the reason, for the record.
        progress: told of what a user must hear.

    Raises:
        UsageError: the detector has no bank, an image was not learned from, or none would be left.
        ModelFileError: the model does not know where its bank comes from.
    """
    progress = progress or LoggedProgress()
    new = _Bank.of(model).forgotten(_numbers(model.facts, images), because, progress)
    progress.say(
        "Without them scores of good images can be higher: what the thresholds promise is open "
        "until the model is calibrated on good images that it has not seen."
    )
    return new


def undo(model: Model) -> bytes:
    """The file that a model was made from by `learn` or `forget`, byte for byte.

    Raises:
        UsageError: it was made by neither, or calibrated since.
        ModelFileError: it does not hold what it should.
    """
    facts, extras = model.facts, model.extras
    if not facts.history:
        raise UsageError("There is nothing to undo: the model is as it was fitted or calibrated.")
    if UNDO_KEY not in extras:
        raise UsageError(
            "The model was calibrated since it was last taught, which cannot be undone; undo the "
            "one that it was calibrated from."
        )
    return _parent(model.to_bytes(), extras[UNDO_KEY], facts.history[-1].parent)


@dataclass(frozen=True, eq=False)
class _Bank:
    """A model with its banks, and where their vectors come from."""

    model: Model
    graph: onnx.ModelProto
    banks: Banks
    origins: Origins

    @classmethod
    def of(cls, model: Model) -> _Bank:
        """Raises `UsageError`, `ModelFileError`."""
        detector = model.facts.detector
        kind: Any = detector_class(detector.name)
        if not isinstance(kind, Teachable):
            raise UsageError(
                f"{detector.name} keeps no patches of its images, so nothing can be added or taken "
                "out: set other thresholds (blemish calibrate), or fit again with other images."
            )
        images = len(model.facts.training.images)
        origins = read_origins(model.extras, images=images, name="the model")
        graph = parsed(model.to_bytes(), "the model")
        banks = kind.banks_of(graph, detector.settings, detector.details)
        sizes = {name: len(vectors) for name, vectors in banks.vectors.items()}
        if sizes != {name: len(places) for name, places in origins.places.items()}:
            raise ModelFileError(NO_ORIGINS)
        return cls(model, graph, banks, origins)

    @cached_property
    def working(self) -> WorkingSize:
        """How images are resized."""
        known = self.model.facts.input.working
        return WorkingSize(known.size_hw, known.resize, self.origins.multiple)

    def begun(self) -> _Additions:
        """Nothing learned yet."""
        return _Additions(self, {name: [] for name in self.banks.vectors}, [], [], {})

    def learned(self, found: _Additions, *, whole: bool, because: str) -> Model:
        """The model with what was found."""
        facts, origins = self.model.facts, self.origins
        banks, places = {}, {}
        for name, added in found.vectors.items():
            banks[name] = np.concatenate([self.banks.vectors[name], *(v for v, _ in added)])
            places[name] = np.concatenate([origins.places[name], *(p for _, p in added)])
        known = {image.sha256 for image in facts.training.images}
        new = [image for image in found.images if image.sha256 not in known]
        images = (*facts.training.images, *(FittedImage(*image, None, None) for image in new))
        sizes = [*origins.sizes_hw, *found.sizes_hw]
        return self._made(
            banks,
            replace(origins, places=places, sizes_hw=sizes),
            replace(facts, training=replace(facts.training, images=images)),
            self._step("learn", found.images, banks, because, whole=whole),
            found.thumbnails,
        )

    def forgotten(self, numbers: Sequence[int], because: str, progress: Progress) -> Model:
        """The model without some of its images."""
        facts = self.model.facts
        gone = np.zeros(len(facts.training.images), np.bool_)
        gone[list(numbers)] = True
        origins, stay = without_images(self.origins, gone)
        banks = {name: self.banks.vectors[name][rows] for name, rows in stay.items()}
        if not all(len(vectors) for vectors in banks.values()):
            raise UsageError("The whole bank comes from these images; fit again without them.")
        every = facts.training.images
        stays = [image for image, out in zip(every, gone, strict=True) if not out]
        # What they scored when left out, they did by banks that may have held what is gone.
        images = tuple(image._replace(score=None, peak=None) for image in stays)
        names = [StepImage(every[n].id, every[n].sha256) for n in numbers]
        hashes = {image.sha256 for image in names}
        suspicious = facts.training.suspicious
        if suspicious:
            left = tuple(one for one in suspicious.images if one.sha256 not in hashes)
            suspicious = replace(suspicious, images=left)
        training = replace(facts.training, images=images, suspicious=suspicious)
        calibration = _without(self.model, hashes, progress)
        step = self._step("forget", names, banks, because)
        return self._made(
            banks, origins, replace(facts, training=training, calibration=calibration), step, {}
        )

    def _step(
        self,
        kind: Any,
        images: Sequence[StepImage],
        banks: Mapping[str, Vectors],
        because: str,
        *,
        whole: bool = False,
    ) -> Step:
        before = sum(len(vectors) for vectors in self.banks.vectors.values())
        more = sum(len(vectors) for vectors in banks.values()) - before
        holds = kind == "learn"
        return Step(
            kind=kind,
            parent=self.model.sha256,
            images=tuple(images),
            whole=whole,
            added=max(more, 0),
            removed=max(-more, 0),
            because=because,
            verdict_holds=holds or not more,
            regions_hold=(holds and self.banks.map_follows) or not more,
        )

    def _made(
        self,
        banks: Mapping[str, Vectors],
        origins: Origins,
        facts: Facts,
        step: Step,
        thumbnails: Mapping[str, bytes],
    ) -> Model:
        graph = self.banks.replaced(banks, patches=self._patches())
        facts = replace(facts, schema=SCHEMA, history=(*facts.history, step))
        extras = {ORIGINS_KEY: origins_text(origins)}
        if small := read_thumbnails(self.model.extras, "the model"):
            there = {image.sha256 for image in facts.training.images}
            jpeg = {sha256: one for sha256, one in small.jpeg.items() if sha256 in there}
            extras[THUMBNAILS_KEY] = replace(small, jpeg=jpeg | dict(thumbnails)).to_text()
        old = self.model.to_bytes()
        extras[UNDO_KEY] = _undo_text(old, sign(graph, facts, extras))
        data = sign(graph, facts, extras)
        model = Model(
            data,
            engine=self.model.engine,
            limits=self.model.reader.limits,
            raw=self.model.reader.raw,
        )
        if undo(model) != old:
            raise ModelFileError("What was done could not be undone, so nothing is; report this.")
        return model

    def _patches(self) -> dict[str, int]:
        """How many patches a batch of images has for each bank."""
        blank = np.zeros((*self.origins.sizes_hw[0], 3), self.model.image_format.dtype)
        names = [self.banks.tensors(name)[1] for name in self.banks.vectors]
        grids = self.model.trace(blank, *names)
        batch = self.model.facts.detector.batch
        sizes = (batch * grids[name].size for name in names)
        return dict(zip(self.banks.vectors, sizes, strict=True))


@dataclass(frozen=True, eq=False)
class _Additions:
    """What images have that a bank has not, gathered one image after the other.

    Attributes:
        bank: that it is to be added to.
        vectors: of each bank, those of each image with where they come from.
        images: that were learned.
        sizes_hw: of those that the model did not know.
        thumbnails: of the images, where the model keeps some, by the hashes of their files.
    """

    bank: _Bank
    vectors: dict[str, list[tuple[Vectors, NDArray[np.void]]]]
    images: list[StepImage]
    sizes_hw: list[tuple[int, int]]
    thumbnails: dict[str, bytes]

    def add(self, sample: Sample, *, whole: bool) -> bool:
        """What an image has, if anything. Raises `ImageError`."""
        bank, model = self.bank, self.bank.model
        image = model.read(sample)
        found = _Seen.of(bank, image)
        flagged = found.flagged(model)
        picked = {}
        for name in self.vectors:
            before = [vectors for vectors, _ in self.vectors[name]]
            picked[name] = found.missing(name, before, None if whole else flagged)
        if not any(len(rows) for rows in picked.values()):
            return False
        number = self._number(sample, image.shape[:2])
        for name, rows in picked.items():
            grid = found.patches[name]
            places = np.zeros(len(rows), PLACE)
            places["image"] = number
            places["row"], places["column"] = rows // grid.shape[1], rows % grid.shape[1]
            self.vectors[name].append((grid.reshape(-1, grid.shape[2])[rows], places))
        self.images.append(StepImage(sample.id, sample.sha256))
        if small := read_thumbnails(model.extras, "the model"):
            self.thumbnails[sample.sha256] = encode_jpeg(image, long_side_px=small.side_px)
        return True

    def _number(self, sample: Sample, size_hw: tuple[int, ...]) -> int:
        """Of the image among those that the model was fitted on or has learned."""
        known = self.bank.model.facts.training.images
        for number, one in enumerate(known):
            if one.sha256 == sample.sha256:
                return number
        self.sizes_hw.append((size_hw[0], size_hw[1]))
        return len(known) + len(self.sizes_hw) - 1


@dataclass(frozen=True, eq=False)
class _Seen:
    """An image as a graph sees it on its way.

    Attributes:
        bank: of the model.
        size_hw: of the image.
        values: tensors of the graph, by their names.
        patches, scores: of each bank: h x w x D, and h x w.
    """

    bank: _Bank
    size_hw: tuple[int, int]
    values: Mapping[str, NDArray[Any]]
    patches: Mapping[str, Vectors]
    scores: Mapping[str, NDArray[np.float32]]

    @classmethod
    def of(cls, bank: _Bank, image: NDArray[Any]) -> _Seen:
        """Run the graph on an image, H x W x 3."""
        names = {name: bank.banks.tensors(name) for name in bank.banks.vectors}
        given = {output for node in bank.graph.graph.node for output in node.output}
        wanted = {"score", "score_map", *(n for pair in names.values() for n in pair)}
        wanted |= {DEVIATIONS} & given
        values = bank.model.trace(image, *sorted(wanted))
        return cls(
            bank,
            (image.shape[0], image.shape[1]),
            values,
            {name: values[patches] for name, (patches, _) in names.items()},
            {name: values[scores] for name, (_, scores) in names.items()},
        )

    def flagged(self, model: Model) -> dict[str, NDArray[np.bool_]]:
        """Which cells of each bank's grid lie in regions, or are why the image is rejected."""
        c, score_map = model.calibration, self.values["score_map"]
        inside = np.zeros(score_map.shape, np.bool_)
        for region in find_regions(score_map, c.pixel_threshold, smallest_px=c.smallest_region_px):
            x0, y0, x1, y1 = region.box_xyxy
            inside[y0:y1, x0:x1] |= score_map[y0:y1, x0:x1] > c.pixel_threshold
        cells = {
            name: cells_of(inside, grid.shape, self.bank.working)
            for name, grid in self.scores.items()
        }
        if self.values["score"] > c.image_threshold:
            first, told = next(iter(cells)), self.values.get(DEVIATIONS)
            loud = self.scores[first] if told is None else told
            cells[first] |= (loud > c.image_threshold) & self._inside(loud.shape)
        return cells

    def missing(
        self, name: str, before: Sequence[Vectors], flagged: Mapping[str, NDArray[np.bool_]] | None
    ) -> NDArray[np.intp]:
        """Which cells a bank needs so that the others score no more than what is usual.

        Args:
            name: of the bank.
            before: what it has got already since the graph was made.
            flagged: cells that are to be covered; `None` for all.
        """
        grid = self.scores[name]
        inside = self._inside(grid.shape)
        chosen = inside if flagged is None else flagged[name]
        usual = self._usual(name, chosen, inside)
        rows = np.flatnonzero(chosen)
        vectors = self.patches[name].reshape(grid.size, -1)[rows]
        far = grid.reshape(-1)[rows].astype(np.float32)
        for others in before:
            for start in range(0, len(others), 64):
                gaps = vectors[:, None] - others[None, start : start + 64]
                far = np.minimum(far, self._as_scores(gaps).min(axis=1))
        excess = usual.reshape(-1)[rows]
        picked: list[int] = []
        while len(rows) and (far - excess).max() > 0:
            farthest = int((far - excess).argmax())
            picked.append(farthest)
            far = np.minimum(far, self._as_scores(vectors - vectors[farthest]))
            far[farthest] = min(far[farthest], excess[farthest])
        return rows[picked]

    def _usual(
        self, name: str, chosen: NDArray[np.bool_], inside: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """What a cell may score at most: the mean of good ones, or the median of the image's."""
        shape = (chosen.shape[0], chosen.shape[1])
        known = self.bank.banks.usual(name, shape)
        if known is not None:
            return known
        others = self.scores[name][inside & ~chosen]
        if not len(others):
            others = self.scores[name][inside]
        return np.full(shape, np.median(others), np.float32)

    def _as_scores(self, gaps: Vectors) -> NDArray[np.float32]:
        squared: NDArray[np.float32] = np.einsum("...d,...d->...", gaps, gaps)
        return squared if self.bank.banks.squared else np.sqrt(squared)

    def _inside(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Which cells show the image."""
        return cells_inside(self.size_hw, shape, self.bank.working)


def _without(model: Model, hashes: set[str], progress: Progress) -> CalibrationFacts:
    """The calibration of a model without the scores of some images."""
    known = model.facts.calibration
    left = [image for image in known.scored if image.sha256 not in hashes]
    if known.costs or len(left) < 2:
        return known
    request = CalibrationRequest(None, None, known.smallest_region_px, known.tails is not None)
    request = with_rate(request, len(left), progress, default=known.false_alarm_rate)
    if known.region_rate != known.false_alarm_rate:
        lowest = 1 / (len(left) + 1)
        request = replace(request, region_rate=max(known.region_rate, lowest))
    found = calibrate(
        [image.score for image in left],
        [image.peak for image in left],
        method=known.method.removesuffix(BEFORE) + BEFORE,
        request=request,
        dropped=known.dropped,
    )
    return found.facts(left)


def _samples(images: Sequence[Given]) -> list[Sample]:
    """Good images by their files, each content once."""
    if not images:
        raise UsageError("Name at least one image.")
    pages = [one if isinstance(one, FilePage) else FilePage(Path(one)) for one in images]
    found = [Sample(str(p), p.path, "train", "good", "good", page=p.page) for p in pages]
    return list({sample.sha256: sample for sample in reversed(found)}.values())[::-1]


def _numbers(facts: Facts, images: Sequence[Given]) -> list[int]:
    """Which training images are meant, rising. Raises `UsageError` for those that are none."""
    every = facts.training.images
    by_id: dict[str, list[int]] = {}
    for number, image in enumerate(every):
        by_id.setdefault(image.id, []).append(number)
    by_hash = {image.sha256: number for number, image in enumerate(every)}
    found, problems = set(), []
    for given in images:
        name = str(given)
        if len(by_id.get(name, [])) == 1:
            found.add(by_id[name][0])
        elif name in by_id:
            problems.append(f"Several images were learned as '{name}'; name the file.")
        elif (sha256 := _hash_of_file(given)) in by_hash:
            found.add(by_hash[sha256])
        else:
            problems.append(
                f"'{name}' is no image that the model learned from.{did_you_mean(name, by_id)}"
            )
    raise_all(problems, UsageError)
    return sorted(found)


def _hash_of_file(given: Given) -> str:
    """Of an image's file; empty where there is none."""
    page = given if isinstance(given, FilePage) else FilePage(Path(given))
    try:
        return Sample(str(given), page.path, "train", "good", "good", page=page.page).sha256
    except Exception:  # whatever is wrong with a file, it is none that was learned
        return ""


def _tell_if_rejected(model: Model, sample: Sample, progress: Progress) -> None:
    result = model.predict(sample)
    if result.verdict == Verdict.DEFECT or result.regions:
        shown = counted(len(result.regions), "region")
        verdict = "is still rejected" if result.verdict == Verdict.DEFECT else "passes"
        progress.say(f"'{sample.id}' {verdict}, with {shown}; whole=True learns all of it.")


def _undo_text(old: bytes, data: bytes) -> str:
    """What a model file keeps to be made its parent again.

    Args:
        old: the parent.
        data: the file without this text.
    """
    import onnx

    bare = onnx.ModelProto()
    bare.ParseFromString(data)
    bare.ClearField("metadata_props")  # which come last in a file
    size = bare.ByteSize()
    kept = _SIZE.pack(size) + delta(old, data[:size])
    return base64.b64encode(kept).decode()


def _parent(data: bytes, text: str, sha256: str) -> bytes:
    """The file that one was made from.

    Args:
        data: the file.
        text: what it keeps of the other.
        sha256: of the other.

    Raises:
        ModelFileError: that is damaged.
    """
    try:
        kept = base64.b64decode(text, validate=True)
        (size,) = _SIZE.unpack_from(kept)
        old = applied(kept[_SIZE.size :], data[:size], most_bytes=LARGEST_FILE)
        if verify(old, "the parent") != sha256:
            raise DeltaError("it gives another file")
    except (DeltaError, ValueError, struct.error, ModelFileError) as error:
        raise ModelFileError(f"What is kept of the model before is damaged: {error}") from error
    return old
