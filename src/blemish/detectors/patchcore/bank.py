"""One bank of a PatchCore: from images to patches, and from these to those that are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from blemish.backbones.backbone import Backbone
from blemish.detectors.contract import ImageSource
from blemish.detectors.origins import places_of
from blemish.detectors.patchcore.fitted import FittedPatchCore
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.detectors.patchcore.held_out import LeftOutByFolds
from blemish.detectors.patchcore.patches import Patches, extract
from blemish.detectors.patchcore.plan import PatchCorePlan, plan_fit
from blemish.detectors.patchcore.settings import PatchCoreSettings
from blemish.detectors.patchcore.sharded import ShardedFit
from blemish.detectors.patchcore.shards_plan import ShardsPlan, plan_shards
from blemish.detectors.patchcore.timing import estimate_seconds
from blemish.graph.engine import Engine
from blemish.progress import Progress
from blemish.search.coreset import greedy_k_centre
from blemish.workers import HERE, Workers

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, eq=False)
class Bank:
    """What a bank is made by.

    Attributes:
        settings: all of them.
        backbone: with the levels that its patches are made of.
        shared_by: how many banks share the memory allowed.
        set_aside_bytes: of it, for what is neither.
        workers: who work on the shards, where there are some.
    """

    settings: PatchCoreSettings
    backbone: Backbone
    shared_by: int = 1
    set_aside_bytes: int = 0
    workers: Workers = HERE

    def plan(self, images: ImageSource) -> PatchCorePlan | ShardsPlan:
        """What a fit on these images will take."""
        return (plan_shards if self.settings.shards else plan_fit)(
            self.settings,
            self.backbone,
            images.sizes_hw,
            backbone_bytes=self.backbone.graph.ByteSize(),
            shared_by=self.shared_by,
            set_aside_bytes=self.set_aside_bytes,
        )

    def estimate_seconds(self, images: ImageSource) -> dict[str, float]:
        """Guess how long each stage of a fit will take. Raises `ImageError`."""
        return estimate_seconds(self.settings, self.backbone, images, self.plan(images))

    def fit(
        self,
        images: ImageSource,
        progress: Progress,
        engine: Engine,
        *,
        rounded: onnx.ModelProto | None,
    ) -> FittedPatchCore:
        """Stream all images and keep a coreset of their patches.

        Args:
            images: good ones.
            progress: told of stages.
            engine: what runs the backbone.
            rounded: the backbone's graph in 8 bits, by which patches are told; which of them are
                kept is decided by the exact one.
        """
        picked_by = None
        graph = PatchCoreGraph(self.settings, self.backbone, images.image_format)
        if rounded is not None:
            backbone = replace(self.backbone, graph=rounded)
            graph, picked_by = replace(graph, backbone=backbone), graph
        plan = self.plan(images)
        if isinstance(plan, ShardsPlan):
            return ShardedFit(
                graph=graph,
                picked_by=picked_by,
                images=images,
                plan=plan,
                workers=self.workers,
                engine=engine,
                shared_by=self.shared_by,
                set_aside_bytes=self.set_aside_bytes,
                progress=progress,
            ).run()
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
        if graph.working_size.resize == "stretch":  # any other image has the same
            graph = replace(graph, grid_hw=patches.grids_hw[0])
        rng = np.random.default_rng([s.seed, 1])
        count = min(s.bank_size(len(patches.store), plan.dimensions), len(patches.points))
        with progress.stage("coreset", count) as advance:
            coreset = greedy_k_centre(
                patches.points, count, start=s.coreset_start, rng=rng, advance=advance
            )
        rows = patches.rows[coreset.picks]
        vectors = patches.store.take(rows)
        places = places_of(rows, patches.starts, patches.inside_hw)
        facts = {
            "coreset_radius": coreset.radius,
            "patches": len(patches.store),
            "candidates": len(patches.points),
        }
        left_out = LeftOutByFolds(graph, vectors, patches, coreset)
        fitted = FittedPatchCore(graph, vectors, left_out, facts, places)
        if s.by_place:
            fitted.learn_usual(progress)
        return fitted
