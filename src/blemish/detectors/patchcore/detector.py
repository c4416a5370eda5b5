"""PatchCore: a bank of patches of good images, and how far a new patch is from the nearest.

Roth et al., "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022. Where the paper, the
authors' code and others part, the difference is a setting. Never does this module look at labels,
thresholds or files of images.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blemish.backbones.backbone import Backbone
from blemish.backbones.load import load_backbone
from blemish.detectors.contract import ImageSource
from blemish.detectors.features.detector import FeatureDetector
from blemish.detectors.features.quantise import in_int8
from blemish.detectors.joined_plan import JoinedPlan
from blemish.detectors.patchcore.bank import Bank
from blemish.detectors.patchcore.banks import GraphBanks
from blemish.detectors.patchcore.fitted import BANK, FittedPatchCore
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.detectors.patchcore.head.plan import HeadPlan, plan_head
from blemish.detectors.patchcore.plan import PatchCorePlan
from blemish.detectors.patchcore.settings import PatchCoreSettings
from blemish.detectors.patchcore.shards_plan import ShardsPlan
from blemish.detectors.patchcore.sharp import FINER_MAP, SharpPatchCore
from blemish.errors import CalibrationError, MissingExtraError, SettingError
from blemish.graph.engine import CPU, Engine
from blemish.progress import Named, Progress
from blemish.workers import HERE, Workers

if TYPE_CHECKING:
    import onnx

HEAD = "head"  # what the net is called beside the banks
FEATURES = "features"  # the stage in which images go through a backbone
NOT_SHARPENED = (
    "The map is that of one bank: to sharpen it ('map_levels') takes 2 images at least that can "
    "be left out and do not belong together."
)


class PatchCore(FeatureDetector[PatchCoreSettings]):
    """The detector. Settings are given by name, or as a `PatchCoreSettings`.

    Its graph holds, for `Model.trace`, `patches` (h x w x D), `patch_scores` (h x w: distances),
    `nearest` (h x w: which vector of the bank) and, with normalisation, `deviations` (the scores by
    their place). With `map_levels` there are also `finer/patches` and `finer/patch_scores` of the
    second bank, and `multiples` and `finer/multiples`, of what is usual; with a head also
    `readings`, their logarithms, which it takes.

    Raises:
        MissingExtraError: a head is to be trained, and torch is not installed.
    """

    name = "patchcore"
    settings_class = PatchCoreSettings

    def __init__(self, settings: PatchCoreSettings | None = None, **values: Any) -> None:
        super().__init__(settings, **values)
        self._workers: Workers = HERE
        if self.settings.has_head and find_spec("torch") is None:
            raise MissingExtraError("head=distance", "train")

    def shared_among(self, workers: Workers) -> PatchCore:
        """The same detector, whose shards are worked on by others.

        Raises:
            SettingError: there are no shards.
        """
        if not self.settings.shards:
            raise SettingError(
                "'shards' says in how many parts the images are shared out among workers; give "
                "shards=8, say. The same number gives the same model whoever works on them.",
                parameter="shards",
            )
        shared = PatchCore(self.settings)
        shared._workers = workers
        return shared

    @staticmethod
    def banks_of(
        model: onnx.ModelProto, settings: Mapping[str, Any], details: Mapping[str, Any]
    ) -> GraphBanks:
        """The banks in a graph, to which vectors can be added. Raises `UsageError`."""
        return GraphBanks(model, settings, details)

    def _banks(self, images: ImageSource) -> dict[str, Bank]:
        """The bank that judges, and the one that sharpens its map where there is one.

        Raises:
            BackboneError: the backbone is not usable, or lacks a level.
            SettingError: the levels of the second are not finer, or tiles do not go with images.
        """
        s = self.settings
        self._check_tiles(images)
        if not s.finer_levels:
            return {BANK: Bank(s, self.backbone, workers=self._workers)}
        head = self._head_plan(images)
        set_aside: dict[str, Any] = {
            "shared_by": 2,
            "set_aside_bytes": head.memory_bytes if head else 0,
            "workers": self._workers,
        }
        first = Bank(s, self.backbone, **set_aside)
        only_distances = replace(
            s.with_bank_of(first.plan(images).bank_vectors),
            levels=s.finer_levels,
            map_levels=None,
            head="none",
            normalisation="none",
            reweight=0,
        )
        finer = Bank(only_distances, self._finer_backbone, **set_aside)
        return {BANK: first, FINER_MAP: finer}

    def _check_tiles(self, images: ImageSource) -> None:
        """Raise `SettingError` where tiles do not go with the backbone, or with the images."""
        levels = self.backbone.levels
        self.settings.check_tiles(max(level.stride for level in levels), images.sizes_hw)
        odd = [level.name for level in levels if level.surplus]
        if self.settings.is_tiled and odd:
            raise SettingError(
                f"'tile' takes levels with a cell for each stride; {', '.join(odd)} of "
                f"'{self.backbone.name}' {'has' if len(odd) == 1 else 'have'} more or fewer. Name "
                "others ('levels'), or take another backbone."
            )

    def _head_plan(self, images: ImageSource) -> HeadPlan | None:
        if not self.settings.has_head:
            return None
        working_hw = self.settings.working_size(1).size_hw
        finest = min(self._finer_backbone.levels, key=lambda level: level.stride)
        grid_hw = finest.cells(working_hw[0]), finest.cells(working_hw[1])
        return plan_head(len(images.sizes_hw), working_hw, grid_hw)

    @cached_property
    def _finer_backbone(self) -> Backbone:
        s = self.settings
        found = load_backbone(s.backbone, levels=s.finer_levels, weights=s.weights)
        finest, other = (min(lv.stride for lv in b.levels) for b in (found, self.backbone))
        if finest >= other:
            names = ", ".join(level.name for level in found.levels)
            taken = "" if s.map_levels else ", which a head takes by default"
            raise SettingError(
                f"'map_levels' must hold a level finer than stride {other}, that of the finest of "
                f"the other levels; got {names} (stride {finest}){taken}."
            )
        return found

    def plan(self, images: ImageSource) -> PatchCorePlan | ShardsPlan | JoinedPlan:
        """What a fit on these images will take."""
        of_banks = {name: bank.plan(images) for name, bank in self._banks(images).items()}
        if len(of_banks) == 1:
            return of_banks[BANK]
        head = self._head_plan(images)
        return JoinedPlan(
            of_banks if head is None else {**of_banks, HEAD: head},
            shared_bytes=self.backbone.graph.ByteSize(),
        )

    def estimate_seconds(self, images: ImageSource) -> dict[str, float]:
        """Guess how long each stage of a fit will take, from a short measurement.

        Raises:
            ImageError: one of the first few images cannot be read.
        """
        guessed = {
            stage if name == BANK else f"{name}: {stage}": seconds
            for name, bank in self._banks(images).items()
            for stage, seconds in bank.estimate_seconds(images).items()
        }
        if (head := self._head_plan(images)) is not None:
            looks = sum(seconds for stage, seconds in guessed.items() if stage.endswith(FEATURES))
            guessed |= head.estimate_seconds(looks / head.images)
        return guessed

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
            learned_from = images if self.settings.has_head else None
            together = _sharpened(judging, finer[0], progress, learned_from) if finer else judging
            stack.pop_all()
        return together


def _sharpened(
    judging: FittedPatchCore,
    finer: FittedPatchCore,
    progress: Progress,
    images: ImageSource | None,
) -> FittedPatchCore | SharpPatchCore:
    try:
        return SharpPatchCore(judging, finer, progress, images)
    except CalibrationError:
        progress.say(NOT_SHARPENED)
        finer.close()
        return judging
