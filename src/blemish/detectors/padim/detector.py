"""PaDiM: Gaussians of good features, and how far a new feature is from its own.

Defard et al., "PaDiM: a Patch Distribution Modeling Framework for Anomaly Detection and
Localization", ICPR 2020. Where the paper and what is here part, docs/explanation/padim.md says so.
Never does this module look at labels, thresholds or files of images.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.contract import HeldOutScore, ImageSource, Told
from blemish.detectors.features.detector import FeatureDetector
from blemish.detectors.features.store import VectorStore
from blemish.detectors.features.stream import grids_of_all
from blemish.detectors.padim.gaussians import Gaussians, fit_global, fit_positions
from blemish.detectors.padim.graph import PadimGraph
from blemish.detectors.padim.plan import PadimPlan, estimate_seconds, plan_fit
from blemish.detectors.padim.settings import PadimSettings
from blemish.detectors.position import NOT_KNOWN, LeftOut, Usual, details_of, told_of
from blemish.errors import CalibrationError
from blemish.graph.engine import CPU, ONE_CORE, Engine
from blemish.graph.session import Session
from blemish.images.format import ImageFormat
from blemish.parallel import one_core_each
from blemish.progress import Progress
from blemish.wording import bytes_text

if TYPE_CHECKING:
    import onnx

LEAST_VARIANCE = 1e-6  # of features that do not vary at all


class Padim(FeatureDetector[PadimSettings]):
    """The detector. Settings are given by name, or as a `PadimSettings`.

    Its graph holds, for `Model.trace`, `patches` (h x w x D), `patch_scores` (h x w: distances)
    and, with normalisation, `deviations` (these by their place).
    """

    name = "padim"
    settings_class = PadimSettings

    def plan(self, images: ImageSource) -> PadimPlan:
        """What a fit on these images will take."""
        return plan_fit(PadimGraph(self.settings, self.backbone, ImageFormat()), images)

    def estimate_seconds(self, images: ImageSource) -> dict[str, float]:
        """Guess how long each stage of a fit will take, from a short measurement.

        Raises:
            ImageError: one of the first few images cannot be read.
        """
        return estimate_seconds(self._graph(images), images, self.plan(images))

    def fit(
        self,
        images: ImageSource,
        *,
        progress: Progress,
        folder: Path | None = None,  # noqa: ARG002
        engine: Engine = CPU,
    ) -> FittedPadim:
        """Learn from good images.

        Args:
            images: the images.
            progress: told of stages and of what a user must hear.
            folder: not used; a fit is soon done again.
            engine: what runs the backbone.

        Raises:
            DataError: there is no image.
            SettingError: the memory allowed is too small.
            UsageError: the engine's provider is not there.
        """
        plan = self.plan(images)
        for note in [*plan.notes(), *self.odd_grids()]:
            progress.say(note)
        graph = self._graph(images)
        features = _Features(graph, images, plan, progress, engine)
        try:
            fitted = FittedPadim(graph, features, *features.gaussians(progress))
        finally:
            features.close()
        if self.settings.by_place and fitted.usual is None:
            progress.say(NOT_KNOWN)
        return fitted

    def _graph(self, images: ImageSource) -> PadimGraph:
        return PadimGraph(self.settings, self.backbone, images.image_format)


class _Features:
    """The features of all training images until the Gaussians are known.

    Attributes:
        names, keys, sizes_hw, grids_hw, inside_hw: of the images, of their grids of features, and
            of the part of each grid that shows the image.
    """

    def __init__(
        self,
        graph: PadimGraph,
        images: ImageSource,
        plan: PadimPlan,
        progress: Progress,
        engine: Engine,
    ) -> None:
        self._settings, self._plan = graph.settings, plan
        self.names: list[str] = []
        self.sizes_hw = list(images.sizes_hw)
        self.grids_hw: list[tuple[int, int]] = []
        self.inside_hw: list[tuple[int, int]] = []
        self._store = VectorStore(plan.dimensions, plan.patches, on_disk=plan.on_disk)
        self._starts, sums = [0], np.zeros((2, plan.dimensions))
        try:
            grids = grids_of_all([graph], images, plan.at_once, progress, engine)
            for name, (grid,) in grids:
                size_hw, grid_hw = self.sizes_hw[len(self.names)], grid.shape[:2]
                height, width = graph.working_size.cells_inside(size_hw, grid_hw)
                inside = grid[:height, :width].reshape(height * width, -1)
                self.names.append(name)
                self.grids_hw.append((grid_hw[0], grid_hw[1]))
                self.inside_hw.append((height, width))
                self._store.append(inside)
                self._starts.append(len(self._store))
                wide = inside.astype(np.float64)
                sums += wide.sum(axis=0), (wide**2).sum(axis=0)
            self.keys = list(images.split_keys)  # now that all have been read
        except BaseException:
            self.close()
            raise
        mean, square = sums / len(self._store)
        variance = max(float((square - mean**2).mean()), LEAST_VARIANCE)
        self.ridge = self._settings.regularisation * variance

    def gaussians(self, progress: Progress) -> tuple[Gaussians, list[NDArray[np.float32]]]:
        """The Gaussians, and the distances of each image as if it had been left out."""
        together: dict[str, list[int]] = {}
        for i, key in enumerate(self.keys):
            together.setdefault(key, []).append(i)
        groups = list(together.values())
        if self._settings.gaussian == "global":
            with progress.stage("Gaussians", 1) as advance:
                gaussian, distances = fit_global(self._vectors_of, self.ridge, groups)
                advance(1)
            return gaussian, [one.astype(np.float32) for one in distances]
        return self._at_positions(groups, progress)

    def _vectors_of(self, image: int) -> NDArray[np.float64]:
        """The vectors of an image, C x D."""
        return self._store.read(self._starts[image], self._starts[image + 1]).astype(np.float64)

    def _at_positions(
        self, groups: list[list[int]], progress: Progress
    ) -> tuple[Gaussians, list[NDArray[np.float32]]]:
        count, block = self._starts[1], self._plan.block
        starts = range(0, count, block)

        def fit(first: int) -> tuple[Gaussians, NDArray[np.float64]]:
            last = min(first + block, count)
            rows = [self._store.read(s + first, s + last) for s in self._starts[:-1]]
            return fit_positions(np.stack(rows).astype(np.float64), self.ridge, groups)

        parts = []
        with progress.stage("Gaussians", len(starts)) as advance, one_core_each() as pool:
            for part in pool.map(fit, starts):
                parts.append(part)
                advance(1)
        gaussians = Gaussians(
            np.concatenate([one.mean for one, _ in parts]),
            np.concatenate([one.whitening for one, _ in parts]),
        )
        return gaussians, list(np.concatenate([far for _, far in parts], axis=1).astype(np.float32))

    def close(self) -> None:
        """Give the features back."""
        self._store.close()


class FittedPadim:
    """A fitted PaDiM, with the distances of its training images left out."""

    held_out_method = "leave-one-out"

    def __init__(
        self,
        writer: PadimGraph,
        features: _Features,
        gaussians: Gaussians,
        distances: list[NDArray[np.float32]],
    ) -> None:
        self._writer, self.gaussians = writer, gaussians
        self._names, self._keys, self._sizes_hw = features.names, features.keys, features.sizes_hw
        self._grids_hw, self._inside_hw = features.grids_hw, features.inside_hw
        self._ridge = features.ridge
        pairs = zip(distances, self._inside_hw, strict=True)
        self._distances = [scores.reshape(inside_hw) for scores, inside_hw in pairs]
        self.left_out: LeftOut | None = None
        if writer.settings.by_place and len(set(self._keys)) > 1:
            self.left_out = LeftOut(self._distances, self._keys)

    @cached_property
    def usual(self) -> Usual | None:
        """What distances are told by at their places; `None` where they are not."""
        return self.left_out.usual if self.left_out else None

    @cached_property
    def graph(self) -> onnx.ModelProto:
        """The model that ships."""
        return self._writer.detector(self.gaussians, self.usual)

    @property
    def batch(self) -> int:
        """Images that the graph should judge at once."""
        return self._writer.batch

    def told(self) -> list[Told]:
        """Levels and Gaussians, for people."""
        count, dimensions = self.gaussians.mean.shape
        size = bytes_text(self.gaussians.mean.nbytes + self.gaussians.whitening.nbytes)
        levels = ", ".join(level.name for level in self._writer.backbone.levels)
        return [
            ("levels", levels),
            ("Gaussians", f"{count:,} of {dimensions} dimensions, {size}"),
            *told_of(self.usual),
        ]

    @property
    def details(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "levels": [level.name for level in self._writer.backbone.levels],
            "gaussians": len(self.gaussians.mean),
            "gaussian_bytes": self.gaussians.mean.nbytes + self.gaussians.whitening.nbytes,
            "channels": list(self._writer.channels),
            "ridge": self._ridge,
            **details_of(self.usual),
        }

    def held_out_scores(self, *, progress: Progress) -> Iterator[HeldOutScore]:
        """Score each training image by Gaussians of the others.

        Raises:
            CalibrationError: all images belong together, so that none can be left out.
        """
        if len(set(self._keys)) < 2:
            raise CalibrationError(
                "Scoring images as if they were new takes at least 2 that do not belong together."
            )
        with progress.stage("leave out", len(self._names)) as advance, one_core_each() as pool:
            for name, score_map in zip(
                self._names, pool.map(self._map, range(len(self._names))), strict=True
            ):
                peak = float(score_map.max())
                yield HeldOutScore(name, peak, peak)
                advance(1)

    def held_out_map(self, name: str) -> NDArray[np.float32]:
        """The map of an image by Gaussians of the others.

        Raises:
            KeyError: there is no image of that name.
        """
        return self._map({name: i for i, name in enumerate(self._names)}[name])

    @cached_property
    def _summary(self) -> Session:
        return Session(self._writer.summary().SerializeToString(), ONE_CORE)

    def _map(self, image: int) -> NDArray[np.float32]:
        height, width = self._inside_hw[image]
        scores = np.zeros((1, *self._grids_hw[image]), np.float32)
        told = self.left_out.told(image) if self.left_out else self._distances[image]
        scores[0, :height, :width] = told
        image_hw = np.array(self._sizes_hw[image], np.int64)
        maps = self._summary.run(["score_map"], patch_scores=scores, image_hw=image_hw)
        score_map: NDArray[np.float32] = maps[0][0]
        return score_map

    def close(self) -> None:
        """Give the distances back."""
        self._distances, self.left_out = [], None
