"""How long a fit of PatchCore will take on this machine: a guess from a very short measurement.

The first pictures go through the backbone, and a few blocks of random vectors through the matrix
products that picking and searching consist of; both are scaled up to the size of the fit. It is a
guess: other work on the machine, slow disks and the pictures themselves move it, easily by a third.
The backbone is measured in float32 whatever the precision, which is too long for int8.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.base import ImageSource
from blemish.detectors.coreset import BLOCK_ROWS, LARGEST_BATCH
from blemish.detectors.patchcore_graph import PatchCoreGraph
from blemish.detectors.patchcore_plan import FitPlan
from blemish.detectors.two_stage import searcher
from blemish.graph.session import Session
from blemish.parallel import available_cores, one_core_each

if TYPE_CHECKING:
    from blemish.detectors.patchcore import PatchCore

Vectors = NDArray[np.float32]

PICTURES = 8  # that are run
BLOCKS_A_CORE = 16  # of distances from points to picks, as picking takes them
QUERIES = 2048  # patches a core that look for their nearest neighbour
VECTORS = 8192  # of the bank in which they look, enough for the search that large banks get


def estimate_seconds(detector: PatchCore, images: ImageSource) -> dict[str, float]:
    """Guess how long the stages of a fit will take; a second or two goes into measuring.

    Args:
        detector: what would be fitted.
        images: the good pictures; the first few are read.

    Raises:
        ImageError: one of the pictures cannot be read.
    """
    plan, folds = detector.plan(images), detector.settings.calibration_folds
    picking = _picking_seconds(plan)
    return {
        "features": plan.pictures * _feature_seconds(detector, images),
        "coreset": picking,
        "calibration": folds * picking + _searching_seconds(plan),
    }


def _feature_seconds(detector: PatchCore, images: ImageSource) -> float:
    """Seconds a picture, from file to patches, once the graph is warm."""
    writer = PatchCoreGraph(detector.settings, detector.backbone, images.picture_format)
    session = Session(writer.features().SerializeToString())
    start = perf_counter()
    pictures = [picture[None] for _, picture in islice(images, PICTURES)]
    reading = perf_counter() - start
    session.run(["patches"], image=pictures[0])
    running = _seconds(lambda: [session.run(["patches"], image=one) for one in pictures])
    return (reading + running) / len(pictures)


def _picking_seconds(plan: FitPlan) -> float:
    """Seconds of one coreset: nearly all of it is distances from all candidates to all picks."""
    blocks = BLOCKS_A_CORE * available_cores()
    points, picks = (_random(rows, plan.point_dimensions) for rows in (BLOCK_ROWS, LARGEST_BATCH))
    with one_core_each() as pool:
        seconds = _seconds(lambda: list(pool.map(_distances, [points] * blocks, [picks] * blocks)))
    measured = blocks * len(points) * len(picks)
    return seconds * plan.candidates * plan.bank_vectors / measured


def _distances(points: Vectors, picks: Vectors) -> Vectors:
    """What picking does to a block of points, less what hardly takes time."""
    products = picks @ points.T
    products += 1
    nearest_sq: Vectors = products.min(axis=0)
    return nearest_sq


def _searching_seconds(plan: FitPlan) -> float:
    """Seconds in which all patches find their nearest neighbour in the bank, on all cores."""
    cores = available_cores()
    vectors = min(plan.bank_vectors, VECTORS)
    queries, bank = _random(QUERIES, plan.dimensions), _random(vectors, plan.dimensions)
    search = searcher(bank, k=1, queries=plan.patches)
    with one_core_each() as pool:
        seconds = _seconds(lambda: list(pool.map(search, [queries] * cores)))
    return seconds * plan.patches / (QUERIES * cores) * (plan.bank_vectors / vectors)


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _random(rows: int, dimensions: int) -> Vectors:
    return np.random.default_rng(0).standard_normal((rows, dimensions), dtype=np.float32)
