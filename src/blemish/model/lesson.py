"""What good images have that a bank has not: cells that were flagged, and few of these for all.

Greedily the cell that lies farthest above what good patches score on the mean is taken, and the
others are measured against it, until none is above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.data.sample import Sample
from blemish.detectors.origins import PLACE, Places, cells_inside, cells_of
from blemish.images.appearance import Appearance
from blemish.images.overlay import encode_jpeg
from blemish.images.regions import find_regions
from blemish.model.extras import read_thumbnails
from blemish.model.held_banks import DEVIATIONS, HeldBanks
from blemish.model.history import StepImage

if TYPE_CHECKING:
    Vectors = NDArray[np.float32]

AT_ONCE = 64  # vectors that cells are compared with at a time


@dataclass(frozen=True, eq=False)
class Lesson:
    """What images have that a bank has not, gathered one image after the other.

    Attributes:
        bank: that it is to be added to.
        vectors: of each bank, those of each image with where they come from.
        images: that were learned.
        sizes_hw: of those that the model did not know.
        appearances: how all of them look.
        thumbnails: of the images, where the model keeps some, by the hashes of their files.
    """

    bank: HeldBanks
    vectors: dict[str, list[tuple[Vectors, Places]]]
    images: list[StepImage]
    sizes_hw: list[tuple[int, int]]
    appearances: list[Appearance]
    thumbnails: dict[str, bytes]

    @classmethod
    def of(cls, bank: HeldBanks) -> Lesson:
        """Nothing yet."""
        return cls(bank, {name: [] for name in bank.banks.vectors}, [], [], [], {})

    def add(self, sample: Sample, *, whole: bool) -> bool:
        """What an image has, if anything. Raises `ImageError`."""
        bank, model = self.bank, self.bank.model
        image = model.read(sample)
        found = Seen.of(bank, image)
        flagged = found.flagged()
        picked = {}
        for name in self.vectors:
            before = [vectors for vectors, _ in self.vectors[name]]
            picked[name] = found.missing(name, before, None if whole else flagged)
        if not any(len(rows) for rows in picked.values()):
            return False
        number = self._number(sample, image.shape[:2])
        for name, rows in picked.items():
            grid = found.patches[name]
            places = np.zeros(len(rows), PLACE)
            places["image"] = number
            places["row"], places["column"] = rows // grid.shape[1], rows % grid.shape[1]
            self.vectors[name].append((grid.reshape(-1, grid.shape[2])[rows], places))
        self.images.append(StepImage(sample.id, sample.sha256))
        self.appearances.append(model.appearance(image))
        if small := read_thumbnails(model.extras, "the model"):
            self.thumbnails[sample.sha256] = encode_jpeg(image, long_side_px=small.side_px)
        return True

    def _number(self, sample: Sample, size_hw: tuple[int, ...]) -> int:
        """Of the image among those that the model was fitted on or has learned."""
        known = self.bank.model.facts.training.images
        for number, one in enumerate(known):
            if one.sha256 == sample.sha256:
                return number
        self.sizes_hw.append((size_hw[0], size_hw[1]))
        return len(known) + len(self.sizes_hw) - 1


@dataclass(frozen=True, eq=False)
class Seen:
    """An image as a graph sees it on its way.

    Attributes:
        bank: of the model.
        size_hw: of what is seen of the image.
        values: tensors of the graph, by their names.
        patches, scores: of each bank: h x w x D, and h x w.
    """

    bank: HeldBanks
    size_hw: tuple[int, int]
    values: Mapping[str, NDArray[Any]]
    patches: Mapping[str, Vectors]
    scores: Mapping[str, NDArray[np.float32]]

    @classmethod
    def of(cls, bank: HeldBanks, image: NDArray[Any]) -> Seen:
        """Run the graph on an image, H x W x 3."""
        names = {name: bank.banks.tensors(name) for name in bank.banks.vectors}
        values = bank.trace(image)
        seen_hw = bank.model.part_seen(image).shape[:2]
        return cls(
            bank,
            seen_hw,
            values,
            {name: values[patches] for name, (patches, _) in names.items()},
            {name: values[scores] for name, (_, scores) in names.items()},
        )

    def flagged(self) -> dict[str, NDArray[np.bool_]]:
        """Which cells of each bank's grid lie in regions, or are why the image is rejected."""
        c, score_map = self.bank.model.calibration, self.values["score_map"]
        inside = np.zeros(score_map.shape, np.bool_)
        for region in find_regions(score_map, c.pixel_threshold, smallest_px=c.smallest_region_px):
            x0, y0, x1, y1 = region.box_xyxy
            inside[y0:y1, x0:x1] |= score_map[y0:y1, x0:x1] > c.pixel_threshold
        cells = {
            name: cells_of(self.bank.model.part_seen(inside), grid.shape, self.bank.working)
            for name, grid in self.scores.items()
        }
        if self.values["score"] > c.image_threshold:
            first, told = next(iter(cells)), self.values.get(DEVIATIONS)
            zones = self.bank.model.zones
            if zones is not None and (zones.shares or not zones.cut):  # the score is of the map
                loudest = self.bank.model.part_seen(score_map > c.image_threshold)
                cells[first] |= cells_of(loudest, cells[first].shape, self.bank.working)
                return cells
            loud = self.scores[first] if told is None else told
            cells[first] |= (loud > c.image_threshold) & self._inside(loud.shape)
        return cells

    def missing(
        self, name: str, before: Sequence[Vectors], flagged: Mapping[str, NDArray[np.bool_]] | None
    ) -> NDArray[np.intp]:
        """Which cells a bank needs so that the others score no more than what is usual.

        Args:
            name: of the bank.
            before: what it has got already since the graph was made.
            flagged: cells that are to be covered; `None` for all.
        """
        grid = self.scores[name]
        inside = self._inside(grid.shape)
        chosen = inside if flagged is None else flagged[name]
        usual = self.usual(name, chosen)
        rows = np.flatnonzero(chosen)
        vectors = self.patches[name].reshape(grid.size, -1)[rows]
        far = grid.reshape(-1)[rows].astype(np.float32)
        for others in before:
            for start in range(0, len(others), AT_ONCE):
                gaps = vectors[:, None] - others[None, start : start + AT_ONCE]
                far = np.minimum(far, self.as_scores(gaps).min(axis=1))
        excess = usual.reshape(-1)[rows]
        picked: list[int] = []
        while len(rows) and (far - excess).max() > 0:
            farthest = int((far - excess).argmax())
            picked.append(farthest)
            far = np.minimum(far, self.as_scores(vectors - vectors[farthest]))
            far[farthest] = min(far[farthest], excess[farthest])
        return rows[picked]

    def usual(self, name: str, chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
        """What cells may score: the mean of good ones; if not known, the median of the others."""
        shape = (chosen.shape[0], chosen.shape[1])
        known = self.bank.banks.usual(name, shape)
        if known is not None:
            return known
        inside = self._inside(shape)
        others = self.scores[name][inside & ~chosen]
        if not len(others):
            others = self.scores[name][inside]
        return np.full(shape, np.median(others), np.float32)

    def as_scores(self, gaps: Vectors) -> NDArray[np.float32]:
        """Scores of patches that lie so far from a vector."""
        squared: NDArray[np.float32] = np.einsum("...d,...d->...", gaps, gaps)
        return squared if self.bank.banks.squared else np.sqrt(squared)

    def _inside(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Which cells show the image."""
        return cells_inside(self.size_hw, shape, self.bank.working)
