"""What a fit of PatchCore will take, known before it starts: bank, memory, disk.

Features come as a stream. Kept are all patches (in memory, or in a temporary file where they are
too many) and the points that the coreset is picked from (in memory; where even they are too many, a
seeded sample of each image's patches stands for all).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from blemish.backbones.backbone import Backbone
from blemish.backbones.reach import exact_overlap
from blemish.detectors.contract import Told
from blemish.detectors.features.sizes import (
    FACTS_BYTES,
    LARGEST_MODEL,
    LONG_IMAGES,
    measure,
)
from blemish.errors import SettingError
from blemish.memory import MEGABYTE
from blemish.search.point_distances import sketched_bytes
from blemish.search.sketch import searched_bytes
from blemish.wording import bytes_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blemish.detectors.patchcore.settings import PatchCoreSettings

LONG_DISTANCES = 2 * 10**9  # from candidates to picks
SEARCHED = 2**25  # products of a search that may be in memory at once
FEWEST_SEARCHED = 256  # vectors of the bank that are searched at once
BANK_COPIES = 8  # left out and in its session, in the graph, in the file and while that is signed
SCORE_BYTES = 8  # of a patch, left out and seen
PICKING_BYTES = 56  # of a point: norm, owner, row, part; picks near it, distances from banks
SMALLEST_SAMPLE = 1000


@dataclass(frozen=True)
class PatchCorePlan:
    """Sizes of a fit.

    Attributes:
        images, patches, dimensions: what comes out of the backbone (patches at most).
        candidates: patches that the coreset is picked from; fewer than all where memory is short.
        point_dimensions: length of the vectors that the picking compares.
        points_apart: picking compares other vectors than those that are kept: those in float32.
        bank_vectors, bank_bytes: the memory bank.
        model_bytes: the model file, nearly.
        on_disk: all patches are kept in a temporary file.
        memory_bytes, disk_bytes: the most that the fit will take.
        at_once: images that go through the backbone at once, each on a core of its own.
        tiles: that the largest image is looked at in; 0 for none.
        seamless_overlap: of tiles, by which they would leave no trace; `None` for none.
    """

    images: int
    patches: int
    dimensions: int
    candidates: int
    point_dimensions: int
    points_apart: bool
    bank_vectors: int
    bank_bytes: int
    model_bytes: int
    on_disk: bool
    memory_bytes: int
    disk_bytes: int
    at_once: int
    tiles: int = 0
    seamless_overlap: int | None = None

    @property
    def points_are_vectors(self) -> bool:
        """Whether picking compares all vectors as they are."""
        projected = self.point_dimensions < self.dimensions
        return not (projected or self.on_disk or self.points_apart)

    @property
    def takes_long(self) -> bool:
        """Whether what a guess measures is little beside the images or the picking."""
        return self.images >= LONG_IMAGES or self.candidates * self.bank_vectors >= LONG_DISTANCES

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return asdict(self)

    def told(self) -> list[Told]:
        """Patches and bank, for people."""
        bank = f"{self.bank_vectors:,} vectors, {bytes_text(self.bank_bytes)}"
        return [
            *self._told_of_tiles(),
            ("patches", f"{self.patches:,} of {self.dimensions} dimensions"),
            ("memory bank", bank),
        ]

    def _told_of_tiles(self) -> list[Told]:
        if not self.tiles:
            return []
        least = self.seamless_overlap
        seams = "seams show a little" if least is None else f"no seam from 'overlap' {least} on"
        return [("tiles", f"{self.tiles:,} of the largest image; {seams}")]

    def notes(self) -> list[str]:
        """What a user must hear of it."""
        notes = []
        if self.on_disk:
            notes.append(
                f"The patches of all images do not fit the memory allowed: "
                f"{bytes_text(self.disk_bytes)} go to a temporary file."
            )
        if self.candidates < self.patches:
            notes.append(
                f"The coreset is picked from a seeded sample of {self.candidates} of "
                f"{self.patches} patches, the most that the memory allowed holds."
            )
        return notes


def plan_fit(
    settings: PatchCoreSettings,
    backbone: Backbone,
    sizes_hw: Sequence[tuple[int, int]],
    *,
    backbone_bytes: int,
    shared_by: int = 1,
    set_aside_bytes: int = 0,
) -> PatchCorePlan:
    """What a fit on images of these sizes will take.

    Args:
        settings: of the fit.
        backbone: with the levels that its patches are made of.
        sizes_hw: of the images.
        backbone_bytes: of its file.
        shared_by: how many banks share the memory allowed.
        set_aside_bytes: of it, for what is neither.

    Raises:
        DataError: there is no image.
        SettingError: the memory allowed is too small for any fit, or the bank for any file.
    """
    sizes = measure(settings, backbone, sizes_hw)
    dimensions = settings.dimensions([level.channels for level in backbone.levels])
    projected = settings.projection_dimensions(dimensions)
    vectors = settings.bank_size(sizes.patches, dimensions)
    row_bytes = 4 * dimensions
    bank_row_bytes = bytes_a_vector(vectors, dimensions)
    fixed = sizes.streaming_bytes(dimensions) + 3 * backbone_bytes
    fixed += BANK_COPIES * vectors * bank_row_bytes + SCORE_BYTES * sizes.patches
    free = (settings.memory_megabytes * MEGABYTE - set_aside_bytes) // shared_by - fixed
    picking = PICKING_BYTES + sketched_bytes(projected)
    point_bytes = 4 * projected + picking
    points_apart = settings.precision == "int8"
    own_points = points_apart or projected < dimensions
    in_memory = sizes.patches * (row_bytes + (point_bytes if own_points else picking))
    on_disk = in_memory > free
    candidates = min(sizes.patches, max(0, free // point_bytes)) if on_disk else sizes.patches
    bank_vectors = min(vectors, candidates)
    plan = PatchCorePlan(
        images=len(sizes_hw),
        patches=sizes.patches,
        dimensions=dimensions,
        candidates=candidates,
        point_dimensions=projected,
        points_apart=points_apart,
        bank_vectors=bank_vectors,
        bank_bytes=bank_vectors * bank_row_bytes,
        model_bytes=backbone_bytes + bank_vectors * bank_row_bytes + FACTS_BYTES * len(sizes_hw),
        on_disk=on_disk,
        memory_bytes=fixed + (candidates * point_bytes if on_disk else in_memory),
        disk_bytes=sizes.patches * row_bytes if on_disk else 0,
        at_once=sizes.at_once,
        tiles=sizes.tiles,
        seamless_overlap=(
            exact_overlap(backbone, side=settings.neighbourhood) if sizes.tiles else None
        ),
    )
    least_bytes = set_aside_bytes + shared_by * (fixed + SMALLEST_SAMPLE * point_bytes)
    _check_plan(plan, settings, least_bytes)
    return plan


def bytes_a_vector(vectors: int, dimensions: int) -> int:
    """What a vector of a bank of so many takes in a model, with what finds it."""
    return 4 * dimensions + searched_bytes(vectors, dimensions)


def _check_plan(plan: PatchCorePlan, settings: PatchCoreSettings, least_bytes: int) -> None:
    if plan.candidates < min(plan.patches, SMALLEST_SAMPLE):
        raise SettingError(
            f"'memory_megabytes' must be at least {ceil(least_bytes / MEGABYTE)} for these images, "
            f"backbone and bank; got {settings.memory_megabytes}."
        )
    if plan.model_bytes > LARGEST_MODEL:
        raise SettingError(
            f"A bank of {plan.bank_bytes / 1e9:.1f} GB makes a model file larger than ONNX can "
            "hold (2 GB); lower coreset_ratio, coreset_count or coreset_megabytes."
        )
