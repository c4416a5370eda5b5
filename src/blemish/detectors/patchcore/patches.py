"""Images streamed through the backbone, their patches kept as the plan of the fit says."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.contract import ImageSource
from blemish.detectors.features.feature_range import FeatureRange
from blemish.detectors.features.store import VectorStore
from blemish.detectors.features.stream import grids_of_all
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.detectors.patchcore.plan import PatchCorePlan
from blemish.detectors.patchcore.seen import SeenImages, inside
from blemish.graph.engine import CPU, Engine
from blemish.progress import Progress
from blemish.search.coreset import projection
from blemish.search.point_distances import PointCloud
from blemish.search.vectors import Vectors


class Patches(SeenImages):
    """The patches of all training images, and the points that picking compares.

    Attributes:
        store: the vectors, image after image, row after row of each grid's inside.
    """

    def __init__(self, images: ImageSource, plan: PatchCorePlan, seed: int) -> None:
        super().__init__(images.sizes_hw)
        self.store = VectorStore(plan.dimensions, plan.patches, on_disk=plan.on_disk)
        self._points = _Points(plan, self.store, len(self.sizes_hw), seed)
        self._share, self._seed = plan.candidates / plan.patches, seed
        self._rows: list[NDArray[np.int64]] = []

    def add(
        self, name: str, grid: Vectors, inside_hw: tuple[int, int], picked_by: Vectors | None = None
    ) -> None:
        """Keep the patches of the next image.

        Args:
            name: of the image.
            grid: h x w x D, padding included.
            inside_hw: the part of the grid that shows the image.
            picked_by: what picking compares in the place of the patches, a grid of the same size.
        """
        vectors = inside(grid, inside_hw)
        compared = vectors if picked_by is None else inside(picked_by, inside_hw)
        if self._share < 1:
            rng = np.random.default_rng([self._seed, 2, len(self.names)])
            chosen = _sample(len(vectors), self._share, rng)
            compared = compared[chosen]
        else:
            chosen = np.arange(len(vectors))
        self._points.append(compared)
        self._rows.append(len(self.store) + chosen)
        self.see(name, grid.shape, inside_hw)
        self.store.append(vectors)

    @cached_property
    def points(self) -> PointCloud:
        """What picking compares: some or all of the vectors, projected or not."""
        return PointCloud(self._points.all())

    @property
    def points_are_vectors(self) -> bool:
        """Picking compares all vectors as they are."""
        return not self._points.own

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Which row of the store each point is."""
        return np.concatenate(self._rows)

    @cached_property
    def owner(self) -> NDArray[np.int64]:
        """Which image each point comes from, rising."""
        return np.repeat(np.arange(len(self._rows)), [len(rows) for rows in self._rows])

    def without_vectors(self) -> SeenImages:
        """The images alone."""
        seen = SeenImages(self.sizes_hw)
        for image in zip(self.names, self.grids_hw, self.inside_hw, strict=True):
            seen.see(*image)
        return seen

    def close(self) -> None:
        """Give all vectors back."""
        self.store.close()
        self._points.close()
        self.__dict__.pop("points", None)


def extract(
    graph: PatchCoreGraph,
    images: ImageSource,
    plan: PatchCorePlan,
    progress: Progress,
    *,
    engine: Engine = CPU,
    picked_by: PatchCoreGraph | None = None,
    features_seen: FeatureRange | None = None,
) -> Patches:
    """Stream all images through the backbone, keeping patches and points as planned.

    Args:
        graph: gives the patches.
        images: the images.
        plan: of the fit.
        progress: told of the stage.
        engine: what runs the graphs.
        picked_by: gives what picking compares, where that is not the patches themselves.
        features_seen: see `grids_of_all`.

    Raises:
        ImageError: an image cannot be read.
        BackboneError: the backbone gives features of one that are not finite.
    """
    patches = Patches(images, plan, graph.settings.seed)
    graphs = [g for g in (graph, picked_by) if g is not None]
    try:
        found = grids_of_all(graphs, images, plan.at_once, progress, engine, seen=features_seen)
        for name, grids in found:
            size_hw = patches.sizes_hw[len(patches.names)]
            inside_hw = graph.working_size.cells_inside(size_hw, grids[0].shape[:2])
            patches.add(name, grids[0], inside_hw, *grids[1:])
        patches.split_keys = list(images.split_keys)  # now that all have been read
    except BaseException:
        patches.close()
        raise
    return patches


class _Points:
    """Room for the points, filled as patches come: projected, or as they are.

    Where the store holds all vectors in memory and points are these as they are, its rows serve and
    nothing is kept here: then points are not `own`.
    """

    def __init__(self, plan: PatchCorePlan, store: VectorStore, images: int, seed: int) -> None:
        self._store = store
        self._matrix = point_matrix(plan.dimensions, plan.point_dimensions, seed)
        self.own = not plan.points_are_vectors
        room = plan.candidates + images if self.own else 0  # a sample has at least one an image
        self._rows = np.empty((room, plan.point_dimensions), np.float32)
        self._count = 0

    def append(self, vectors: Vectors) -> None:
        """Add the points of some vectors."""
        if self.own:
            block = self._rows[self._count : self._count + len(vectors)]
            block[:] = vectors if self._matrix is None else vectors @ self._matrix
            self._count += len(vectors)

    def all(self) -> Vectors:
        """All points."""
        return self._rows[: self._count] if self.own else self._store.all()

    def close(self) -> None:
        """Give the points back."""
        self._rows = np.empty((0, 0), np.float32)


def point_matrix(dimensions: int, of_points: int, seed: int) -> Vectors | None:
    """What vectors are multiplied with to give points, D x P; `None` where they are their own."""
    if of_points == dimensions:
        return None
    return projection(dimensions, of_points, np.random.default_rng([seed, 0]))


def _sample(count: int, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """A seeded sample of that share of `count` rows, rising."""
    return np.sort(rng.choice(count, max(1, int(count * share)), replace=False))
