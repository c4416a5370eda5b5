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
from blemish.images.format import ImageFormat
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
    *,
    seen: FeatureRange | None = None,
) -> Iterator[tuple[str, list[Vectors]]]:
    """The vectors of each image, h x w x D by each graph, with its name, in order.

    Each core takes an image of its own, which keeps it busy all the time; where images are too
    large for that, all cores take the same. Says where the first graph's features are far larger
    than usual, on these images or on views of a few; where `seen` is given it is only kept there,
    since these are not all images.

    Raises:
        ImageError: an image cannot be read.
        BackboneError: the backbone gives features of one that are not finite.
        UsageError: the engine's provider is not there.
    """
    at_once = min(at_once, engine.at_once)
    engine = replace(engine, threads=engine.cores // at_once)
    sessions = [Session(g.features().SerializeToString(), engine) for g in graphs]
    stage = progress.stage("features", len(images.sizes_hw))
    told_elsewhere = seen is not None
    seen = seen or range_of(graphs[0], images)
    # What is done to vectors meanwhile must not take a core from the backbone.
    with stage as advance, products_on_one_core():
        look = partial(_look, sessions, seen, images.image_format)
        for (_, (name, _)), found in read_ahead(
            enumerate(images), look, readers=at_once, most=at_once + 1
        ):
            if isinstance(found, Exception):
                raise found
            grids, of_views = found
            seen.add(name, grids[0])
            for view, grid in of_views.items():
                seen.add_view(view, grid)
            yield name, grids
            advance(1)
    for note in () if told_elsewhere else seen.notes(graphs[0].backbone.name):
        progress.say(note)


def range_of(graph: FeatureGraph, images: ImageSource) -> FeatureRange:
    """What is to be told of how large a graph's features of some images are."""
    return FeatureRange(len(images.sizes_hw), averaged=graph.neighbourhood > 1)


def measured(graph: FeatureGraph, images: ImageSource, at_once: int) -> tuple[float, Vectors]:
    """Seconds an image, from file to vectors, once the graph is warm; and the vectors of a few."""
    cores = available_cores()
    session = Session(graph.features().SerializeToString(), Engine(threads=cores // at_once))
    start = perf_counter()
    shown = FEW if graph.working_size.tiles is None else 1  # of which an image has many
    few = [image[None] for _, image in islice(images, shown)]
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


def _look(
    sessions: Sequence[Session],
    seen: FeatureRange,
    image_format: ImageFormat,
    item: tuple[int, tuple[str, NDArray[Any]]],
) -> tuple[list[Vectors], dict[str, Vectors]]:
    """What each graph makes of an image, and the first of views of it, where it is to be viewed."""
    number, (name, image) = item
    shown = views(name, image, image_format) if seen.has_views(number) else ()
    of_views = {view[0]: _grids(sessions[:1], view)[0] for view in shown}
    return _grids(sessions, (name, image)), of_views


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
