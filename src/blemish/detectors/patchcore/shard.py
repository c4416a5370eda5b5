"""What is done to a shard of the training images, here or on another machine.

A shard is looked at twice: once to pick from its patches, and once, when the bank is known, to say
how far they lie from it and from a bank that has nothing of them. Vectors are not kept between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from blemish.detectors.contract import ImageSource
from blemish.detectors.features.feature_range import FeatureRange
from blemish.detectors.features.sizes import measure
from blemish.detectors.features.stream import grids_of_all, range_of
from blemish.detectors.origins import Places, places_of
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.detectors.patchcore.held_out import BLOCK, Scored, as_new, patch_scores, weight_of
from blemish.detectors.patchcore.patches import extract, point_matrix
from blemish.detectors.patchcore.plan import plan_fit
from blemish.detectors.patchcore.seen import SeenImages, inside
from blemish.graph.engine import ONE_CORE, Engine
from blemish.graph.session import Session
from blemish.progress import LoggedProgress
from blemish.search.coreset import greedy_k_centre
from blemish.search.vectors import Vectors

QUIET = LoggedProgress()  # nobody watches a shard


@dataclass(frozen=True, eq=False)
class Shard:
    """Images, and what makes patches of them.

    Attributes:
        number: of the shard.
        images: good ones.
        graph: gives the patches.
        picked_by: gives what picking compares, where that is not the patches themselves.
        engine: what runs the graphs.
        shared_by, set_aside_bytes: of the memory allowed, as `Bank` has them.
    """

    number: int
    images: ImageSource
    graph: PatchCoreGraph
    picked_by: PatchCoreGraph | None
    engine: Engine
    shared_by: int
    set_aside_bytes: int


@dataclass(frozen=True, eq=False)
class ToPick:
    """A shard, and how many of its patches are to be picked."""

    shard: Shard
    count: int


@dataclass(frozen=True, eq=False)
class Picked:
    """The coreset of a shard.

    Attributes:
        seen: the images.
        vectors: K x D, as they are kept.
        points: K x P, as picking compares them.
        places: K, where they come from, by numbers of the shard's images.
        radius: within which they cover the shard's patches, in the space of the points.
        patches: of the shard.
        features_seen: how large its features are.
    """

    seen: SeenImages
    vectors: Vectors
    points: Vectors
    places: Places
    radius: float
    patches: int
    features_seen: FeatureRange


@dataclass(frozen=True, eq=False)
class ToJudge:
    """A shard, and the banks that it is to meet.

    Attributes:
        shard: the images.
        bank: what ships.
        bank_points: the same as picking compares it.
        without: a bank that has nothing of the shard; `None` where there is none.
        shift: from `without` to the scale of `bank`.
    """

    shard: Shard
    bank: Vectors
    bank_points: Vectors
    without: Vectors | None
    shift: float


@dataclass(frozen=True, eq=False)
class Judged:
    """A shard's images as if they were new.

    Attributes:
        number: of the shard.
        scored: each image, in order; empty where there was no bank without them.
        farthest: how far any patch is from the nearest of the bank, in the space of the points.
    """

    number: int
    scored: list[Scored]
    farthest: float


def pick(task: ToPick) -> Picked:
    """A coreset of the shard's patches: greedy k-centre, as for a whole."""
    shard, features_seen = task.shard, range_of(task.shard.graph, task.shard.images)
    s, backbone = shard.graph.settings, shard.graph.backbone
    plan = plan_fit(
        s.with_bank_of(task.count),
        backbone,
        shard.images.sizes_hw,
        backbone_bytes=backbone.graph.ByteSize(),
        shared_by=shard.shared_by,
        set_aside_bytes=shard.set_aside_bytes,
    )
    patches = extract(
        shard.graph,
        shard.images,
        plan,
        QUIET,
        engine=shard.engine,
        picked_by=shard.picked_by,
        features_seen=features_seen,
    )
    try:
        rng = np.random.default_rng([s.seed, 1, shard.number])
        cloud, count = patches.points, min(task.count, len(patches.points))
        coreset = greedy_k_centre(cloud, count, start=s.coreset_start, rng=rng)
        rows = patches.rows[coreset.picks]
        return Picked(
            patches.without_vectors(),
            patches.store.take(rows),
            cloud.points[coreset.picks],
            places_of(rows, patches.starts, patches.inside_hw),
            coreset.radius,
            len(patches.store),
            features_seen,
        )
    finally:
        patches.close()


def judge(task: ToJudge) -> Judged:
    """Scores of the shard's images as if they were new, and how well the bank covers them."""
    shard = task.shard
    s = shard.graph.settings
    whole = Session(shard.graph.search(task.bank, block=BLOCK).SerializeToString(), ONE_CORE)
    without = None
    if task.without is not None:
        model = shard.graph.search(task.without, block=BLOCK).SerializeToString()
        without = Session(model, ONE_CORE)
    farthest, scored = 0.0, []
    for vectors, compared, inside_hw in _looked_at(shard):
        seen = patch_scores(whole, vectors)
        as_picked = s.scores_are_distances and compared is vectors
        far = float(seen.max()) if as_picked else _farthest(compared, task.bank_points)
        farthest = max(farthest, far)
        if without is not None:
            scores = patch_scores(without, vectors)
            worst = vectors[scores.argmax()][None]
            weight = weight_of(without, worst)
            scored.append(Scored(as_new(scores, task.shift, seen).reshape(inside_hw), weight))
    return Judged(shard.number, scored, farthest)


def _looked_at(shard: Shard) -> Iterator[tuple[Vectors, Vectors, tuple[int, int]]]:
    """Of each image its patches, what picking compares of them, and the grid that they lie on."""
    graph, images, s = shard.graph, shard.images, shard.graph.settings
    graphs = [g for g in (graph, shard.picked_by) if g is not None]
    dimensions = s.dimensions([level.channels for level in graph.backbone.levels])
    matrix = point_matrix(dimensions, s.projection_dimensions(dimensions), s.seed)
    at_once = measure(s, graph.backbone, images.sizes_hw).at_once
    seen = range_of(graph, images)  # told of after the first look
    found = grids_of_all(graphs, images, at_once, QUIET, shard.engine, seen=seen)
    for size_hw, (_, grids) in zip(images.sizes_hw, found, strict=True):
        height, width = grids[0].shape[:2]
        inside_hw = graph.working_size.cells_inside(size_hw, (height, width))
        vectors = inside(grids[0], inside_hw)
        compared = vectors if shard.picked_by is None else inside(grids[1], inside_hw)
        yield vectors, compared if matrix is None else compared @ matrix, inside_hw


def _farthest(points: Vectors, others: Vectors) -> float:
    """The largest distance of points, N x P, to the nearest of others, M x P."""
    nearest_sq = np.full(len(points), np.inf, np.float32)
    for first in range(0, len(others), BLOCK):
        some = others[first : first + BLOCK]
        products = points @ (-2 * some).T + np.einsum("nd,nd->n", some, some)
        np.minimum(nearest_sq, products.min(axis=1), out=nearest_sq)
    nearest_sq += np.einsum("nd,nd->n", points, points)
    return float(np.sqrt(max(nearest_sq.max(), 0)))
