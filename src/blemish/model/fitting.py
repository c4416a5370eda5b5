"""From a data set of good images to a model: fit, leave out, calibrate, assemble.

Only the good training images are looked at. Same images, settings and seed: the same model
file, byte for byte, on the same machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from blemish.alignment import Alignment
from blemish.calibration import (
    DEFAULT_RATE,
    SMALLEST_REGION_PX,
    CalibrationRequest,
    calibrate,
    with_false_regions,
    with_rate,
)
from blemish.calibration.inspectable import Inspectable, LeftOut, learn
from blemish.calibration.scored import check_finite, highest_peaks, one_a_key
from blemish.calibration.suspicious import SuspiciousImages, find_suspicious, typical
from blemish.data.dataset import Dataset
from blemish.data.loading import GoodImages
from blemish.data.split import keys_of
from blemish.detectors.contract import Detector, Fitted, SharesWork, Teachable
from blemish.detectors.origins import TellsOrigins
from blemish.errors import UsageError
from blemish.graph.engine import CPU, Engine
from blemish.images.description import Description
from blemish.images.exposure import level_of
from blemish.images.glance import Looks, looks_of
from blemish.images.header import READER, Reader
from blemish.images.usual import usual_of
from blemish.model.extras import ORIGINS_KEY, THUMBNAILS_KEY, make_thumbnails, origins_text
from blemish.model.facts import (
    DetectorFacts,
    Facts,
    FittedImage,
    InputFacts,
    TrainingFacts,
    WorkingFacts,
)
from blemish.model.framing import Framing, on_reference
from blemish.model.model import Model, assemble
from blemish.model.promise import check_promise
from blemish.names import all_shown
from blemish.parallel import one_core_each
from blemish.progress import LoggedProgress, Progress
from blemish.records.machine import versions
from blemish.result import ScoredImage
from blemish.typed_json import as_json
from blemish.unfinished import AGAIN, claimed, is_kept, refuse_foreign
from blemish.workers import Workers
from blemish.zones import Zones


def fit(
    dataset: Dataset,
    detector: Detector,
    *,
    false_alarm_rate: float | None = None,
    region_rate: float | None = None,
    smallest_region_px: int = SMALLEST_REGION_PX,
    tail: bool = False,
    drop_suspicious: bool = False,
    reader: Reader = READER,
    progress: Progress | None = None,
    folder: Path | None = None,
    engine: Engine = CPU,
    workers: Workers | None = None,
    zones: Zones | None = None,
    thumbnails_px: int | None = None,
    align: Alignment | None = None,
) -> Model:
    """Learn from the good training images of a data set and set the thresholds from them.

    Args:
        dataset: its training split is used, nothing else.
        detector: `PatchCore(...)`, say.
        false_alarm_rate: share of good images that may be rejected; by default 0.01, or the
            lowest that so many images can promise.
        region_rate: share of good images that may show a region; by default the same.
        smallest_region_px: regions of fewer pixels are not shown.
        tail: fit a tail to the scores, so that rates below what so many images can promise can be
            asked for; they are model-based.
        drop_suspicious: where training images stand out, fit again without them. The model says
            which, and what the rate would be were they good.
        reader: how images are read; what it does with transparency, the model remembers.
        progress: told of stages and of what a user must hear.
        folder: where a detector that works long keeps what it has done so far; what is there from
            the same fit, interrupted, is gone on with. When the model is saved,
            `blemish.unfinished.take_away` clears it.
        engine: what runs graphs over the images, and afterwards the model.
        workers: who read the images and do the parts of the fit, such as the machines of a cluster
            (`blemish.cluster`), where the detector has parts: the model is the same whoever does.
        zones: what is inspected; by default all. What lies outside reaches neither bank, score nor
            map, and a defect there is none.
        align: how far parts may shift and turn; each is aligned with a reference, one of the good
            images, before anything else, and what cannot be aligned is not inspectable. By default
            parts are taken as they lie. Zones are drawn on the reference then.
        thumbnails_px: longer side of the training images that the file keeps, those that a bank has
            vectors of, to be shown beside regions (`predict --evidence`); by default none.

    Raises:
        UsageError: the folder holds what belongs to another fit (the differences are named), the
            engine's provider is not there, there are workers for a detector without parts, or
            thumbnails for one that compares with no image.
        DataError: fewer than 2 training images, or of mixed depth; zones that do not fit them;
            nothing in them that could be aligned.
        ImageError: a training image cannot be read.
        CalibrationError: so few images cannot promise the rate (told before the fit), no tail
            can be fitted to their scores, or one of these is not finite.
    """
    request = CalibrationRequest(false_alarm_rate, region_rate, smallest_region_px, tail)
    engine.check()
    if thumbnails_px and not isinstance(detector, Teachable):
        raise UsageError(
            "'thumbnails_px' is for detectors that compare with patches of images; "
            f"{detector.name} does not.",
            parameter="thumbnails_px",
        )
    if workers is not None:
        detector = shared(detector, workers)
    progress = progress or LoggedProgress()
    job = _Job(
        dataset, detector, request, reader, progress, engine, workers, zones, thumbnails_px, align
    )
    with ExitStack() as stack:
        if folder is not None:
            folder = job.claim(folder, stack, drop_suspicious=drop_suspicious)
        with closing(job.fit(folder)) as fitted:
            if told := job.images.nearly_one():
                job.progress.say(told)
            left_out = job.left_out(fitted)
            if not (drop_suspicious and left_out.suspicious_ids):
                return job.model(fitted, left_out)
        job = job.without(left_out)
        with closing(job.fit(folder and folder / AGAIN)) as fitted:
            return job.model(fitted, job.left_out(fitted))


@dataclass(frozen=True)
class _LeftOutImages:
    """Training images as if they were new.

    Attributes:
        scored: those that were left out, by their ids.
        keys: what keeps them together, by their ids.
        suspicious: those that stand out; `None` where not known.
    """

    scored: dict[str, ScoredImage]
    keys: dict[str, str]
    suspicious: SuspiciousImages | None

    @property
    def suspicious_ids(self) -> list[str]:
        """Ids of the images that stand out."""
        return [image.id for image in self.suspicious.images] if self.suspicious else []


@dataclass(frozen=True)
class _Job:
    """A fit and what is asked of it; `dropped` are images that it goes without."""

    dataset: Dataset
    detector: Detector
    request: CalibrationRequest
    reader: Reader
    progress: Progress
    engine: Engine
    workers: Workers | None = None
    zones: Zones | None = None
    thumbnails_px: int | None = None
    align: Alignment | None = None
    dropped: tuple[ScoredImage, ...] = ()
    dropped_keys: int = 0

    @cached_property
    def images(self) -> GoodImages:
        return GoodImages(
            self.dataset.train,
            self.reader,
            check_keys=self._check_promise,
            described=self.align is not None or self.zones is None,
        )

    @cached_property
    def framing(self) -> Framing:
        """How the detector sees the images; aligns them, if at all."""
        rate = self.request.false_alarm_rate or DEFAULT_RATE
        return Framing.of(
            self.images, self.detector, rate,
            zones=self.zones, align=self.align, progress=self.progress,
        )  # fmt: skip

    def _check_promise(self, keys: Sequence[str]) -> None:
        aligned = self.align is not None
        check_promise(
            self.dataset.name, keys, self.request, detector=self.detector, aligned=aligned
        )

    def claim(self, folder: Path, stack: ExitStack, *, drop_suspicious: bool) -> Path | None:
        """Keep a folder for this fit; `None` where its detector has no use for one."""
        detector, settings = self.detector, self.detector.settings
        if not detector.resumable and not is_kept(folder):
            return None
        left_aside = (*settings.circumstances, *settings.names_of_files())
        values = settings.to_dict().items()
        made_of: dict[str, Any] = {
            "blemish": metadata.version("blemish"),
            "detector": detector.name,
            "settings": {name: value for name, value in values if name not in left_aside},
            "sources": {source.role: source.sha256 for source in detector.provenance()},
            "request": {"alpha": self.reader.alpha, "drop_suspicious": drop_suspicious},
            "images": {sample.id: sample.sha256 for sample in self.images.samples},
        }
        if self.zones is not None:
            made_of["zones"] = as_json(self.framing.zone_facts)
        if self.align is not None:
            made_of["align"] = as_json(self.align)
        if not detector.resumable:
            refuse_foreign(folder, all_shown(made_of))
            return None
        stack.enter_context(claimed(folder, all_shown(made_of)))
        return folder

    def fit(self, folder: Path | None) -> Fitted:
        """Fit, where the images can give what is asked.

        Which are copies is known for certain once all have been decoded, for which the detector's
        first look at them serves. That their files leave too few is told before that.
        """
        train = self.dataset.train
        if self.workers is not None:
            self.images.read_by(self.workers, progress=self.progress)
        self._check_promise(keys_of([s.group for s in train], [s.sha256 for s in train]))
        seen, progress = self.framing.seen, self.progress
        fitted = self.detector.fit(seen, progress=progress, folder=folder, engine=self.engine)
        try:
            return self.framing.around(fitted, progress=progress)
        except BaseException:
            fitted.close()
            raise

    @property
    def _keys(self) -> dict[str, str]:
        """What keeps the training images together, by their ids."""
        ids = (sample.id for sample in self.images.samples)
        return dict(zip(ids, self.framing.seen.split_keys, strict=True))

    def left_out(self, fitted: Fitted) -> _LeftOutImages:
        """Score the training images as if they were new, and look which stand out."""
        sha256 = {sample.id: sample.sha256 for sample in self.images.samples}
        scored = {
            found.name: ScoredImage(found.name, sha256[found.name], found.score, found.peak)
            for found in fitted.held_out_scores(progress=self.progress)
        }
        check_finite(scored.values())
        keys = {name: key for name, key in self._keys.items() if name in scored}
        most = typical([image.score for image in one_a_key(scored, keys)])
        if most is None:
            return _LeftOutImages(scored, keys, None)
        found = find_suspicious(list(scored.values()), most, fitted.held_out_map)
        return _LeftOutImages(scored, keys, found)

    def model(self, fitted: Fitted, left_out: _LeftOutImages) -> Model:
        """Set thresholds and put all together."""
        if left_out.suspicious and (told := left_out.suspicious.advice()):
            self.progress.say(told)
        scored = one_a_key(left_out.scored, left_out.keys)
        calibration = calibrate(
            [image.score for image in scored],
            [image.peak for image in scored],
            method=fitted.held_out_method,
            request=with_rate(self.request, len(scored), self.progress),
            dropped=self.dropped_keys,
        )
        peaks = highest_peaks(left_out.scored, left_out.keys)
        calibration = with_false_regions(calibration, peaks, fitted.held_out_map)
        inspectable = self._inspectable(fitted, left_out, calibration.pixel_threshold)
        return assemble(
            fitted.graph,
            Facts(
                blemish=metadata.version("blemish"),
                versions=versions(),
                detector=_detector_facts(self.detector, fitted),
                input=InputFacts(
                    self.images.image_format,
                    self.reader.alpha,
                    WorkingFacts.of(self.detector.settings.working_size(1)),
                    self.framing.zone_facts_of(fitted, scored),
                    self.framing.alignment_facts,
                ),
                training=self._training_facts(fitted, left_out),
                calibration=calibration.facts(scored),
                inspectable=inspectable,
            ),
            self.reader,
            self.engine,
            extras=self._extras(fitted),
        )

    def _inspectable(
        self, fitted: Fitted, left_out: _LeftOutImages, pixel_threshold: float
    ) -> Inspectable:
        """How far an image may depart from those that were left out, as the reference lies."""
        exposures, zoned = self.framing.exposures(), self.framing.zoned
        blocks = None if zoned is None else zoned.zones.points[0]
        names, map_of = list(left_out.keys), on_reference(fitted).held_out_map
        with one_core_each() as pool:
            levels = pool.map(lambda name: level_of(map_of(name), blocks), names)
            found = [
                LeftOut(exposures[name], level) for name, level in zip(names, levels, strict=True)
            ]
        return learn(
            found,
            list(left_out.keys.values()),
            white_level=self.images.image_format.white_level,
            pixel_threshold=pixel_threshold,
        )

    def _extras(self, fitted: Fitted) -> dict[str, str]:
        """What the file keeps besides its facts."""
        if not isinstance(fitted, TellsOrigins):
            return {}
        origins = fitted.origins
        extras = {ORIGINS_KEY: origins_text(origins)}
        if self.thumbnails_px:
            used = {int(n) for places in origins.places.values() for n in places["image"]}
            samples = [self.images.samples[number] for number in sorted(used)]
            made = make_thumbnails(samples, self.reader, self.thumbnails_px, self.progress)
            extras[THUMBNAILS_KEY] = made.to_text()
        return extras

    def _training_facts(self, fitted: Fitted, left_out: _LeftOutImages) -> TrainingFacts:
        white_level = self.images.image_format.white_level
        described = self.framing.described.descriptions()
        return TrainingFacts(
            dataset=self.dataset.name,
            layout=self.dataset.layout,
            left_out=fitted.held_out_method,
            images=tuple(
                FittedImage(*left_out.scored.get(s.id, (s.id, s.sha256, None, None)))
                for s in self.images.samples
            ),
            suspicious=left_out.suspicious,
            dropped=self.dropped,
            appearance=usual_of(one.appearance.relative(white_level) for one in described.values()),
            looks=self._looks(described, white_level),
        )

    def _looks(self, described: Mapping[str, Description], white_level: int) -> Looks:
        """How the training images look; copies, and those of a group, count once."""
        keys = self._keys
        glances = {name: one.glance for name, one in described.items() if one.glance is not None}
        of_keys = {keys[name]: glances[name] for name in reversed(glances)}
        return looks_of(list(reversed(of_keys.values())), white_level=white_level)

    def without(self, left_out: _LeftOutImages) -> _Job:
        """The same without the images that stand out, and those that belong to them."""
        gone = {left_out.keys[name] for name in left_out.suspicious_ids}
        kept = [
            s for s in self.dataset.samples if s.split != "train" or self._keys[s.id] not in gone
        ]
        dropped = [one for name, one in left_out.scored.items() if left_out.keys[name] in gone]
        dropped.sort(key=lambda image: (-image.score, image.id))
        self.progress.say(
            f"{len(dropped)} of {len(self.dataset.train):,} training images stand out and are "
            f"left out of a second fit: {', '.join(image.id for image in dropped)}."
        )
        return replace(
            self,
            dataset=replace(self.dataset, samples=tuple(kept)),
            dropped=tuple(dropped),
            dropped_keys=len(gone),
        )


def shared(detector: Detector, workers: Workers) -> Detector:
    """The detector, its fits done by workers. Raises `UsageError` where that cannot be."""
    if not callable(getattr(workers, "map", None)):
        raise UsageError(
            f"'workers' must have a method map, as `blemish.workers.Workers` says; got {workers!r}."
        )
    if not isinstance(detector, SharesWork):
        raise UsageError(
            f"Fits of {detector.name} have no parts that could be shared out; those of patchcore "
            "have, with shards=8 say."
        )
    return detector.shared_among(workers)


def _detector_facts(detector: Detector, fitted: Fitted) -> DetectorFacts:
    return DetectorFacts(
        name=detector.name,
        seed=detector.settings.seed,
        settings=detector.settings.portable(),
        sources=tuple(detector.provenance()),
        told=tuple(fitted.told()),
        details=fitted.details,
        batch=fitted.batch,
    )
