"""Images streamed through the backbone, on all cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.contract import ImageSource
from blemish.detectors.features.feature_range import FeatureRange, views
from blemish.detectors.features.graph import FeatureGraph
from blemish.errors import BackboneError
from blemish.graph.engine import CPU, Engine
from blemish.graph.session import Session
from blemish.parallel import available_cores, products_on_one_core, read_ahead
from blemish.progress import Progress
from blemish.search.vectors import Vectors

FEW = 8  # images that are run to guess how long all take


def grids_of_all(
    graphs: Sequence[FeatureGraph],
    images: ImageSource,
    at_once: int,
    progress: Progress,
    engine: Engine = CPU,
) -> Iterator[tuple[str, list[Vectors]]]:
    """The vectors of each image, h x w x D by each graph, with its name, in order.

    Each core takes an image of its own, which keeps it busy all the time; where images are too
    large for that, all cores take the same. Tells where the first graph's features are far larger
    than usual, on these images or on views of a few.

    Raises:
        ImageError: an image cannot be read.
        BackboneError: the backbone gives features of one that are not finite.
        UsageError: the engine's provider is not there.
    """
    at_once = min(at_once, engine.at_once)
    engine = replace(engine, threads=engine.cores // at_once)
    sessions = [Session(g.features().SerializeToString(), engine) for g in graphs]
    stage = progress.stage("features", len(images.sizes_hw))
    seen = FeatureRange(len(images.sizes_hw))
    # What is done to vectors meanwhile must not take a core from the backbone.
    with stage as advance, products_on_one_core():
        grids_of = partial(_grids, sessions)
        for number, ((name, image), grids) in enumerate(
            read_ahead(images, grids_of, readers=at_once, most=at_once + 1)
        ):
            if isinstance(grids, Exception):
                raise grids
            seen.add(name, grids[0])
            if seen.has_views(number):
                for view in views(name, image, images.image_format):
                    seen.add_view(view[0], _grids(sessions[:1], view)[0])
            yield name, grids
            advance(1)
    for note in seen.notes(graphs[0].backbone.name):
        progress.say(note)


def measured(graph: FeatureGraph, images: ImageSource, at_once: int) -> tuple[float, Vectors]:
    """Seconds an image, from file to vectors, once the graph is warm; and the vectors of a few."""
    cores = available_cores()
    session = Session(graph.features().SerializeToString(), Engine(threads=cores // at_once))
    start = perf_counter()
    few = [image[None] for _, image in islice(images, FEW)]
    reading = (perf_counter() - start) / cores

    def run(image: NDArray[Any]) -> Vectors:
        vectors: Vectors = session.run(["patches"], image=image)[0]
        return vectors.reshape(-1, vectors.shape[3])

    run(few[0])
    start = perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        found = list(pool.map(run, few))
    running = perf_counter() - start
    return (reading + running) / len(few), np.concatenate(found)


def _grids(sessions: Sequence[Session], item: tuple[str, NDArray[Any]]) -> list[Vectors]:
    """What each graph makes of an image. Raises `BackboneError` where that is not finite."""
    name, image = item
    grids = [session.run(["patches"], image=image[None])[0][0] for session in sessions]
    if not all(np.isfinite(grid).all() for grid in grids):
        raise BackboneError(
            f"The backbone gives no finite features (NaN or infinite) for '{name}'. Look at this "
            "image; if it is sound, take another backbone."
        )
    return grids
