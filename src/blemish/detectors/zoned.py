"""A detector within zones: it sees nothing else, in its fit as on the line.

Any detector will do, since it is given images that are cut and filled as its graph will be given
them (`graph.zones`), and what it gives is framed. Images that differ elsewhere alone are copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from blemish.data.loading import GoodImages
from blemish.data.sample import Content, content_of
from blemish.detectors.contract import Fitted, HeldOutScore
from blemish.detectors.origins import Origins, TellsOrigins
from blemish.detectors.views import FramedFit, ImageView
from blemish.errors import DataError
from blemish.graph.working_size import WorkingSize
from blemish.graph.zones import within_zones
from blemish.images.description import Description, describe
from blemish.progress import Progress
from blemish.zones import Inspected, Zones
from blemish.zones.inspected import Colour

if TYPE_CHECKING:
    import onnx

MOST_LOOKED_AT = 32  # images that the colour of what is not inspected is taken from
FAINTEST, TINY = 0.05, 1e-6  # threshold of a zone, beside the highest of all; and of any
SEEN_SHARE = 0.5  # of a working pixel that must be inspected for it to tell of a zone


@dataclass(frozen=True, eq=False)
class ZonedImages(ImageView):
    """Good images as a detector within zones sees them.

    Attributes:
        zones: what is inspected of each.
        fill: the colour of the rest.
    """

    zones: Inspected
    fill: Colour
    _seen: dict[str, Content] = field(default_factory=dict, init=False)
    _descriptions: dict[str, Description] = field(default_factory=dict, init=False)

    @property
    def sizes_hw(self) -> Sequence[tuple[int, int]]:
        """Height and width of what is seen of each."""
        return [self.zones.box_hw] * len(self.images.names)

    @property
    def split_keys(self) -> Sequence[str]:
        """What keeps images together when some are left out: they look alike within the zones."""
        return self.images.keys_by(self.contents())

    def contents(self) -> list[Content]:
        """What is seen of each image, in order. Raises `ImageError` where one cannot be read."""
        if any(name not in self._seen for name in self.names):
            for _ in self:
                pass
        return [self._seen[name] for name in self.names]

    def descriptions(self) -> dict[str, Description]:
        """How what is seen of each image looks, by the images' names, in order."""
        self.contents()
        return dict(self._descriptions)

    def __iter__(self) -> Iterator[tuple[str, NDArray[Any]]]:
        for name, image in self.images:
            seen = self.zones.seen(image, self.fill)
            if name not in self._seen:
                self._seen[name] = content_of(seen)
                self._descriptions[name] = describe(
                    seen, watched=name in self.images.watched, within=self.zones.points_in_box
                )
            yield name, seen


@dataclass(frozen=True, eq=False)
class ByThresholds:
    """Images that were left out, told in multiples of a threshold of each zone.

    Attributes:
        weights: of the zones, by which their maps are multiplied.
        peaks: the highest of each zone in the map of each image, by its name.
        scores: of the images.
    """

    weights: tuple[float, ...]
    peaks: dict[str, NDArray[np.float64]]
    scores: list[HeldOutScore]


class FittedInZones(FramedFit):
    """What fitting on `ZonedImages` gives, for whole images.

    Args:
        fitted: what the detector gave.
        images: that it was fitted on.
        by_thresholds: where zones have shares of the false alarms.

    Attributes:
        by_thresholds: as given.
    """

    def __init__(
        self, fitted: Fitted, images: ZonedImages, by_thresholds: ByThresholds | None = None
    ) -> None:
        super().__init__(fitted)
        self._images, self.by_thresholds = images, by_thresholds

    @cached_property
    def graph(self) -> onnx.ModelProto:
        """The model that ships."""
        of = self._images
        weights = () if self.by_thresholds is None else self.by_thresholds.weights
        return within_zones(self._fitted.graph, of.zones, of.fill, of.image_format, weights=weights)

    @property
    def origins(self) -> Origins:
        """Where the vectors of its banks come from, in grids of what is seen of whole images.

        Raises:
            AttributeError: the detector has none.
        """
        inner = cast(TellsOrigins, self._fitted).origins
        return replace(inner, sizes_hw=[self._images.zones.size_hw] * len(inner.sizes_hw))

    def held_out_scores(self, *, progress: Progress) -> Iterator[HeldOutScore]:
        """Those of the detector, with the highest of what is inspected of their maps.

        Raises:
            CalibrationError: all images belong together, so that none can be left out.
        """
        if self.by_thresholds is not None:
            yield from self.by_thresholds.scores
            return
        zones = self._images.zones
        for one in self._fitted.held_out_scores(progress=progress):
            peak = one.peak
            if not zones.fills_its_box:
                peak = float(zones.peaks(self._fitted.held_out_map(one.name)).max())
            yield replace(one, peak=_at_least_nothing(peak, zones))

    def held_out_map(self, name: str) -> NDArray[np.float32]:
        """The map of a whole image. Raises `KeyError` where it was not left out."""
        zones, box_map = self._images.zones, self._fitted.held_out_map(name)
        if self.by_thresholds is not None:
            weights = np.array([0.0, *self.by_thresholds.weights], np.float32)
            box_map = box_map * weights[zones.labels[zones.box]]
        return zones.placed(box_map)


def fitted_in_zones(
    fitted: Fitted, images: ZonedImages, rate: float, *, progress: Progress
) -> FittedInZones:
    """A fit on what is seen within zones as one of whole images.

    Where zones have shares of the false alarms, score and map are told in multiples of a threshold
    of each zone: what so many of the images, left out, exceed there. What threshold serves all of
    these together is found as ever, so that the promise is one of the whole.

    Args:
        fitted: what the detector gave.
        images: that it was fitted on.
        rate: of false alarms, which zones have shares of.
        progress: told of the stage in which images are left out.

    Raises:
        CalibrationError: zones have shares, and none of the images can be left out.
    """
    if not images.zones.shares:
        return FittedInZones(fitted, images)
    found = list(fitted.held_out_scores(progress=progress))
    return FittedInZones(fitted, images, _by_thresholds(fitted, images, found, rate))


def _by_thresholds(
    fitted: Fitted, images: ZonedImages, found: Sequence[HeldOutScore], rate: float
) -> ByThresholds:
    zones, keys = images.zones, dict(zip(images.names, images.split_keys, strict=True))
    peaks = np.stack([zones.peaks(fitted.held_out_map(one.name)) for one in found])
    rates = rate * np.array(zones.shares)
    thresholds, of_each = zone_thresholds(peaks, [keys[one.name] for one in found], rates)
    multiples = {one.name: row for one, row in zip(found, peaks / of_each, strict=True)}
    scores = []
    for name, row in multiples.items():
        highest = float(row.max())
        scores.append(HeldOutScore(name, highest, _at_least_nothing(highest, zones)))
    return ByThresholds(tuple((1 / thresholds).astype(np.float32).tolist()), multiples, scores)


def _at_least_nothing(peak: float, zones: Inspected) -> float:
    """The highest of a map whose pixels outside of the zones are 0."""
    return peak if zones.mask.all() else max(peak, 0.0)


def zone_thresholds(
    peaks: NDArray[np.float64], keys: Sequence[str], rates: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a share of good images exceeds in each zone.

    Args:
        peaks: of each image that was left out in each zone, N x zones.
        keys: of the images; those of one key belong together.
        rates: of each zone; where so few images cannot tell it, the highest of them counts.

    Returns:
        By all images, and for each image (N x zones) by those that do not belong to it, if that is
        less: so that none of them looks better than it does to the model that ships.
    """
    by_all = _exceeded(peaks, rates)
    together: dict[str, list[int]] = {}
    for number, key in enumerate(keys):
        together.setdefault(key, []).append(number)
    of_each = np.tile(by_all, (len(peaks), 1))
    for members in together.values():
        if len(members) < len(peaks) and (peaks[members] >= by_all).any():
            others = _exceeded(np.delete(peaks, members, axis=0), rates)
            of_each[members] = np.minimum(by_all, others)
    return by_all, of_each


def _exceeded(peaks: NDArray[np.float64], rates: NDArray[np.float64]) -> NDArray[np.float64]:
    count = len(peaks)
    ranks = np.clip((rates * (count + 1)).astype(int), 1, count)
    ordered = -np.sort(-peaks, axis=0)
    found = ordered[ranks - 1, np.arange(peaks.shape[1])]
    least: NDArray[np.float64] = np.maximum(found, max(FAINTEST * found.max(), TINY))
    return least


def in_zones(images: GoodImages | ImageView, zones: Zones) -> ZonedImages:
    """Good images as a detector within zones sees them; some are read for their colour.

    Raises:
        DataError: the images are of several sizes, or the zones do not fit theirs.
        ImageError: one of the images that are looked at cannot be read.
    """
    sizes = sorted(set(images.sizes_hw))
    if len(sizes) > 1:
        (height, width), (other_height, other_width) = sizes[0], sizes[-1]
        raise DataError(
            f"{zones.source}: drawn for images of one size, and there are {len(sizes)} sizes, from "
            f"{width} x {height} to {other_width} x {other_height} pixels (width x height)."
        )
    if not sizes:
        raise DataError(f"{zones.source}: there is no image to learn from.")
    inspected = zones.on(sizes[0])
    return ZonedImages(images, inspected, _mean_colour(images, inspected))


def check_seen(zones: Inspected, size: WorkingSize, source: str) -> None:
    """Raise `DataError` where a zone is so small that no pixel of a working image shows it."""
    (height, width), _ = size.working_hw(zones.box_hw)
    for number, name in enumerate(zones.names, start=1):
        share = _shares(zones.labels[zones.box] == number, (height, width))
        if share.max() < SEEN_SHARE:
            rows, columns = zones.box_hw
            raise DataError(
                f"{source}: of zone '{name}' nothing is left once {columns} x {rows} pixels "
                f"become {width} x {height} (width x height): no working pixel shows it by half. "
                "Draw it larger, or raise 'image_size'."
            )


def _shares(mask: NDArray[np.bool_], to_hw: tuple[int, int]) -> NDArray[np.float64]:
    """What share of each working pixel is marked: the mean over the pixels that it covers."""
    found = mask.astype(np.float64)
    for axis, cells in enumerate(to_hw):
        found = np.apply_along_axis(_means, axis, found, cells)
    return found


def _means(values: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """Means of a row over equal stretches of it."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    edges = np.interp(np.linspace(0, len(values), cells + 1), np.arange(len(total)), total)
    means: NDArray[np.float64] = np.diff(edges) * cells / len(values)
    return means


def _mean_colour(images: GoodImages | ImageView, zones: Inspected) -> Colour:
    """The mean colour of what is inspected, of some images that lie evenly among all."""
    if zones.fills_its_box:
        return 0, 0, 0  # nothing is filled
    count = len(images.names)
    some = np.unique(np.linspace(0, count - 1, min(count, MOST_LOOKED_AT)).round().astype(int))
    means = [image[zones.mask].mean(axis=0) for _, image in images.part(some.tolist())]
    red, green, blue = np.rint(np.mean(means, axis=0)).astype(int).tolist()
    return red, green, blue
