"""Pictures streamed through the backbone, their patches kept as the plan of the fit says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.base import ImageSource
from blemish.detectors.coreset import projection
from blemish.detectors.patch_store import PatchStore
from blemish.detectors.patchcore_graph import PatchCoreGraph
from blemish.detectors.patchcore_plan import FitPlan
from blemish.graph.session import Session
from blemish.progress import Progress

Vectors = NDArray[np.float32]


@dataclass(eq=False)
class Patches:
    """The patches of all training pictures, and the points that picking compares.

    Attributes:
        names, split_keys, sizes_hw: of the pictures.
        grids_hw: grid of patches of each picture, padding included.
        inside_hw: the part of it that shows the picture.
        store: the vectors, picture after picture, row after row of the grid's inside.
        starts: where each picture's vectors begin in the store, and the end.
        points: what picking compares: some or all of the vectors, projected or not.
        rows: which row of the store each point is.
        owner: which picture each point comes from, rising.
    """

    names: list[str]
    split_keys: list[str]
    sizes_hw: list[tuple[int, int]]
    grids_hw: list[tuple[int, int]]
    inside_hw: list[tuple[int, int]]
    store: PatchStore
    starts: NDArray[np.int64]
    points: Vectors
    rows: NDArray[np.int64]
    owner: NDArray[np.int64]

    def on_grid(self, picture: int, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of a picture's patches on its grid, 1 x h x w; padding reads 0."""
        height, width = self.inside_hw[picture]
        grid = np.zeros((1, *self.grids_hw[picture]), np.float32)
        grid[0, :height, :width] = scores.reshape(height, width)
        return grid


def extract(
    graph: PatchCoreGraph, images: ImageSource, plan: FitPlan, seed: int, progress: Progress
) -> Patches:
    """Stream all pictures through the backbone, keeping patches and points as planned."""
    session = Session(graph.features().SerializeToString())
    store = PatchStore(plan.dimensions, plan.patches, on_disk=plan.on_disk)
    names: list[str] = []
    grids: list[tuple[int, int]] = []
    insides: list[tuple[int, int]] = []
    counts: list[int] = []
    rows: list[NDArray[np.int64]] = []
    share = plan.candidates / plan.patches
    points = _Points(plan, store, len(images.sizes_hw), seed)
    sizes = list(images.sizes_hw)
    try:
        with progress.stage("features", len(sizes)) as advance:
            for batch_names, pictures in _batches(images, plan.batch):
                for name, grid in zip(
                    batch_names, session.run(["patches"], image=pictures)[0], strict=True
                ):
                    inside = graph.working_size.cells_inside(sizes[len(names)], grid.shape[:2])
                    vectors = grid[: inside[0], : inside[1]].reshape(-1, plan.dimensions)
                    chosen = _sample(len(vectors), share, np.random.default_rng([seed, len(names)]))
                    points.append(vectors[chosen])
                    rows.append(len(store) + chosen)
                    names.append(name)
                    grids.append(grid.shape[:2])
                    insides.append(inside)
                    counts.append(len(vectors))
                    store.append(vectors)
                advance(len(batch_names))
    except BaseException:
        store.close()
        raise
    return Patches(
        names=names,
        split_keys=list(images.split_keys),
        sizes_hw=sizes,
        grids_hw=grids,
        inside_hw=insides,
        store=store,
        starts=np.concatenate([[0], np.cumsum(counts)]),
        points=points.all(),
        rows=np.concatenate(rows),
        owner=np.repeat(np.arange(len(rows)), [len(chosen) for chosen in rows]),
    )


class _Points:
    """Room for the points, filled as patches come: projected, or as they are.

    Where the store holds all vectors in memory and nothing is projected, its rows serve as points
    and nothing is kept here.
    """

    def __init__(self, plan: FitPlan, store: PatchStore, pictures: int, seed: int) -> None:
        self._store = store
        self._matrix: Vectors | None = None
        if plan.point_dimensions < plan.dimensions:
            rng = np.random.default_rng([seed, 0])
            self._matrix = projection(plan.dimensions, plan.point_dimensions, rng)
        self._own = self._matrix is not None or store.on_disk
        room = plan.candidates + pictures if self._own else 0  # a sample has at least one a picture
        self._rows = np.empty((room, plan.point_dimensions), np.float32)
        self._count = 0

    def append(self, vectors: Vectors) -> None:
        """Add the points of some vectors."""
        if self._own:
            block = self._rows[self._count : self._count + len(vectors)]
            block[:] = vectors if self._matrix is None else vectors @ self._matrix
            self._count += len(vectors)

    def all(self) -> Vectors:
        """All points."""
        return self._rows[: self._count] if self._own else self._store.all()


def _sample(count: int, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """A seeded sample of that share of `count` rows, rising."""
    if share >= 1:
        return np.arange(count)
    return np.sort(rng.choice(count, max(1, int(count * share)), replace=False))


def _batches(
    images: Iterable[tuple[str, NDArray[Any]]], most: int
) -> Iterator[tuple[list[str], NDArray[Any]]]:
    """Stacks of pictures of one size that follow each other."""
    names: list[str] = []
    pictures: list[NDArray[Any]] = []
    for name, picture in images:
        if pictures and (len(pictures) == most or pictures[0].shape != picture.shape):
            yield names, np.stack(pictures)
            names, pictures = [], []
        names.append(name)
        pictures.append(picture)
    if pictures:
        yield names, np.stack(pictures)
