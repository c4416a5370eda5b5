"""What a model file says of itself: each fact that anything reads is declared here, and checked.

Anybody can write a model file whose hash is right. So nothing is taken from it before it is known
to be of its type and within its limits; whatever is not is a `ModelFileError` that names the fact.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from blemish.alignment import Alignment
from blemish.calibration import CalibrationFacts
from blemish.calibration.inspectable import Inspectable
from blemish.calibration.suspicious import SuspiciousImages
from blemish.errors import ModelFileError
from blemish.graph.inspectable import Departing
from blemish.graph.tile_grid import Tiles
from blemish.graph.working_size import THOUSANDTHS, Resizing, WorkingSize
from blemish.images.format import ImageFormat
from blemish.images.glance import Looks
from blemish.images.header import Alpha
from blemish.images.usual import Usual
from blemish.model.golden import GoldenImage, check_golden
from blemish.model.history import Step
from blemish.model.migration import OLDEST, migrate
from blemish.provenance import Source
from blemish.result import ScoredImage
from blemish.typed_json import (
    AboveZero,
    Count,
    Hash,
    JsonError,
    Positive,
    Share,
    Turn,
    as_json,
    as_type,
    read_json,
)
from blemish.zones import Inspected
from blemish.zones.inspected import Colour

SCHEMA = 4
MOST_BYTES = 1 << 28  # of all facts: more than a million images


class FittedImage(NamedTuple):
    """An image that a model was fitted on; without score and peak where it was never left out."""

    id: str
    sha256: Hash
    score: float | None
    peak: float | None

    @property
    def scored(self) -> ScoredImage | None:
        """What it scored when it was left out."""
        if self.score is None or self.peak is None:
            return None
        return ScoredImage(self.id, self.sha256, self.score, self.peak)


@dataclass(frozen=True)
class DetectorFacts:
    """The detector, and what it tells of its fit.

    Attributes:
        name: of the detector.
        seed: of everything that was drawn at random.
        settings: all of its settings.
        sources: what it takes from elsewhere.
        told: what it says of the fit for people, as pairs of a label and a text.
        details: the same for machines; only the detector knows the names.
        batch: images that it found fitting to run at once.
    """

    name: str
    seed: Count
    settings: dict[str, Any]
    sources: tuple[Source, ...]
    told: tuple[tuple[str, str], ...]
    details: dict[str, Any]
    batch: Positive


@dataclass(frozen=True)
class WorkingFacts:
    """How images are resized; see `graph.working_size.WorkingSize`.

    Attributes:
        size_hw: height and width of working images, before they are padded; with `scale` of tiles.
        resize: which way.
        scale: what sides are multiplied with, where that is the way.
        tile_hw: of the tiles that a working image is looked at in; `None` for all at once.
    """

    size_hw: tuple[Positive, Positive]
    resize: Resizing
    scale: AboveZero | None = None
    tile_hw: tuple[Positive, Positive] | None = None

    @classmethod
    def of(cls, size: WorkingSize) -> WorkingFacts:
        """Those of a detector's working size."""
        scale = size.scale / THOUSANDTHS if size.resize == "scale" else None
        tile_hw = None if size.tiles is None else size.tiles.size_hw
        return cls(size.size_hw, cast(Resizing, size.resize), scale, tile_hw)

    def working_size(self, multiple: int) -> WorkingSize:
        """What they say of sizes, padded to a multiple; where tiles lie is not known."""
        tiles = None if self.tile_hw is None else Tiles(self.tile_hw, 0, multiple)
        scale = THOUSANDTHS if self.scale is None else round(self.scale * THOUSANDTHS)
        return WorkingSize(self.size_hw, self.resize, multiple, tiles, scale)


@dataclass(frozen=True)
class ZoneFacts:
    """Which pixels of an image are inspected; see `zones.Inspected`.

    Attributes:
        size_hw: of all images.
        names: of the zones.
        runs: their pixels.
        fill: the colour that a detector sees outside of them.
        shares: of the false alarms; empty where they share one threshold.
        smallest_px: their smallest regions; empty where nothing is said.
        weights: by which the map of each is multiplied, so that they have one threshold.
        peaks: of each good image that was left out of the fit, the highest of each zone.
        cut: whether the detector saw nothing else; else zones are of its map alone.
    """

    size_hw: tuple[Positive, Positive]
    names: tuple[str, ...]
    runs: tuple[tuple[str, ...], ...]
    fill: tuple[Count, Count, Count]
    shares: tuple[Share, ...] = ()
    smallest_px: tuple[Positive, ...] = ()
    weights: tuple[AboveZero, ...] = ()
    peaks: tuple[tuple[float, ...], ...] = ()
    cut: bool = True

    @classmethod
    def of(cls, zones: Inspected, fill: Colour) -> ZoneFacts:
        """The same zones as facts."""
        of_shape = zones.size_hw, zones.names, zones.runs(), fill
        return cls(*of_shape, zones.shares, zones.smallest_px, cut=zones.cut)

    def above(self, threshold: float) -> dict[str, int]:
        """How many of the good images exceed a threshold in each zone, where that is known."""
        each = zip(self.names, zip(*self.peaks, strict=True), strict=False)
        return {name: sum(peak > threshold for peak in peaks) for name, peaks in each}

    def inspected(self) -> Inspected:
        """The same zones. Raises `ValueError` where that cannot be."""
        rules = self.shares, self.smallest_px
        return Inspected.of_runs(self.size_hw, self.names, self.runs, *rules, cut=self.cut)


@dataclass(frozen=True)
class AlignmentFacts:
    """How parts are aligned before anything else; see `alignment.Alignment`.

    Attributes:
        size_hw: of all images.
        reference: id of the training image that the others are aligned with.
        degrees, scale, shift: what is looked for.
        limit: of agreement, below which nothing can be said of a part.
        rate: share of good parts that may be below.
        agreements: of the good images that the limit rests on, lowest first.
    """

    size_hw: tuple[Positive, Positive]
    reference: str
    degrees: Turn
    scale: bool
    shift: Share
    limit: float
    rate: Share
    agreements: tuple[float, ...] = ()

    @property
    def alignment(self) -> Alignment:
        """What is looked for."""
        return Alignment(self.degrees, self.scale, self.shift)


@dataclass(frozen=True)
class InputFacts:
    """What images the graph takes, and what it makes of them first.

    Attributes:
        format: depth.
        alpha: what is done with transparency.
        working: how they are resized; with zones, the box around these.
        zones: what is inspected, drawn on the reference where there is one; `None` for all.
        alignment: how parts are aligned; `None` where they are taken as they lie.
    """

    format: ImageFormat
    alpha: Alpha
    working: WorkingFacts
    zones: ZoneFacts | None = None
    alignment: AlignmentFacts | None = None


@dataclass(frozen=True)
class TrainingFacts:
    """The training images.

    Attributes:
        dataset, layout: where they came from.
        left_out: how they were scored as if they were new.
        images: all that the model was fitted on.
        suspicious: those that stand out; `None` where not known.
        dropped: those that were left out of fit and calibration.
        appearance: how they look, as ranges.
        looks: the same of each; `None` where an older version fitted.
    """

    dataset: str
    layout: str
    left_out: str
    images: tuple[FittedImage, ...]
    suspicious: SuspiciousImages | None
    dropped: tuple[ScoredImage, ...]
    appearance: Usual
    looks: Looks | None = None


@dataclass(frozen=True)
class Facts:
    """All that a model file says of itself.

    What came later than the schema is empty in files of before, and versions of before pass it
    over, so the schema is the same.

    Attributes:
        inspectable: which images are; `None` of files from before that was told.
        golden: samples to be checked wherever it runs.
        history: what was learned and forgotten since the fit.
    """

    blemish: str
    versions: dict[str, str]
    detector: DetectorFacts
    input: InputFacts
    training: TrainingFacts
    calibration: CalibrationFacts
    inspectable: Inspectable | None = None
    schema: Positive = SCHEMA
    golden: tuple[GoldenImage, ...] = ()
    history: tuple[Step, ...] = ()  # of what was learned and forgotten since the fit

    def departing(self) -> Departing | None:
        """How its graph tells which images are inspectable.

        Raises:
            ValueError: its zones are none.
        """
        if self.inspectable is None:
            return None
        white_level, zones = self.input.format.white_level, self.input.zones
        if zones is None:
            return self.inspectable.departing(white_level)
        inspected = zones.inspected()
        return self.inspectable.departing(white_level, inspected.points, inspected.size_hw[1])

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        values: dict[str, Any] = as_json(self)
        if not self.history:
            values.pop("history", None)  # of what was read, a default is not there
        return values


@dataclass(frozen=True)
class _Versioned:
    schema: Positive
    blemish: str


def parse_facts(text: str, name: str) -> Facts:
    """What a model file says of itself.

    Args:
        text: JSON, as it is in the file.
        name: what to call the file in errors.

    Raises:
        ModelFileError: a fact is missing, of another type or out of its limits, or the file is of a
            schema that this version does not read.
    """
    if len(text) > MOST_BYTES:
        raise ModelFileError(f"'{name}' says {len(text):,} characters of itself; that is too much.")
    try:
        values = read_json(text)
        _check_version(as_type(values, _Versioned), name)
        facts = as_type(migrate(values), Facts)
        check_golden(facts.golden)
        for threshold in ("image_threshold", "pixel_threshold"):
            _check_searchable(text, threshold, getattr(facts.calibration, threshold))
    except JsonError as error:
        raise ModelFileError(
            f"What '{name}' says of itself cannot be used: {error} Fit or calibrate it again."
        ) from error
    return facts


def _check_version(versioned: _Versioned, name: str) -> None:
    """Raise `ModelFileError` where a file is of a schema that this version does not read."""
    if OLDEST <= versioned.schema <= SCHEMA:
        return
    newer = versioned.schema > SCHEMA
    raise ModelFileError(
        f"'{name}' has schema {versioned.schema}, made by blemish {versioned.blemish}; this "
        f"version reads schemas {OLDEST} to {SCHEMA}. "
        + ("Upgrade: pip install -U blemish" if newer else "Fit it again.")
    )


def _check_searchable(text: str, name: str, value: float) -> None:
    """Raise `JsonError` where whoever searches for a name in place of parsing finds another value.

    That is how programs without a JSON parser read a threshold.
    """
    found = re.findall(rf'"{name}": ([^,\s}}]+)', text)
    if len(found) != 1 or json.loads(found[0]) != value:
        raise JsonError(f"'{name}' is not there exactly once, as {value:g}.")
