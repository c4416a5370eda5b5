"""What a fit of PatchCore will take, known before it starts: bank, memory, disk.

Features come as a stream. Kept are all patches (in memory, or in a temporary file where they are
too many) and the points that the coreset is picked from (in memory; where even they are too many, a
seeded sample of each picture's patches stands for all).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from blemish.backbones.backbone import Backbone
from blemish.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blemish.detectors.patchcore_settings import PatchCoreSettings

MEGABYTE = 10**6
BATCH_PIXELS = 8 * 256 * 256  # of working pictures that go through the backbone at once
RUNTIME_BYTES = 220 * MEGABYTE  # interpreter, libraries, the product blocks of the searches
BYTES_A_PIXEL = 250  # activations inside the backbone while features are extracted
COPIES = 5  # of a batch's patches: enlarged, joined, turned, handed out
SMALLEST_SAMPLE = 1000
FACTS_BYTES = 300  # of a training picture in the model file


@dataclass(frozen=True)
class FitPlan:
    """Sizes of a fit.

    Attributes:
        pictures, patches, dimensions: what comes out of the backbone (patches at most).
        candidates: patches that the coreset is picked from; fewer than all where memory is short.
        point_dimensions: length of the vectors that the picking compares.
        bank_vectors, bank_bytes: the memory bank.
        model_bytes: the model file, nearly.
        on_disk: all patches are kept in a temporary file.
        memory_bytes, disk_bytes: the most that the fit will take.
        batch: working pictures that go through the backbone at once.
    """

    pictures: int
    patches: int
    dimensions: int
    candidates: int
    point_dimensions: int
    bank_vectors: int
    bank_bytes: int
    model_bytes: int
    on_disk: bool
    memory_bytes: int
    disk_bytes: int
    batch: int

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return asdict(self)

    def notes(self) -> list[str]:
        """What a user must hear of it."""
        notes = []
        if self.on_disk:
            notes.append(
                f"The patches of all pictures do not fit the memory allowed: "
                f"{self.disk_bytes / 1e9:.1f} GB go to a temporary file."
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
) -> FitPlan:
    """What a fit on pictures of these sizes will take.

    Raises:
        SettingError: the memory allowed is too small for any fit.
    """
    coarsest = max(level.stride for level in backbone.levels)
    finest = min(level.stride for level in backbone.levels)
    working = settings.working_size(coarsest)
    padded = [working.working_hw(size_hw)[1] for size_hw in sizes_hw]
    patches = sum(-(-height // finest) * -(-width // finest) for height, width in padded)
    pixels = max(height * width for height, width in padded)
    batch = max(1, min(BATCH_PIXELS // pixels, longest_run(sizes_hw)))
    dimensions = settings.dimensions([level.channels for level in backbone.levels])
    projected = settings.projection_dimensions(dimensions)
    vectors = settings.bank_size(patches, dimensions)
    cells = max(-(-height // finest) * -(-width // finest) for height, width in padded)
    fixed = RUNTIME_BYTES + 3 * backbone_bytes
    fixed += batch * (BYTES_A_PIXEL * pixels + COPIES * 4 * dimensions * cells)
    fixed += 3 * 4 * vectors * dimensions  # the bank, its copy in the model, a copy left out
    free = settings.memory_megabytes * MEGABYTE - fixed
    row_bytes = 4 * dimensions
    point_bytes = 4 * projected + 24  # and its norm, distance, owner and row
    copied = projected < dimensions
    in_memory = patches * (row_bytes + (point_bytes if copied else 24))
    on_disk = in_memory > free
    candidates = min(patches, max(0, free // point_bytes)) if on_disk else patches
    if candidates < min(patches, SMALLEST_SAMPLE):
        needed = (fixed + SMALLEST_SAMPLE * point_bytes) / MEGABYTE
        raise SettingError(
            f"'memory_megabytes' must be at least {needed:.0f} for this backbone and image_size; "
            f"got {settings.memory_megabytes}."
        )
    bank_bytes = min(vectors, candidates) * row_bytes
    return FitPlan(
        pictures=len(sizes_hw),
        patches=patches,
        dimensions=dimensions,
        candidates=candidates,
        point_dimensions=projected,
        bank_vectors=min(vectors, candidates),
        bank_bytes=bank_bytes,
        model_bytes=backbone_bytes + bank_bytes + FACTS_BYTES * len(sizes_hw),
        on_disk=on_disk,
        memory_bytes=fixed + (candidates * point_bytes if on_disk else in_memory),
        disk_bytes=patches * row_bytes if on_disk else 0,
        batch=batch,
    )


def longest_run(sizes_hw: Sequence[tuple[int, int]]) -> int:
    """How many pictures of one size follow each other at most: only those share a batch."""
    return max((len(list(run)) for _, run in groupby(sizes_hw)), default=0)
