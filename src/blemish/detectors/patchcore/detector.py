"""PatchCore: a bank of patches of good images, and how far a new patch is from the nearest.

Roth et al., "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022. Where the paper, the
authors' code and others part, the difference is a setting. Never does this module look at labels,
thresholds or files of images.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from blemish.backbones.backbone import Backbone
from blemish.backbones.load import load_backbone
from blemish.detectors.contract import ImageSource
from blemish.detectors.features.detector import FeatureDetector
from blemish.detectors.features.quantise import in_int8
from blemish.detectors.joined_plan import JoinedPlan
from blemish.detectors.patchcore.bank import Bank
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.detectors.patchcore.held_out import FittedPatchCore
from blemish.detectors.patchcore.plan import PatchCorePlan
from blemish.detectors.patchcore.settings import PatchCoreSettings
from blemish.detectors.patchcore.sharp import FINER_MAP, SharpPatchCore
from blemish.errors import CalibrationError, SettingError
from blemish.graph.engine import CPU, Engine
from blemish.progress import Named, Progress

BANK = "bank"  # what the first bank is called beside the second
NOT_SHARPENED = (
    "The map is that of one bank: to sharpen it ('map_levels') takes 2 images at least that can "
    "be left out and do not belong together."
)


class PatchCore(FeatureDetector[PatchCoreSettings]):
    """The detector. Settings are given by name, or as a `PatchCoreSettings`.

    Its graph holds, for `Model.trace`, `patches` (h x w x D), `patch_scores` (h x w: distances),
    `nearest` (h x w: which vector of the bank) and, with normalisation, `deviations` (the scores by
    their place). With `map_levels` there are also `finer/patches` and `finer/patch_scores` of the
    second bank, and `multiples` and `finer/multiples`, of what is usual.
    """

    name = "patchcore"
    settings_class = PatchCoreSettings

    def _banks(self, images: ImageSource) -> dict[str, Bank]:
        """The bank that judges, and the one that sharpens its map where there is one.

        Raises:
            BackboneError: the backbone is not usable, or lacks a level.
            SettingError: the levels of the second are not finer.
        """
        s = self.settings
        if not s.map_levels:
            return {BANK: Bank(s, self.backbone)}
        first = Bank(s, self.backbone, shared_by=2)
        only_distances = replace(
            s,
            levels=s.map_levels,
            map_levels=None,
            normalisation="none",
            reweight=0,
            coreset_count=first.plan(images).bank_vectors,
            coreset_ratio=None,
            coreset_megabytes=None,
        )
        finer = Bank(only_distances, self._finer_backbone, shared_by=2)
        return {BANK: first, FINER_MAP: finer}

    @cached_property
    def _finer_backbone(self) -> Backbone:
        s = self.settings
        found = load_backbone(s.backbone, levels=s.map_levels, weights=s.weights)
        finest, other = (min(lv.stride for lv in b.levels) for b in (found, self.backbone))
        if finest >= other:
            names = ", ".join(level.name for level in found.levels)
            raise SettingError(
                f"'map_levels' must hold a level finer than stride {other}, that of the finest of "
                f"the other levels; got {names} (stride {finest})."
            )
        return found

    def plan(self, images: ImageSource) -> PatchCorePlan | JoinedPlan:
        """What a fit on these images will take."""
        plans = {name: bank.plan(images) for name, bank in self._banks(images).items()}
        if len(plans) == 1:
            return plans[BANK]
        return JoinedPlan(plans, shared_bytes=self.backbone.graph.ByteSize())

    def estimate_seconds(self, images: ImageSource) -> dict[str, float]:
        """Guess how long each stage of a fit will take, from a short measurement.

        Raises:
            ImageError: one of the first few images cannot be read.
        """
        return {
            stage if name == BANK else f"{name}: {stage}": seconds
            for name, bank in self._banks(images).items()
            for stage, seconds in bank.estimate_seconds(images).items()
        }

    def fit(
        self,
        images: ImageSource,
        *,
        progress: Progress,
        folder: Path | None = None,  # noqa: ARG002
        engine: Engine = CPU,
    ) -> FittedPatchCore | SharpPatchCore:
        """Learn from good images.

        Args:
            images: the images.
            progress: told of stages and of what a user must hear.
            folder: not used; a fit is soon done again.
            engine: what runs the backbone.

        Raises:
            DataError: there is no image.
            SettingError: the memory allowed is too small, or levels are not finer than others.
            UsageError: the engine's provider is not there.
        """
        for note in [*self.plan(images).notes(), *self.odd_grids()]:
            progress.say(note)
        rounded = None
        if self.settings.precision == "int8":
            graph = PatchCoreGraph(self.settings, self.backbone, images.image_format)
            size = graph.working_size
            rounded = in_int8(self.backbone, size, images, progress, engine).graph
        with ExitStack() as stack:
            fitted = []
            for name, bank in self._banks(images).items():
                told_to = progress if name == BANK else Named(name, progress)
                fitted.append(bank.fit(images, told_to, engine, rounded=rounded))
                stack.callback(fitted[-1].close)
            judging, *finer = fitted
            together = _sharpened(judging, finer[0], progress) if finer else judging
            stack.pop_all()
        return together


def _sharpened(
    judging: FittedPatchCore, finer: FittedPatchCore, progress: Progress
) -> FittedPatchCore | SharpPatchCore:
    try:
        return SharpPatchCore(judging, finer, progress)
    except CalibrationError:
        progress.say(NOT_SHARPENED)
        finer.close()
        return judging
