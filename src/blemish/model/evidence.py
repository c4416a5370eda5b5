"""What each region was compared with: the good patch that is nearest to its oddest one.

A bank remembers which training image each of its vectors comes from, and where it lay. So people
can be shown both, side by side: the part that was found odd and the most similar good one. How
that looks comes from thumbnails in the model file, or from the training images where they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.data.sample import Sample
from blemish.detectors.origins import Origins, box_of, cells_inside, cells_of
from blemish.errors import BlemishError, DataError, ModelFileError, UsageError
from blemish.graph.working_size import WorkingSize
from blemish.images.overlay import ImageArray, displayable
from blemish.images.side_by_side import Pair
from blemish.model.extras import NO_ORIGINS, Thumbnails, read_origins, read_thumbnails
from blemish.model.model import Model
from blemish.result import Box, Evidence, Prediction, Region

if TYPE_CHECKING:
    from blemish.model.judging import ImageLike

SCORES, NEAREST, DEVIATIONS = "patch_scores", "nearest", "deviations"  # tensors of a graph
REACH = 1  # cells to each side of one that its patch is made of


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Tells of regions what they were compared with.

    Attributes:
        model: that found them.
        origins: where the vectors of its bank come from.
        folder: where its training images are, by their ids; `None` where they are not at hand.

    Raises:
        ModelFileError: the model does not know where its bank comes from.
        UsageError: it aligns parts.
        DataError: the folder is not there.
    """

    model: Model
    origins: Origins
    folder: Path | None = None

    @classmethod
    def of(cls, model: Model, folder: Path | None = None) -> Comparisons:
        """Those of a model."""
        if model.alignment is not None:
            raise UsageError(
                "A model that aligns parts does not tell what it compared with; predict without "
                "evidence=True, or fit a model of parts that lie still, which aligns none."
            )
        images = len(model.facts.training.images)
        origins = read_origins(model.extras, images=images, name="the model")
        if "bank" not in origins.places:
            raise ModelFileError(NO_ORIGINS)
        if folder is not None and not folder.is_dir():
            raise DataError(f"There is no folder '{folder}' with the training images.")
        return cls(model, origins, folder)

    def shown(self, image: ImageLike, prediction: Prediction) -> Prediction:
        """A prediction whose regions say what they were compared with.

        Args:
            image: that was judged, as `Model.predict` takes it.
            prediction: of it.

        Raises:
            ImageError: the image cannot be read any more.
        """
        if not prediction.regions:
            return prediction
        values = self.model.trace(image, *self._tensors)
        regions = tuple(
            replace(region, evidence=self._evidence(region, prediction.score_map, values))
            for region in prediction.regions
        )
        return replace(prediction, regions=regions)

    def pairs(self, image: NDArray[Any], prediction: Prediction, *, most: int) -> list[Pair]:
        """What to draw beside an image: patches of its first regions, and the good ones.

        Args:
            image: H x W x 3, that was judged.
            prediction: as `shown` gives it.
            most: how many.
        """
        pairs, shown = [], displayable(image)
        for region in prediction.regions[:most]:
            if region.evidence is not None:
                good = self._good(region.evidence)
                pairs.append(Pair(_cut(shown, region.evidence.patch_xyxy), good))
        return pairs

    @cached_property
    def _tensors(self) -> list[str]:
        from blemish.graph.trace import tensor_names

        known = set(tensor_names(self.model.to_bytes()))
        return [name for name in (SCORES, NEAREST, DEVIATIONS) if name in known]

    @cached_property
    def _working(self) -> WorkingSize:
        known = self.model.facts.input.working
        return known.working_size(self.origins.multiple)

    @cached_property
    def _thumbnails(self) -> Thumbnails | None:
        return read_thumbnails(self.model.extras, "the model")

    def _evidence(
        self, region: Region, score_map: NDArray[np.float32], values: Mapping[str, NDArray[Any]]
    ) -> Evidence:
        """Of the oddest patch in a region, as the score has it."""
        height, width = score_map.shape
        x0, y0, x1, y1 = region.box_xyxy
        inside = np.zeros((height, width), np.bool_)
        above = score_map[y0:y1, x0:x1] > self.model.calibration.pixel_threshold
        inside[y0:y1, x0:x1] = above
        told = values.get(DEVIATIONS, values[SCORES])
        grid_hw = (told.shape[0], told.shape[1])
        seen = self.model.part_seen(inside)
        cells = cells_of(seen, grid_hw, self._working)
        cells &= cells_inside((seen.shape[0], seen.shape[1]), grid_hw, self._working)
        row, column = np.unravel_index(np.where(cells, told, -np.inf).argmax(), grid_hw)
        padded = self._working.working_hw((seen.shape[0], seen.shape[1]))[1]
        stride = padded[0] / grid_hw[0], padded[1] / grid_hw[1]
        place = self.origins.places["bank"][int(values[NEAREST][row, column])]
        number = int(place["image"])
        good = self.model.facts.training.images[number]
        return Evidence(
            image=good.id,
            sha256=good.sha256,
            box_xyxy=self._box(place, self.origins.sizes_hw[number], stride),
            patch_xyxy=self._box({"row": row, "column": column}, (height, width), stride),
            distance=float(values[SCORES][row, column]),
        )

    def _box(self, place: Any, size_hw: tuple[int, int], stride: tuple[float, float]) -> Box:
        """Of a patch in its image; the cells of all images are of one size."""
        if self.model.zones is not None:
            size_hw = self.model.zones.box_hw
        padded = self._working.working_hw(size_hw)[1]
        grid_hw = round(padded[0] / stride[0]), round(padded[1] / stride[1])
        cell = int(place["row"]), int(place["column"])
        x0, y0, x1, y1 = box_of(cell, size_hw, grid_hw, self._working, reach=REACH)
        down, right = self.model.corner_seen
        return x0 + right, y0 + down, x1 + right, y1 + down

    def _good(self, evidence: Evidence) -> NDArray[np.uint8] | None:
        """The good patch with what is around it; `None` where nobody kept how it looks."""
        number = next(
            number
            for number, image in enumerate(self.model.facts.training.images)
            if image.sha256 == evidence.sha256
        )
        size_hw = self.origins.sizes_hw[number]
        small = self._thumbnails.of_image(evidence.sha256) if self._thumbnails else None
        found = self._from_folder(evidence)
        found = small if found is None else found
        if found is None:
            return None
        scale = found.shape[1] / size_hw[1], found.shape[0] / size_hw[0]
        x0, y0, x1, y1 = evidence.box_xyxy
        box = (x0 * scale[0], y0 * scale[1], x1 * scale[0], y1 * scale[1])
        return _cut(found, box)

    def _from_folder(self, evidence: Evidence) -> NDArray[np.uint8] | None:
        """The training image, where it is at hand and still the same."""
        if self.folder is None:
            return None
        path = self.folder / evidence.image
        sample = Sample(evidence.image, path, "train", "good", "good")
        try:
            if sample.sha256 != evidence.sha256:
                return None
            return displayable(self.model.read(sample))
        except BlemishError:
            return None


def _cut(shown: ImageArray, box_xyxy: tuple[float, float, float, float]) -> ImageArray:
    """A patch of an image with what is around it, as much to each side as it is large itself."""
    (x0, y0, x1, y1), (height, width, _) = box_xyxy, shown.shape
    wide, high = x1 - x0, y1 - y0
    rows = slice(max(0, int(y0 - high)), min(height, max(1, round(y1 + high))))
    columns = slice(max(0, int(x0 - wide)), min(width, max(1, round(x1 + wide))))
    return shown[rows, columns]
