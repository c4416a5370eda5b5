"""A bank picked from shards: of each a coreset, and of these together the bank.

The union of coresets of parts is a coreset of the whole (Indyk et al., PODS 2014; for k-centre
Malkomes et al., NeurIPS 2015): with at least as many picks of each shard as the bank is to have,
it covers all patches within four times the least radius possible, where one greedy picking is
within twice. How well it does cover them is measured over all patches in the second look, and told.

Shards are told apart by the images and the seed alone, so that who works on which, and how many
there are to work, decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.data.split import parts_of
from blemish.detectors.contract import ImageSource
from blemish.detectors.features.stream import range_of
from blemish.detectors.origins import Places
from blemish.detectors.patchcore.fitted import FittedPatchCore
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.detectors.patchcore.held_out import TOO_FEW, BankWithout, Scored, reach
from blemish.detectors.patchcore.seen import SeenImages
from blemish.detectors.patchcore.shard import Picked, Shard, ToJudge, ToPick, judge, pick
from blemish.detectors.patchcore.shards_plan import ShardsPlan
from blemish.errors import CalibrationError
from blemish.graph.engine import Engine
from blemish.progress import Progress
from blemish.search.coreset import Coreset, greedy_k_centre
from blemish.search.leaving_out import LeavingOut
from blemish.search.point_distances import PointCloud
from blemish.search.vectors import Vectors
from blemish.workers import Workers


@dataclass(frozen=True, eq=False)
class ShardedFit:
    """A fit by shards.

    Attributes:
        graph: gives the patches.
        picked_by: gives what picking compares, where that is not the patches themselves.
        images: good ones.
        plan: of the fit.
        workers: who work on the shards.
        engine: what runs the graphs.
        shared_by, set_aside_bytes: of the memory allowed, as `Bank` has them.
        progress: told of stages, and of what a user must hear.
    """

    graph: PatchCoreGraph
    picked_by: PatchCoreGraph | None
    images: ImageSource
    plan: ShardsPlan
    workers: Workers
    engine: Engine
    shared_by: int
    set_aside_bytes: int
    progress: Progress

    def run(self) -> FittedPatchCore:
        """Pick, then look at each image as if it were new."""
        keys = list(self.images.split_keys)
        parts = parts_of(keys, self.plan.shards, seed=self.graph.settings.seed)
        of_all = self.graph, self.picked_by, self.engine, self.shared_by, self.set_aside_bytes
        shards = [Shard(n, self.images.part(part), *of_all) for n, part in enumerate(parts)]
        picked = self._picked(shards)
        union = self._union(picked)
        left_out = _LeftOutByShards(_seen(self.images, keys, parts, picked), union.parts_without)
        farthest = self._judge(shards, parts, union, left_out)
        graph = self.graph
        if graph.working_size.resize == "stretch":  # any other image has the same
            graph = replace(graph, grid_hw=left_out.seen.grids_hw[0])
        facts = {
            "coreset_radius": farthest,
            "patches": sum(one.patches for one in picked),
            "candidates": len(union.vectors),
            "radius_of_candidates": union.coreset.radius,
            "shards": [_told_of(one) for one in picked],
        }
        places = _places(parts, picked)[union.coreset.picks]
        fitted = FittedPatchCore(graph, union.bank, left_out, facts, places)
        if graph.settings.by_place:
            fitted.learn_usual(self.progress)
        return fitted

    def _picked(self, shards: Sequence[Shard]) -> list[Picked]:
        """A coreset of each shard."""
        picked = []
        tasks = (ToPick(shard, self.plan.picked) for shard in shards)
        with self.progress.stage("features", self.plan.images) as advance:
            for one in self.workers.map(pick, tasks, memory_bytes=self.plan.worker_bytes):
                picked.append(one)
                advance(len(one.seen.names))
        features_seen = range_of(self.graph, self.images)
        for one in picked:
            features_seen.add_all(one.features_seen)
        for note in features_seen.notes(self.graph.backbone.name):
            self.progress.say(note)
        return picked

    def _union(self, picked: Sequence[Picked]) -> _Union:
        """The bank, out of the coresets of all shards."""
        s = self.graph.settings
        cloud = PointCloud(np.concatenate([one.points for one in picked]))
        patches = np.array([one.patches for one in picked])
        count = min(s.bank_size(int(patches.sum()), self.plan.dimensions), len(cloud))
        rng = np.random.default_rng([s.seed, 1])
        with self.progress.stage("coreset", count) as advance:
            coreset = greedy_k_centre(cloud, count, start=s.coreset_start, rng=rng, advance=advance)
        vectors = np.concatenate([one.vectors for one in picked])
        shard_of = np.repeat(np.arange(len(picked)), [len(one.points) for one in picked])
        parts = min(s.calibration_folds, len(picked))
        return _Union(vectors, cloud, coreset, shard_of, patches, parts, squared=s.squared)

    def _judge(
        self,
        shards: Sequence[Shard],
        parts: Sequence[Sequence[int]],
        union: _Union,
        left_out: _LeftOutByShards,
    ) -> float:
        """Have all images scored; gives how far the farthest of all patches is from the bank."""
        tasks, farthest = self._to_judge(shards, parts, union, left_out), 0.0
        with self.progress.stage("leave out", self.plan.images) as advance:
            for found in self.workers.map(judge, tasks, memory_bytes=self.plan.worker_bytes):
                farthest = max(farthest, found.farthest)
                part = parts[found.number]
                left_out.found |= dict(zip(part, found.scored, strict=bool(found.scored)))
                advance(len(part))
        return farthest

    def _to_judge(
        self,
        shards: Sequence[Shard],
        parts: Sequence[Sequence[int]],
        union: _Union,
        left_out: _LeftOutByShards,
    ) -> Iterator[ToJudge]:
        """What each shard is to meet, those that are left out together one after the other."""
        points = union.cloud.points[union.coreset.picks]
        if union.parts_without < 2:
            for shard in shards:
                yield ToJudge(shard, union.bank, points, None, 0.0)
            return
        for numbers, without in union.without_each(parts):
            left_out.banks_without.append(without)
            vectors = without.vectors()
            for number in numbers:
                yield ToJudge(shards[number], union.bank, points, vectors, without.shift)


@dataclass(frozen=True, eq=False)
class _Union:
    """The coresets of all shards together, and the bank that was picked from them.

    Attributes:
        vectors: U x D.
        cloud: the same as picking compares them.
        coreset: the bank's.
        shard_of: U, the shard that each comes from.
        patches: how many each shard has.
        parts_without: in how many parts shards are left out; fewer than 2 for not at all.
        squared: whether scores are squared distances.
    """

    vectors: Vectors
    cloud: PointCloud
    coreset: Coreset
    shard_of: NDArray[np.intp]
    patches: NDArray[np.int64]
    parts_without: int
    squared: bool

    @property
    def bank(self) -> Vectors:
        """What ships."""
        return self.vectors[self.coreset.picks]

    def without_each(
        self, parts: Sequence[Sequence[int]]
    ) -> Iterator[tuple[list[int], BankWithout]]:
        """Numbers of shards that are left out together, and the bank without them.

        It differs from the one that ships as `ImagesLeftOut` says, over the coresets of the shards.

        Args:
            parts: the images of each shard.
        """
        part_of = np.arange(len(parts)) % self.parts_without
        whole = reach(self.coreset, squared=self.squared)
        leaving_out = LeavingOut(self.coreset, self.cloud, part_of[self.shard_of])
        for part, without in enumerate(leaving_out.without_each()):
            picks = without.coreset.picks
            used_up = len(picks) / self.patches[part_of != part].sum()
            shift = (whole - reach(without.coreset, squared=self.squared)) * (1 - used_up)
            numbers: list[int] = np.flatnonzero(part_of == part).tolist()
            images = sorted(image for number in numbers for image in parts[number])
            vectors = partial(self.vectors.__getitem__, picks)
            yield numbers, BankWithout(images, vectors, float(shift))


class _LeftOutByShards:
    """Images that were scored shard by shard.

    Attributes:
        seen, banks_without: see `ImagesLeftOut`.
        found: of each image, by its number.
    """

    def __init__(self, seen: SeenImages, parts: int) -> None:
        self.seen = seen
        self.banks_without: list[BankWithout] = []
        self.found: dict[int, Scored] = {}
        self.method = f"{parts}-fold"

    def scored(self, _progress: Progress) -> list[Scored]:
        """Patch scores of each image. Raises `CalibrationError`."""
        if not self.found:
            raise CalibrationError(TOO_FEW)
        return [self.found[image] for image in range(len(self.seen.names))]

    def close(self) -> None:
        """Give back what was found."""
        self.found, self.banks_without = {}, []


def _seen(
    images: ImageSource,
    keys: list[str],
    parts: Sequence[Sequence[int]],
    picked: Sequence[Picked],
) -> SeenImages:
    """All images in their order, as the shards have seen them."""
    found: dict[int, tuple[str, tuple[int, int], tuple[int, int]]] = {}
    for part, one in zip(parts, picked, strict=True):
        of_part = zip(one.seen.names, one.seen.grids_hw, one.seen.inside_hw, strict=True)
        found |= dict(zip(part, of_part, strict=True))
    seen = SeenImages(images.sizes_hw)
    seen.split_keys = keys
    for number in sorted(found):
        seen.see(*found[number])
    return seen


def _places(parts: Sequence[Sequence[int]], picked: Sequence[Picked]) -> Places:
    """Where the vectors of all coresets come from, by numbers of all images."""
    found = np.concatenate([one.places for one in picked])
    of_all = [np.array(part)[one.places["image"]] for part, one in zip(parts, picked, strict=True)]
    found["image"] = np.concatenate(of_all)
    return found


def _told_of(picked: Picked) -> dict[str, Any]:
    """A shard, as plain JSON values."""
    return {
        "images": len(picked.seen.names),
        "patches": picked.patches,
        "picked": len(picked.points),
        "radius": picked.radius,
    }
