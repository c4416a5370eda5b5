"""PatchCore: a bank of patches of good pictures, and how far a new patch is from the nearest.

Roth et al., "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022. Where the paper, the
authors' code and others part, the difference is a setting. Never does this module look at labels,
thresholds or files of pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.backbones.backbone import Backbone, load_backbone
from blemish.detectors.base import DetectorSettings, ImageSource, LeftOut
from blemish.detectors.coreset import STARTS, Coreset, greedy_k_centre, projection
from blemish.detectors.neighbours import nearest, standing_out_of, understudies
from blemish.detectors.parallel import one_core_each
from blemish.detectors.patch_store import PatchStore
from blemish.detectors.patchcore_graph import Bank, PatchCoreGraph
from blemish.detectors.patchcore_plan import FitPlan, plan_fit
from blemish.errors import DataError, SettingError
from blemish.graph.session import Session
from blemish.progress import Progress
from blemish.settings import setting

if TYPE_CHECKING:
    import onnx

Vectors = NDArray[np.float32]

DEFAULT_RATIO = 0.01


@dataclass(frozen=True)
class PatchCoreSettings(DetectorSettings):
    """All that can be chosen in PatchCore."""

    backbone: str | None = setting(None, "an ONNX file with named outputs, or timm:NAME")
    levels: tuple[str, ...] | None = setting(
        None, "outputs of the backbone to use; by default those at strides 8 and 16", fewest=1
    )
    weights: str | None = setting(None, "a safetensors file with the weights of timm:NAME")
    neighbourhood: int = setting(3, "side of the patch's neighbourhood, odd", at_least=1, at_most=9)
    embedding: str = setting(
        "concat",
        "all channels end to end, or pooled to embedding_width as in the authors' code",
        choices=("concat", "pooled"),
    )
    embedding_width: int = setting(1024, "dimensions of the pooled embedding", at_least=1)
    coreset_ratio: float | None = setting(
        None, "share of all patches to keep; 0.01 where no other size is given", above=0, at_most=1
    )
    coreset_count: int | None = setting(None, "number of patches to keep", at_least=1)
    coreset_megabytes: float | None = setting(None, "size of the bank", above=0)
    coreset_start: str = setting(
        "random",
        "first pick: a seeded row; farthest from the mean (the authors' exact sampler); "
        "or by ten sampled rows (their approximate one)",
        choices=STARTS,
    )
    projection: int = setting(
        128, "dimensions that picking the coreset compares; 0 for all", at_least=0
    )
    k: int = setting(1, "neighbours whose mean distance is a patch's score", at_least=1, at_most=50)
    reweight: int = setting(
        0, "neighbours b of the paper's Eq. 7 (others use 9); 0 leaves it out", at_least=0
    )
    distance: str = setting(
        "euclidean", "squared in the authors' code", choices=("euclidean", "squared")
    )
    smoothing: float = setting(
        4.0, "sigma of the map's Gaussian, in working pixels; 0 for none", at_least=0, at_most=32
    )
    image_score: str = setting(
        "patches",
        "the largest patch score, or the largest value of the smoothed map",
        choices=("patches", "map"),
    )
    memory_megabytes: int = setting(4000, "the most memory that a fit may take", at_least=100)

    def contradictions(self) -> list[str]:
        """Problems between settings that are each allowed."""
        problems = super().contradictions()
        sizes = ("coreset_ratio", "coreset_count", "coreset_megabytes")
        given = [name for name in sizes if getattr(self, name) is not None]
        if len(given) > 1:
            problems.append(f"'{given[0]}' and '{given[1]}' both size the bank; give one.")
        if self.neighbourhood % 2 == 0:
            problems.append(f"'neighbourhood' must be odd; got {self.neighbourhood}.")
        if self.reweight and self.image_score == "map":
            problems.append("'reweight' weighs patch scores; it must be 0 with image_score 'map'.")
        return problems

    def dimensions(self, channels: Sequence[int]) -> int:
        """Length of a patch's vector.

        Raises:
            SettingError: the pooled width cannot be shared among the levels.
        """
        if self.embedding == "concat":
            return sum(channels)
        if self.embedding_width % len(channels):
            raise SettingError(
                f"'embedding_width' must be a multiple of the number of levels ({len(channels)}); "
                f"got {self.embedding_width}."
            )
        return self.embedding_width

    def projection_dimensions(self, dimensions: int) -> int:
        """Length of the vectors that picking compares."""
        return self.projection if 0 < self.projection < dimensions else dimensions

    def bank_size(self, patches: int, dimensions: int) -> int:
        """How many vectors the bank will have, at least one."""
        if self.coreset_count is not None:
            count = self.coreset_count
        elif self.coreset_megabytes is not None:
            count = int(self.coreset_megabytes * 10**6) // (4 * dimensions)
        else:
            ratio = DEFAULT_RATIO if self.coreset_ratio is None else self.coreset_ratio
            count = int(patches * ratio)
        return min(patches, max(count, 1))


class PatchCore:
    """The detector. Settings are given by name, or as a `PatchCoreSettings`."""

    name = "patchcore"

    def __init__(self, settings: PatchCoreSettings | None = None, **values: Any) -> None:
        self.settings = settings.replace(**values) if settings else PatchCoreSettings(**values)

    @cached_property
    def backbone(self) -> Backbone:
        """The feature extractor that the settings name. Raises `BackboneError`, `SettingError`."""
        s = self.settings
        if s.backbone is None:
            raise SettingError(
                "PatchCore needs a backbone: --backbone FILE.onnx with named outputs, or "
                "--backbone timm:NAME (pip install 'blemish[train]')."
            )
        return load_backbone(s.backbone, levels=s.levels, weights=s.weights)

    def plan(self, sizes_hw: Sequence[tuple[int, int]]) -> FitPlan:
        """What a fit on pictures of these sizes will take."""
        weights = self.backbone.graph.ByteSize()
        return plan_fit(self.settings, self.backbone, sizes_hw, backbone_bytes=weights)

    def fit(self, images: ImageSource, *, progress: Progress) -> FittedPatchCore:
        """Learn from good pictures.

        Raises:
            DataError: there is no picture.
        """
        if not images.sizes_hw:
            raise DataError("There is no good picture to learn from.")
        plan = self.plan(images.sizes_hw)
        for note in plan.notes():
            progress.say(note)
        graph = PatchCoreGraph(self.settings, self.backbone, images.picture_format)
        patches = _extract(graph, images, plan, self.settings.seed, progress)
        try:
            return self._pick(graph, patches, plan, progress)
        except BaseException:
            patches.store.close()
            raise

    def _pick(
        self, graph: PatchCoreGraph, patches: _Patches, plan: FitPlan, progress: Progress
    ) -> FittedPatchCore:
        s = self.settings
        rng = np.random.default_rng([s.seed, 1])
        count = min(s.bank_size(len(patches.store), plan.dimensions), len(patches.points))
        with progress.stage("coreset", count) as advance:
            coreset = greedy_k_centre(
                patches.points, count, start=s.coreset_start, rng=rng, advance=advance
            )
        vectors = patches.store.take(patches.rows[coreset.picks])
        companions = None
        if s.reweight:
            _, companions = nearest(vectors, vectors, k=min(s.reweight, len(vectors)))
        return FittedPatchCore(graph, Bank(vectors, companions), patches, coreset)


class FittedPatchCore:
    """A fitted PatchCore, with its training patches until `close`."""

    def __init__(
        self, writer: PatchCoreGraph, bank: Bank, patches: _Patches, coreset: Coreset
    ) -> None:
        self._writer = writer
        self._patches = patches
        self._coreset = coreset
        self.bank = bank

    @cached_property
    def graph(self) -> onnx.ModelProto:
        """The model that ships."""
        return self._writer.detector(self.bank)

    @property
    def facts(self) -> dict[str, Any]:
        """What a reader of the model file wants to know of the fit."""
        return {
            "backbone": self._writer.backbone.provenance(),
            "bank_vectors": len(self.bank.vectors),
            "bank_dimensions": self.bank.vectors.shape[1],
            "bank_bytes": self.bank.vectors.nbytes,
            "patches": len(self._patches.store),
            "candidates": len(self._patches.points),
            "coreset_radius": self._coreset.radius,
        }

    def left_out(self, *, progress: Progress) -> Iterator[LeftOut]:
        """Score each training picture against the bank as it would be without it.

        Its own vectors are replaced by the nearest patches of other pictures: those that the
        coreset would have had to pick in their place.
        """
        p = self._patches
        if len(p.names) < 2:
            raise DataError("One picture cannot be left out of one; at least 2 are needed.")
        summary = Session(self._writer.summary().SerializeToString(), threads=1)
        with progress.stage("leave one out", len(p.names)) as advance, one_core_each() as pool:
            stand_ins, owner = self._stand_ins(pool)

            def score(picture: int) -> LeftOut:
                return self._score_left_out(picture, stand_ins, owner, summary)

            for result in pool.map(score, range(len(p.names))):
                advance(1)
                yield result

    def close(self) -> None:
        """Give the training patches back."""
        self._patches.store.close()
        self._patches.points = np.empty((0, 0), np.float32)

    def _stand_ins(self, pool: Any) -> tuple[Vectors, NDArray[np.int64]]:
        """For each bank vector its stand-in, and which picture it comes from."""
        p, picks = self._patches, self._coreset.picks
        owner = p.owner[picks]
        rows = understudies(p.points[picks], owner, p.points, p.owner, pool=pool)
        return p.store.take(p.rows[rows]), owner

    def _score_left_out(
        self, picture: int, stand_ins: Vectors, owner: NDArray[np.int64], summary: Session
    ) -> LeftOut:
        s, p = self._writer.settings, self._patches
        bank = self.bank.vectors.copy()
        own = owner == picture
        bank[own] = stand_ins[own]
        patches = p.store.read(p.starts[picture], p.starts[picture + 1])
        squared, rows = nearest(patches, bank, k=min(s.k, len(bank)))
        scores = (squared if s.distance == "squared" else np.sqrt(squared)).mean(axis=1)
        weight = 1.0
        if s.reweight:
            worst = int(scores.argmax())
            companions = min(s.reweight, len(bank))
            weight = standing_out_of(patches[worst], rows[worst, 0], bank, companions)
        score, score_map = summary.run(
            ["score", "score_map"],
            patch_scores=p.on_grid(picture, scores),
            weight=np.array([weight], np.float32),
            picture_hw=np.array(p.sizes_hw[picture], np.int64),
        )
        return LeftOut(p.names[picture], float(score[0]), float(score_map.max()))


@dataclass(eq=False)
class _Patches:
    """The patches of all training pictures, and the points that picking compares.

    Attributes:
        names, sizes_hw: of the pictures.
        grids_hw: grid of patches of each picture, padding included.
        inside_hw: the part of it that shows the picture.
        store: the vectors, picture after picture, row after row of the grid's inside.
        starts: where each picture's vectors begin in the store, and the end.
        points: what picking compares: some or all of the vectors, projected or not.
        rows: which row of the store each point is.
        owner: which picture each point comes from, rising.
    """

    names: list[str]
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


def _extract(
    graph: PatchCoreGraph, images: ImageSource, plan: FitPlan, seed: int, progress: Progress
) -> _Patches:
    """Stream all pictures through the backbone, keeping patches and points as planned."""
    session = Session(graph.features().SerializeToString())
    store = PatchStore(plan.dimensions, plan.patches, on_disk=plan.on_disk)
    names, grids, insides, counts = [], [], [], []
    points: list[Vectors] = []
    rows: list[NDArray[np.int64]] = []
    project = _projector(plan, seed)
    share = plan.candidates / plan.patches
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
                    if project is not None:
                        points.append(project(vectors[chosen]))
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
    return _Patches(
        names=names,
        sizes_hw=sizes,
        grids_hw=grids,
        inside_hw=insides,
        store=store,
        starts=np.concatenate([[0], np.cumsum(counts)]),
        points=store.all() if project is None else _joined(points),
        rows=np.concatenate(rows),
        owner=np.repeat(np.arange(len(rows)), [len(chosen) for chosen in rows]),
    )


def _projector(plan: FitPlan, seed: int) -> Any:
    """What makes points of vectors; `None` where the stored vectors themselves serve."""
    if plan.point_dimensions < plan.dimensions:
        rng = np.random.default_rng([seed, 0])
        matrix = projection(plan.dimensions, plan.point_dimensions, rng)
        return lambda vectors: vectors @ matrix
    return (lambda vectors: vectors.copy()) if plan.on_disk else None


def _sample(count: int, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """A seeded sample of that share of `count` rows, rising."""
    if share >= 1:
        return np.arange(count)
    return np.sort(rng.choice(count, max(1, int(count * share)), replace=False))


def _joined(blocks: list[Vectors]) -> Vectors:
    """All blocks as one array; each is let go as soon as it is copied."""
    joined = np.empty((sum(len(block) for block in blocks), blocks[0].shape[1]), np.float32)
    blocks.reverse()
    first = 0
    while blocks:
        block = blocks.pop()
        joined[first : first + len(block)] = block
        first += len(block)
    return joined


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
