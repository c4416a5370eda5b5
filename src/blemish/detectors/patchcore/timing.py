"""How long a fit of PatchCore will take on this machine: a guess from a very short measurement.

The first images go through the backbone; some of their patches look for neighbours among the
others, and a few blocks of random vectors go through the products that picking consists of. All is
scaled up to the size of the fit. It is a guess: other work on the machine, slow disks and the
images themselves move it, easily by a third. The backbone is measured in float32 whatever the
precision, which is too long for int8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import perf_counter

import numpy as np

from blemish.backbones.backbone import Backbone
from blemish.detectors.contract import ImageSource
from blemish.detectors.features.stream import measured
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.detectors.patchcore.plan import PatchCorePlan
from blemish.detectors.patchcore.settings import PatchCoreSettings
from blemish.detectors.patchcore.shards_plan import ShardsPlan
from blemish.graph.engine import ONE_CORE
from blemish.graph.session import Session
from blemish.parallel import available_cores, one_core_each
from blemish.search.graph import search_alone
from blemish.search.point_distances import BLOCK_ROWS, DIRECTIONS, PICKS_AT_ONCE, WORTH_SKETCHING
from blemish.search.vectors import Vectors

BLOCKS_A_CORE = 8  # of distances from points to picks, as picking takes them
NEAR = 0.2  # of all points are measured after sketches have been asked
QUERIES = 2048  # patches a core that look for their nearest neighbour
VECTORS = 4096  # of the bank in which they look


def estimate_seconds(
    settings: PatchCoreSettings,
    backbone: Backbone,
    images: ImageSource,
    plan: PatchCorePlan | ShardsPlan,
) -> dict[str, float]:
    """Guess how long the stages of a fit will take; a second or two goes into measuring.

    By shards it is what they take one after the other on this machine.

    Args:
        settings: of the fit.
        backbone: that the settings name.
        images: the good images; the first few are read.
        plan: what a fit on them takes.

    Raises:
        ImageError: one of the images cannot be read.
    """
    writer = PatchCoreGraph(settings, backbone, images.image_format)
    if isinstance(plan, ShardsPlan):
        return _by_shards(writer, images, plan)
    an_image, patches = measured(writer, images, plan.at_once)
    picking = _picking_seconds(plan)
    leaving_out = 2 * picking if settings.calibration_folds else 0.0
    if not (
        settings.calibration_folds and settings.scores_are_distances and plan.points_are_vectors
    ):
        searches = 2 if settings.calibration_folds else 1
        leaving_out += searches * _searching_seconds(plan, patches)
    return {"features": plan.images * an_image, "coreset": picking, "leave out": leaving_out}


def _by_shards(writer: PatchCoreGraph, images: ImageSource, plan: ShardsPlan) -> dict[str, float]:
    """Images are looked at twice, and each patch meets two banks; unions are picked from fast."""
    one = plan.of_a_shard
    an_image, patches = measured(writer, images, one.at_once)
    a_distance = _picking_seconds(one) / (one.candidates * one.bank_vectors)
    union = a_distance * plan.shards * one.bank_vectors * plan.bank_vectors
    looking = plan.images * an_image
    meeting = replace(one, bank_vectors=plan.bank_vectors)
    searching = plan.shards * _searching_seconds(meeting, patches)
    return {
        "features": looking + plan.shards * _picking_seconds(one),
        "coreset": union,
        "leave out": looking + 2 * (searching + union),
    }


def _picking_seconds(plan: PatchCorePlan) -> float:
    """Seconds of one coreset: nearly all of it is distances from all candidates to all picks."""
    dimensions = plan.point_dimensions
    if dimensions < WORTH_SKETCHING:
        a_distance = _seconds_a_distance(dimensions)
    else:
        a_distance = _seconds_a_distance(DIRECTIONS) + NEAR * _seconds_a_distance(dimensions)
    return a_distance * plan.candidates * plan.bank_vectors


def _seconds_a_distance(dimensions: int) -> float:
    blocks = BLOCKS_A_CORE * available_cores()
    points, picks = (_random(rows, dimensions) for rows in (BLOCK_ROWS, PICKS_AT_ONCE))
    with one_core_each() as pool:
        seconds = _seconds(lambda: list(pool.map(_distances, [points] * blocks, [picks] * blocks)))
    return seconds / (blocks * len(points) * len(picks))


def _distances(points: Vectors, picks: Vectors) -> Vectors:
    """What picking does to a block of points, less what hardly takes time."""
    products = picks @ points.T
    products += 1
    nearest_sq: Vectors = products.min(axis=0)
    return nearest_sq


def _searching_seconds(plan: PatchCorePlan, patches: Vectors) -> float:
    """Seconds in which all patches find their nearest neighbour in the bank, on all cores."""
    cores = available_cores()
    halves = np.random.default_rng(0).permutation(len(patches))
    vectors = min(plan.bank_vectors, VECTORS, len(patches) // 2)
    bank, queries = patches[halves[:vectors]], patches[halves[vectors:][:QUERIES]]
    graph = search_alone(bank).SerializeToString()
    with Session(graph, ONE_CORE) as session, one_core_each() as pool:
        search = partial(session.run, ["distances"])
        grids = [queries[None, None]] * cores
        seconds = _seconds(lambda: list(pool.map(lambda grid: search(patches=grid), grids)))
    return seconds * plan.patches / (len(queries) * cores) * (plan.bank_vectors / vectors)


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _random(rows: int, dimensions: int) -> Vectors:
    return np.random.default_rng(0).standard_normal((rows, dimensions), dtype=np.float32)
