"""How a detector sees the images of a fit: whole, as a reference lies, within zones.

What is done to the images is done in its graph, too, by frames around what the detector gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from blemish.alignment import Alignment, Template
from blemish.data.loading import GoodImages
from blemish.detectors.aligned import (
    AgreementLimit,
    AlignedImages,
    FittedAligned,
    aligned_images,
    check_one_size,
)
from blemish.detectors.contract import Detector, Fitted
from blemish.detectors.views import ImageView
from blemish.detectors.zoned import (
    FittedInZones,
    ZonedImages,
    check_seen,
    fitted_in_zones,
    in_zones,
)
from blemish.graph.alignment import held_bytes
from blemish.images.exposure import Exposure
from blemish.model.facts import AlignmentFacts, ZoneFacts
from blemish.progress import Progress
from blemish.result import ScoredImage
from blemish.zones import Zones

ALIGNMENT_SHARE = 0.5  # of the false alarms, that come besides for parts that cannot be aligned


@dataclass(frozen=True)
class Framing:
    """What a detector sees of images, and how its fit becomes one of images as they came.

    Attributes:
        images: as they came.
        aligned: as the reference lies; `None` where they are taken as they lie.
        zoned: what is inspected of these; `None` for all.
        rate: of false alarms, as it was asked for or by default.
    """

    images: GoodImages
    aligned: AlignedImages | None
    zoned: ZonedImages | None
    rate: float

    @classmethod
    def of(
        cls,
        images: GoodImages,
        detector: Detector,
        rate: float,
        *,
        zones: Zones | None,
        align: Alignment | None,
        progress: Progress,
    ) -> Framing:
        """That of a fit.

        Raises:
            DataError: the images are of several sizes, show nothing that could be aligned, or do
                not go with the zones.
            ImageError: an image that is looked at cannot be read.
        """
        aligned = None
        if align is not None:
            size_hw = check_one_size(images.sizes_hw)
            within = None if zones is None else zones.on(size_hw).points
            aligned = aligned_images(images, align, within=within, progress=progress)
        zoned = None if zones is None else zoned_images(aligned or images, detector, zones)
        return cls(images, aligned, zoned, rate)

    @property
    def seen(self) -> GoodImages | ImageView:
        """The images as the detector sees them."""
        return self.zoned or self.aligned or self.images

    @property
    def described(self) -> GoodImages | ImageView:
        """The images that tell how one looks: as they are before a graph aligns them."""
        return self.images if self.aligned is not None else self.seen

    def exposures(self) -> Mapping[str, Exposure]:
        """How what the detector sees of each image is exposed, by the images' names."""
        if self.aligned is not None:
            return self.aligned.exposures
        return {name: one.exposure for name, one in self.seen.descriptions().items()}

    @cached_property
    def agreement(self) -> AgreementLimit | None:
        """How much parts must agree with the reference; `None` where they are not aligned."""
        return None if self.aligned is None else self.aligned.limit(self.rate * ALIGNMENT_SHARE)

    def around(self, fitted: Fitted, *, progress: Progress) -> Fitted:
        """What the detector gave, framed for images as they came.

        Raises:
            CalibrationError: zones have shares, and none of the images can be left out.
        """
        if self.zoned is not None:
            fitted = fitted_in_zones(fitted, self.zoned, self.rate, progress=progress)
        if self.aligned is not None and self.agreement is not None:
            fitted = FittedAligned(fitted, self.aligned, self.agreement)
        return fitted

    @property
    def zone_facts(self) -> ZoneFacts | None:
        """What is inspected; `None` for all."""
        return None if self.zoned is None else ZoneFacts.of(self.zoned.zones, self.zoned.fill)

    def zone_facts_of(self, fitted: Fitted, scored: Sequence[ScoredImage]) -> ZoneFacts | None:
        """The same, with how images that were left out score zone by zone.

        Args:
            fitted: what `around` gave.
            scored: the images.
        """
        facts, of_reference = self.zone_facts, on_reference(fitted)
        if facts is None or not isinstance(of_reference, FittedInZones):
            return facts
        if (by := of_reference.by_thresholds) is None:
            return facts
        peaks = tuple(tuple(by.peaks[image.id].tolist()) for image in scored)
        return replace(facts, weights=by.weights, peaks=peaks)

    @property
    def alignment_facts(self) -> AlignmentFacts | None:
        """How parts are aligned; `None` where they are not."""
        if self.aligned is None or self.agreement is None:
            return None
        template, agreement = self.aligned.template, self.agreement
        of = template.alignment
        return AlignmentFacts(
            size_hw=template.size_hw,
            reference=self.aligned.reference,
            degrees=of.degrees,
            scale=of.scale,
            shift=of.shift,
            limit=agreement.limit,
            rate=agreement.rate,
            agreements=agreement.agreements,
        )


def on_reference(fitted: Fitted) -> Fitted:
    """What was framed, where maps lie as the reference does; the same where none is aligned."""
    return fitted.framed if isinstance(fitted, FittedAligned) else fitted


def zoned_images(images: GoodImages | ImageView, detector: Detector, zones: Zones) -> ZonedImages:
    """Images as a detector sees them within zones.

    Raises:
        DataError: the images are of several sizes, the zones do not fit them, or are so small that
            nothing is left of one once images are resized.
        ImageError: an image that is looked at cannot be read.
    """
    seen = in_zones(images, zones)
    check_seen(seen.zones, detector.settings.working_size(1), zones.source)
    return seen


def alignment_bytes(images: GoodImages, alignment: Alignment) -> int:
    """What an alignment adds to a model file, nearly; no image is decoded.

    Raises:
        DataError: the images are of several sizes.
    """
    return held_bytes(Template.sized(alignment, check_one_size(images.sizes_hw)), images.bit_depth)
