"""A detector that sees parts as they lie in a reference image, in its fit as on the line.

The reference is the one of some good images that the others agree with most. All images of the fit
go through the nodes that the graph has in front of the detector (`graph.alignment`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.alignment import Alignment, Motion, Template
from blemish.data.loading import GoodImages
from blemish.detectors.contract import Fitted, HeldOutScore
from blemish.detectors.views import FramedFit, ImageView
from blemish.errors import DataError
from blemish.graph.alignment import (
    Aligner,
    filling,
    finding_model,
    grey_model,
    returning_model,
)
from blemish.graph.session import Session
from blemish.images.exposure import Blocks, Exposure, even_blocks, exposure_of
from blemish.images.format import ImageFormat
from blemish.progress import Progress
from blemish.wording import first_few

if TYPE_CHECKING:
    import onnx

MOST_NAMED = 5  # images
MOST_COMPARED = 12  # images that the reference is chosen from
LEAST_AGREEMENT = 0.5  # that half of the good images must have with the reference
TRIED_SHIFT = (
    0.08  # of the longer side, by which good images are shifted to see whether it is found
)
MOST_OFF = 0.01  # of the longer side, by which half of these may be found elsewhere
SLACK = 2.0  # times as far from agreement as the good images that the limit is taken from
HIGHEST_LIMIT = 0.9  # what agrees so well is aligned, however well others agree


@dataclass(frozen=True)
class AgreementLimit:
    """Below which agreement nothing can be said of a part.

    Attributes:
        limit: on the line, at least so much is enough.
        rate: share of good parts that may have less: conformal, so a promise.
        agreements: of the good images that it rests on with the reference, lowest first.
    """

    limit: float
    rate: float
    agreements: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class AlignedImages(ImageView):
    """Good images as the reference lies.

    Attributes:
        template: what parts are found by.
        reference: name of the reference.
        fill: its pixels, which fill what others do not show.
        found: rows of the graph's output `alignment`, by the images' names.
        exposures: of the images as they came, at points of the reference, by their names.
    """

    template: Template
    reference: str
    fill: NDArray[Any]
    found: dict[str, NDArray[np.float32]]
    exposures: dict[str, Exposure]

    def __iter__(self) -> Iterator[tuple[str, NDArray[Any]]]:
        for name, image in self.images:
            yield name, self._session.run(["aligned"], image=image[None])[0][0]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_session"}

    @cached_property
    def _session(self) -> Session:
        return Session(self.aligner.graph().SerializeToString())

    @property
    def aligner(self) -> Aligner:
        """What the graph has in front of the detector."""
        return Aligner(self.template, self.fill, self.image_format)

    def limit(self, rate: float) -> AgreementLimit:
        """Agreement that all but a share of good parts have; of those that belong together, one."""
        lowest: dict[str, float] = {}
        own = dict(zip(self.names, self.split_keys, strict=True))
        for name, row in self.found.items():
            if own[name] != own[self.reference]:
                agreement = Motion.of_output(row).agreement
                lowest[own[name]] = min(agreement, lowest.get(own[name], agreement))
        return agreement_limit(list(lowest.values()), rate)


class FittedAligned(FramedFit):
    """What fitting on `AlignedImages` gives, for images as they came.

    Args:
        fitted: what the detector gave.
        images: that it was fitted on.
        limit: agreement that a part must have.
    """

    def __init__(self, fitted: Fitted, images: AlignedImages, limit: AgreementLimit) -> None:
        super().__init__(fitted)
        self._images, self.limit = images, limit

    @cached_property
    def graph(self) -> onnx.ModelProto:
        """The model that ships."""
        return self._images.aligner.around(self._fitted.graph, limit=self.limit.limit)

    @cached_property
    def _returning(self) -> Session:
        return Session(returning_model(self._images.template).SerializeToString())

    def held_out_scores(self, *, progress: Progress) -> Iterator[HeldOutScore]:
        """Those of the detector, with the highest of their maps as brought back.

        The reference is none of them, nor are its copies: all others are drawn anew as they are
        aligned, which takes a little of their sharpness, so that it is like none of the line.

        Raises:
            CalibrationError: all images belong together, so that none can be left out.
        """
        own = dict(zip(self._images.names, self._images.split_keys, strict=True))
        reference = own[self._images.reference]
        for one in list(self._fitted.held_out_scores(progress=progress)):
            if own[one.name] == reference:
                continue
            yield replace(one, peak=float(self.held_out_map(one.name).max()))

    def held_out_map(self, name: str) -> NDArray[np.float32]:
        """The map of an image as it came. Raises `KeyError` where it was not left out."""
        aligned = self._fitted.held_out_map(name)
        row = self._images.found[name]
        (found,) = self._returning.run(
            ["score_map"], aligned_map=aligned[None], alignment=row[None]
        )
        score_map: NDArray[np.float32] = found[0]
        return score_map


def agreement_limit(agreements: Sequence[float], rate: float) -> AgreementLimit:
    """The limit that a share of good parts may be below.

    With n images the k-th lowest has k / (n + 1) of good parts below it, whatever their
    distribution. What is given besides (`SLACK`, `HIGHEST_LIMIT`) only lowers it; what agrees less
    than `LEAST_AGREEMENT` is below, however many of the images are, and the rate says so.

    Args:
        agreements: of good images that were not chosen for it, each with the reference.
        rate: the share; where so few images cannot promise it, that of the lowest of them.
    """
    ordered = sorted(agreements)
    rank = max(1, int(rate * (len(ordered) + 1)))
    limit = 1.0 - SLACK * (1.0 - ordered[rank - 1]) if ordered else LEAST_AGREEMENT
    limit = float(np.float32(max(LEAST_AGREEMENT, min(limit, HIGHEST_LIMIT))))
    rank = max(rank, 1 + sum(agreement < limit for agreement in ordered))
    return AgreementLimit(limit, min(1.0, rank / (len(ordered) + 1)), tuple(ordered))


def check_one_size(sizes_hw: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The one size of all images. Raises `DataError` where they have several, or there is none."""
    sizes = sorted(set(sizes_hw))
    if not sizes:
        raise DataError("There is no image to align others with.")
    if len(sizes) > 1:
        (height, width), (other_height, other_width) = sizes[0], sizes[-1]
        raise DataError(
            f"Only images of one size can be aligned, and there are {len(sizes)} sizes, from "
            f"{width} x {height} to {other_width} x {other_height} pixels (width x height)."
        )
    return sizes[0]


def aligned_images(
    images: GoodImages,
    alignment: Alignment,
    *,
    within: tuple[Blocks, bool] | None = None,
    progress: Progress,
) -> AlignedImages:
    """Good images as a detector sees them that parts are aligned for; all are read.

    Args:
        images: as they came.
        alignment: what is looked for.
        within: points of the reference that tell of an exposure; by default all over.
        progress: told of the stage and of what a user must hear.

    Raises:
        DataError: the images are of several sizes, or show nothing that could be aligned.
        ImageError: one of them cannot be read.
    """
    size_hw = check_one_size(images.sizes_hw)
    finder = _Finder(alignment, size_hw, images.image_format)
    count = len(images.names)
    some = np.unique(np.linspace(0, count - 1, min(count, MOST_COMPARED)).round().astype(int))
    sample = dict(images.part(some.tolist()))
    greys = {name: finder.grey(image) for name, image in sample.items()}
    reference = finder.medoid(greys)
    template = finder.template(greys[reference])
    with finder.session(template) as session:
        _check_found(session, finder, sample, reference)
        blocks, beside = within or (even_blocks(size_hw), True)
        found, exposures = {}, {}
        with progress.stage("aligning", count) as advance:
            for name, image in images:
                found[name] = finder.found(session, finder.grey(image))
                points = Motion.of_output(found[name]).pixels_on_image(blocks, size_hw)
                exposures[name] = exposure_of(image, (points, beside))
                advance(1)
    agreed = {name: Motion.of_output(row).agreement for name, row in found.items()}
    if low := [name for name, agreement in agreed.items() if agreement < LEAST_AGREEMENT]:
        progress.say(
            f"{len(low)} of {count:,} training images agree with the reference ('{reference}') by "
            f"less than {LEAST_AGREEMENT:g}: {first_few(low, MOST_NAMED)}. Look at them, and leave "
            "out those that show another part, or one that lies farther off than is looked for."
        )
    fill = filling(sample[reference])
    return AlignedImages(images, template, reference, fill, found, exposures)


class _Finder:
    """Finds parts in images of one size."""

    def __init__(
        self, alignment: Alignment, size_hw: tuple[int, int], image_format: ImageFormat
    ) -> None:
        self._alignment, self._size_hw = alignment, size_hw
        empty = Template.sized(alignment, size_hw)
        self._greys = Session(grey_model(empty, image_format).SerializeToString())

    def template(self, grey: NDArray[np.float32]) -> Template:
        """What parts like that of a grey image are found by."""
        return Template(self._alignment, self._size_hw, grey.astype(np.float64))

    def session(self, template: Template) -> Session:
        """The graph that does so."""
        return Session(finding_model(template).SerializeToString())

    def grey(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """The small grey image that parts are found in."""
        grey: NDArray[np.float32] = self._greys.run(["grey"], image=image[None])[0][0]
        return grey

    def found(self, session: Session, grey: NDArray[np.float32]) -> NDArray[np.float32]:
        """A row of `alignment`."""
        row: NDArray[np.float32] = session.run(["alignment"], grey=grey[None])[0][0]
        return row

    def medoid(self, greys: dict[str, NDArray[np.float32]]) -> str:
        """The name of the image that half of the others agree with most."""
        if len(greys) == 1:
            return next(iter(greys))
        agreed = {}
        for name, grey in greys.items():
            with self.session(self.template(grey)) as session:
                others = [
                    Motion.of_output(self.found(session, other)).agreement
                    for key, other in greys.items()
                    if key != name
                ]
            agreed[name] = float(np.median(others))
        return max(agreed, key=lambda name: agreed[name])


def _check_found(
    session: Session, finder: _Finder, sample: dict[str, NDArray[Any]], reference: str
) -> None:
    """Raise `DataError` where good images do not agree, or are not found where they were put."""
    longer = max(next(iter(sample.values())).shape[:2])
    shift = max(1, round(TRIED_SHIFT * longer))
    agreements, gaps = [], []
    for number, (name, image) in enumerate(sample.items()):
        right, down = (shift, -shift) if number % 2 else (-shift, shift)
        before = Motion.of_output(finder.found(session, finder.grey(image)))
        grey = finder.grey(shifted(image, right, down))
        after = Motion.of_output(finder.found(session, grey))
        moved = np.subtract(after.shift_xy_px, before.shift_xy_px)
        gaps.append(float(np.abs(moved - (right, down)).max()))
        if name != reference:
            agreements.append(before.agreement)
    nothing = "These images show nothing that could be aligned: "
    if agreements and np.median(agreements) < LEAST_AGREEMENT:
        raise DataError(
            f"{nothing}half of them agree with the best reference ('{reference}') by "
            f"{np.median(agreements):.2f} or less, and at least {LEAST_AGREEMENT:g} is needed (1 "
            "is all). Fit them without 'align', or for more degrees."
        )
    if np.median(gaps) > max(MOST_OFF * longer, 1.0):
        raise DataError(
            f"{nothing}moved by {shift} pixels, half of them are found {np.median(gaps):.0f} or "
            "more pixels from there, since what they show looks alike in several places. Fit "
            "them without 'align'."
        )


def shifted(image: NDArray[Any], right: int, down: int) -> NDArray[Any]:
    """An image moved by whole pixels, its borders repeated."""
    height, width = image.shape[:2]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return np.ascontiguousarray(image[rows][:, columns])
