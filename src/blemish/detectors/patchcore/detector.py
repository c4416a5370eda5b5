"""PatchCore: a bank of patches of good images, and how far a new patch is from the nearest.

Roth et al., "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022. Where the paper, the
authors' code and others part, the difference is a setting. Never does this module look at labels,
thresholds or files of images.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from blemish.detectors.contract import ImageSource
from blemish.detectors.features.detector import FeatureDetector
from blemish.detectors.features.quantise import in_int8
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.detectors.patchcore.held_out import FittedPatchCore
from blemish.detectors.patchcore.patches import Patches, extract
from blemish.detectors.patchcore.plan import PatchCorePlan, plan_fit
from blemish.detectors.patchcore.settings import PatchCoreSettings
from blemish.detectors.patchcore.timing import estimate_seconds
from blemish.graph.engine import CPU, Engine
from blemish.progress import Progress
from blemish.search.coreset import greedy_k_centre


class PatchCore(FeatureDetector[PatchCoreSettings]):
    """The detector. Settings are given by name, or as a `PatchCoreSettings`.

    Its graph holds, for `Model.trace`, `patches` (h x w x D), `patch_scores` (h x w: distances),
    `nearest` (h x w: which vector of the bank) and, with normalisation, `deviations` (the scores by
    their place).
    """

    name = "patchcore"
    settings_class = PatchCoreSettings

    def plan(self, images: ImageSource) -> PatchCorePlan:
        """What a fit on these images will take."""
        weights = self.backbone.graph.ByteSize()
        return plan_fit(self.settings, self.backbone, images.sizes_hw, backbone_bytes=weights)

    def estimate_seconds(self, images: ImageSource) -> dict[str, float]:
        """Guess how long each stage of a fit will take, from a short measurement.

        Raises:
            ImageError: one of the first few images cannot be read.
        """
        return estimate_seconds(self.settings, self.backbone, images, self.plan(images))

    def fit(
        self,
        images: ImageSource,
        *,
        progress: Progress,
        folder: Path | None = None,  # noqa: ARG002
        engine: Engine = CPU,
    ) -> FittedPatchCore:
        """Learn from good images.

        Args:
            images: the images.
            progress: told of stages and of what a user must hear.
            folder: not used; a fit is soon done again.
            engine: what runs the backbone.

        Raises:
            DataError: there is no image.
            SettingError: the memory allowed is too small.
            UsageError: the engine's provider is not there.
        """
        plan = self.plan(images)
        for note in [*plan.notes(), *self.odd_grids()]:
            progress.say(note)
        graph = PatchCoreGraph(self.settings, self.backbone, images.image_format)
        picked_by = None
        if self.settings.precision == "int8":
            backbone = in_int8(self.backbone, graph.working_size, images, progress, engine)
            graph, picked_by = replace(graph, backbone=backbone), graph
        patches = extract(graph, images, plan, progress, engine=engine, picked_by=picked_by)
        try:
            return self._pick(graph, patches, plan, progress)
        except BaseException:
            patches.close()
            raise

    def _pick(
        self, graph: PatchCoreGraph, patches: Patches, plan: PatchCorePlan, progress: Progress
    ) -> FittedPatchCore:
        s = self.settings
        if s.resize == "stretch":  # any other image has the same
            graph = replace(graph, grid_hw=patches.grids_hw[0])
        rng = np.random.default_rng([s.seed, 1])
        count = min(s.bank_size(len(patches.store), plan.dimensions), len(patches.points))
        with progress.stage("coreset", count) as advance:
            coreset = greedy_k_centre(
                patches.points, count, start=s.coreset_start, rng=rng, advance=advance
            )
        vectors = patches.store.take(patches.rows[coreset.picks])
        fitted = FittedPatchCore(graph, vectors, patches, coreset)
        if s.by_place:
            fitted.learn_usual(progress)
        return fitted
