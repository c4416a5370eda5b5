"""EfficientAd: a student and an autoencoder learn to follow a teacher on good images.

Batzner et al., "EfficientAD: Accurate Visual Anomaly Detection at Millisecond-Level Latencies",
WACV 2024. Where the paper and others part, the difference is a setting. Torch is loaded only to
train; what was trained is one graph. Never does this module look at labels or thresholds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.contract import HELD_OUT, HeldOutScore, ImageSource, Told
from blemish.detectors.efficientad.backbone_teacher import BackboneTeacher
from blemish.detectors.efficientad.graph import (
    EfficientAdGraph,
    map_name,
    rescaled_name,
    told_name,
)
from blemish.detectors.efficientad.images import Space, WorkingImages, working_images
from blemish.detectors.efficientad.load import load_teacher
from blemish.detectors.efficientad.penalty import listing_sha256, penalty_images
from blemish.detectors.efficientad.plan import TrainingPlan, estimate_seconds, plan_training
from blemish.detectors.efficientad.rounds import left_out_parts, rounds_of
from blemish.detectors.efficientad.scale import Maps, Quantiles, common_scale
from blemish.detectors.efficientad.schedule import share_text
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.detectors.efficientad.teacher import NOT_STATED, Teacher
from blemish.detectors.position import NOT_KNOWN, Grid, LeftOut, Usual, details_of, told_of
from blemish.errors import CalibrationError, MissingExtraError
from blemish.graph.engine import CPU, ONE_CORE, Engine
from blemish.graph.session import Session
from blemish.progress import Progress
from blemish.provenance import Source

if TYPE_CHECKING:
    import onnx

    from blemish.detectors.efficientad.fit import Outcome

# Of the mean deviation, added to each ring's: differences of nets vary from ring to ring more than
# distances do, and a floor as low as theirs makes a calm border shout.
FLOOR = 0.75
NEEDED = ("torch", "safetensors")


class EfficientAd:
    """The detector. Settings are given by name, or as an `EfficientAdSettings`.

    Its graph holds, for `Model.trace`, `teacher`, `student`, `autoencoder` (features x h x w);
    `map_student`, or where the teacher has several levels `map_student_s8` and the like, and
    `map_autoencoder` (h x w, before they are scaled); with normalisation, `deviations_student` and
    so on (these by their places); and `map_combined`.

    Raises:
        MissingExtraError: torch is not installed.
    """

    name = "efficientad"
    resumable = True
    settings_class = EfficientAdSettings

    def __init__(self, settings: EfficientAdSettings | None = None, **values: Any) -> None:
        self.settings = EfficientAdSettings.given(settings, values)
        if any(find_spec(package) is None for package in NEEDED):
            raise MissingExtraError("Training EfficientAd", "train")

    @cached_property
    def teacher(self) -> Teacher:
        """The teacher that the settings name. Raises `BackboneError`, `SettingError`."""
        return load_teacher(self.settings)

    def provenance(self) -> tuple[Source, ...]:
        """The teacher, and a folder of penalty images where one is given.

        Raises:
            BackboneError: the teacher cannot be used.
            DataError: the folder cannot be listed.
        """
        t = self.teacher
        teacher = Source("teacher", t.name, t.licence, t.sha256)
        if self.settings.penalty is None or not self.settings.recipe.penalty_weight:
            return (teacher,)
        folder = Path(self.settings.penalty)
        return teacher, Source("penalty images", folder.name, NOT_STATED, listing_sha256(folder))

    def calibration_images(self, split_keys: Sequence[str]) -> int:
        """How many images will be left out of some training; those of one key count once."""
        parts = left_out_parts(self.settings, split_keys)
        return len({split_keys[position] for part in parts for position in part})

    def plan(self, images: ImageSource) -> TrainingPlan:
        """What a fit on these images will take."""
        self._check_tiles(images)
        sizes_hw = images.sizes_hw
        return plan_training(self.settings, self.teacher, images.split_keys, sizes_hw=sizes_hw)

    def _check_tiles(self, images: ImageSource) -> None:
        """Raise `SettingError` where tiles do not go with the teacher, or with the images."""
        strides = [level.stride for level in self.teacher.levels]
        self.settings.check_tiles(max(strides), images.sizes_hw)

    def estimate_seconds(self, images: ImageSource) -> dict[str, float]:
        """Guess how long each stage of a fit will take, from a few steps of it.

        Raises:
            BackboneError: the teacher cannot be used.
        """
        return estimate_seconds(self.settings, self.teacher, self.plan(images))

    def fit(
        self,
        images: ImageSource,
        *,
        progress: Progress,
        folder: Path | None = None,
        engine: Engine = CPU,
    ) -> FittedEfficientAd:
        """Train on good images.

        Args:
            images: the images.
            progress: told of stages, steps and losses.
            folder: where trainings are kept on their way, and gone on with; `None` for nowhere.
            engine: what makes maps of the images; the training is on the setting `device`.

        Raises:
            UsageError: the engine's provider is not there.
            DataError: there is no image, or none to train against.
            BackboneError: the teacher cannot be used.
            BlemishError: the training came to nothing, or a checkpoint cannot be used or written.
        """
        from blemish.detectors.efficientad.fit import Trainings

        self._check_tiles(images)
        teacher = self.teacher
        if self.settings.teacher_precision == "int8" and isinstance(teacher, BackboneTeacher):
            size = EfficientAdGraph(self.settings, teacher, images.image_format).working_size
            teacher = teacher.in_int8(size, images, progress, engine)
        graph = EfficientAdGraph(self.settings, teacher, images.image_format)
        space = Space(self.settings.memory_megabytes)
        working = working_images(graph, images, space, progress)
        penalised = self.settings.recipe.penalty_weight > 0
        trainings = Trainings(
            graph,
            working,
            images,
            penalty_images(self.settings, progress) if penalised else None,
            space=space,
            progress=progress,
            folder=folder,
            engine=engine,
        )
        outcome = trainings.run(rounds_of(self.settings, working.split_keys))
        fitted = FittedEfficientAd(graph, working, outcome)
        if self.settings.by_place and not fitted.usual:
            progress.say(NOT_KNOWN)
        return fitted


class FittedEfficientAd:
    """A fitted EfficientAd, with the maps of the images that were left out."""

    def __init__(
        self,
        writer: EfficientAdGraph,
        images: WorkingImages,
        outcome: Outcome,
    ) -> None:
        s = writer.settings
        self._writer, self._teacher = writer, writer.teacher
        branches = list(writer.branches)
        self._names, self._sizes_hw = images.names, images.sizes_hw
        scales = common_scale(outcome.measured, s.low_quantile, s.high_quantile)
        self._facts = outcome.facts
        self.nets, self.quantiles = outcome.nets, scales[-1]
        self._parts = 0
        self._positions: list[int] = []  # of the images that were left out
        self._maps: dict[str, list[Grid]] = {branch: [] for branch in branches}  # of these
        for one, scale in zip(outcome.measured, scales, strict=True):
            if one.left_out is not None:
                self._parts += 1
                self._positions += one.left_out.positions
                for branch, grids in self._rescaled(one.left_out, scale).items():
                    self._maps[branch] += grids
        self.left_out: dict[str, LeftOut] = {}
        keys = [images.split_keys[position] for position in self._positions]
        if s.by_place and len(set(keys)) > 1:
            self.left_out = {
                branch: LeftOut(grids, keys, floor=FLOOR) for branch, grids in self._maps.items()
            }

    @property
    def usual(self) -> dict[str, Usual]:
        """What the map of each branch is told by at its places; empty where they are not."""
        return {branch: left_out.usual for branch, left_out in self.left_out.items()}

    def _rescaled(self, maps: Maps, scale: Quantiles) -> dict[str, list[Grid]]:
        """Maps of some images, shifted and scaled by the nodes that do so in the model."""
        session = Session(self._writer.rescaled(scale).SerializeToString(), ONE_CORE)
        names, found = [rescaled_name(branch) for branch in maps.values], []
        for grids in zip(*maps.values.values(), strict=True):
            raw = {map_name(b): grid[None] for b, grid in zip(maps.values, grids, strict=True)}
            found.append([values[0] for values in session.run(names, **raw)])
        return dict(zip(maps.values, map(list, zip(*found, strict=True)), strict=True))

    @cached_property
    def graph(self) -> onnx.ModelProto:
        """The model that ships."""
        return self._writer.detector(self.nets, self.quantiles, self.usual)

    @property
    def batch(self) -> int:
        """Images that the graph should judge at once."""
        return self._writer.batch

    def told(self) -> list[Told]:
        """Nets and training, for people."""
        made, penalty = self._facts["trained_with"], self._facts["penalty"]
        against = f", against {penalty['images']:,} images ({penalty['source']})" if penalty else ""
        steps = (
            f"{self._facts['steps']:,} steps ({self._facts['epochs']:g} epochs of "
            f"{self._facts['trained_on']:,} images)"
        )
        return [
            ("nets", f"teacher {self._teacher.title}, {self._parameters:,} parameters in all"),
            ("training", f"{steps} on {made['device']} in {made['precision']}{against}"),
            *self._told_of_unexplained(),
            ("variant", self._told_of_variant()),
            *told_of(next(iter(self.usual.values()), None)),
        ]

    def _told_of_unexplained(self) -> list[Told]:
        found = self._facts["unexplained"]
        if not found["history"]:
            return []
        told = f"{share_text(found['history'][-1][1])} of the teacher's variance"
        end = "" if found["converged"] else "; the training had not converged"
        count = found["watched"]
        seen = f"{count:,} image{'s' * (count != 1)}"
        return [("unexplained", f"{told}, in {seen} not trained on{end}")]

    def _told_of_variant(self) -> str:
        differs = self._writer.settings.variant
        return f"differs from the paper in {', '.join(differs)}" if differs else "as published"

    @property
    def _parameters(self) -> int:
        nets = (self.nets.student, self.nets.autoencoder)
        return self._teacher.parameters + sum(int(w.size) for net in nets for w in net.values())

    @property
    def details(self) -> dict[str, Any]:
        """The same for programs, with the losses on the way."""
        return {
            "teacher": self._teacher.title,
            "variant": self._writer.settings.variant,
            "parameters": self._parameters,
            "quantiles": {branch: asdict(span) for branch, span in self.quantiles.items()},
            **self._facts,
            "usual": {branch: details_of(one)["usual"] for branch, one in self.usual.items()},
        }

    @property
    def held_out_method(self) -> str:
        """How `held_out_scores` works, for the record."""
        folds = self._writer.settings.recipe.calibration_folds
        return f"{self._parts}-fold" if folds else HELD_OUT

    def held_out_scores(self, *, progress: Progress) -> Iterator[HeldOutScore]:
        """Scores of the images that were left out, by nets that did not see them.

        Raises:
            CalibrationError: all images belong together, so that none was left out.
        """
        if not self._positions:
            raise CalibrationError(
                "Scoring images as if they were new takes at least 2 that do not belong together."
            )
        with progress.stage("leave out", len(self._positions)) as advance:
            for row, position in enumerate(self._positions):
                score, score_map = self._summarised(row)
                yield HeldOutScore(self._names[position], score, float(score_map.max()))
                advance(1)

    def held_out_map(self, name: str) -> NDArray[np.float32]:
        """The map of an image by the nets that did not see it.

        Raises:
            KeyError: it was not left out.
        """
        rows = {self._names[position]: row for row, position in enumerate(self._positions)}
        return self._summarised(rows[name])[1]

    @cached_property
    def _summary(self) -> Session:
        return Session(self._writer.summary().SerializeToString(), ONE_CORE)

    def _summarised(self, row: int) -> tuple[float, NDArray[np.float32]]:
        """Score and map of an image that was left out."""
        told = {
            told_name(branch): (
                self.left_out[branch].told(row) if self.left_out else self._maps[branch][row]
            )[None]
            for branch in self._writer.branches
        }
        image_hw = np.array(self._sizes_hw[self._positions[row]], np.int64)
        scores, maps = self._summary.run(["score", "score_map"], **told, image_hw=image_hw)
        return float(scores[0]), maps[0]

    def close(self) -> None:
        """Nothing is held: the images went when the training ended."""
