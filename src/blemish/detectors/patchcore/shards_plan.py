"""What a fit by shards will take: of whoever works on a shard, and of who puts all together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from blemish.backbones.backbone import Backbone
from blemish.detectors.contract import Told
from blemish.detectors.features.sizes import FACTS_BYTES, RUNTIME_BYTES, measure
from blemish.detectors.patchcore.plan import (
    BANK_COPIES,
    PICKING_BYTES,
    PatchCorePlan,
    bytes_a_vector,
    plan_fit,
)
from blemish.detectors.patchcore.settings import PatchCoreSettings
from blemish.errors import SettingError
from blemish.memory import MEGABYTE
from blemish.search.point_distances import sketched_bytes
from blemish.wording import bytes_text

PICKED = 3  # times as many vectors as the bank has are picked of each shard
UNION_COPIES = 2  # as they come from shards, and joined
GRID_BYTES = 8  # of a patch's score: as it comes, and kept
LOOK_BYTES = 1200  # of an image: its sample, with hashes and path


@dataclass(frozen=True)
class ShardsPlan:
    """Sizes of a fit by shards.

    Attributes:
        images, patches, dimensions: what comes out of the backbone (patches at most).
        shards: how many there are, at most.
        of_a_shard: what the largest of them takes.
        bank_vectors, bank_bytes, model_bytes: as in `PatchCorePlan`.
        picked: how many vectors are picked of a shard.
        worker_bytes: the most memory that the work on a shard takes.
        driver_bytes: the most that putting all together takes.
    """

    images: int
    patches: int
    dimensions: int
    shards: int
    of_a_shard: PatchCorePlan
    picked: int
    bank_vectors: int
    bank_bytes: int
    model_bytes: int
    worker_bytes: int
    driver_bytes: int

    @property
    def memory_bytes(self) -> int:
        """The most that a fit on this machine alone will take, shard after shard."""
        return self.worker_bytes + self.driver_bytes - RUNTIME_BYTES

    @property
    def disk_bytes(self) -> int:
        """The most that goes to temporary files, of each worker."""
        return self.of_a_shard.disk_bytes

    @property
    def takes_long(self) -> bool:
        """Whether what a guess measures is little beside the images."""
        return True

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return asdict(self) | {"memory_bytes": self.memory_bytes, "disk_bytes": self.disk_bytes}

    def told(self) -> list[Told]:
        """Patches, bank and shards, for people."""
        bank = f"{self.bank_vectors:,} vectors, {bytes_text(self.bank_bytes)}"
        each = f"{self.of_a_shard.images:,} images and {self.of_a_shard.patches:,} patches at most"
        return [
            ("patches", f"{self.patches:,} of {self.dimensions} dimensions"),
            ("memory bank", f"{bank}, out of {self.picked:,} of each shard"),
            ("shards", f"{self.shards} of {each}"),
            ("memory of a worker", f"at most {bytes_text(self.worker_bytes)}"),
            ("memory at the driver", f"at most {bytes_text(self.driver_bytes)}"),
        ]

    def notes(self) -> list[str]:
        """What a user must hear of it."""
        return [f"Each shard: {note}" for note in self.of_a_shard.notes()]


def plan_shards(
    settings: PatchCoreSettings,
    backbone: Backbone,
    sizes_hw: Sequence[tuple[int, int]],
    *,
    backbone_bytes: int,
    shared_by: int = 1,
    set_aside_bytes: int = 0,
) -> ShardsPlan:
    """What a fit by shards will take, arguments as `plan_fit` takes them.

    Shards are taken to be alike, and of the largest images; copies, which stay together, may make
    one larger.

    Raises:
        DataError: there is no image.
        SettingError: the memory allowed is too small.
    """
    sizes = measure(settings, backbone, sizes_hw)
    dimensions = settings.dimensions([level.channels for level in backbone.levels])
    vectors = settings.bank_size(sizes.patches, dimensions)
    shards = min(settings.shards, len(sizes_hw))
    largest = sorted(sizes_hw, key=lambda hw: hw[0] * hw[1])[-ceil(len(sizes_hw) / shards) :]
    of_a_shard = plan_fit(
        settings.with_bank_of(PICKED * vectors),
        backbone,
        largest,
        backbone_bytes=backbone_bytes,
        shared_by=shared_by,
        set_aside_bytes=set_aside_bytes,
    )
    bank_bytes = vectors * bytes_a_vector(vectors, dimensions)
    points = settings.projection_dimensions(dimensions)
    a_candidate = 4 * UNION_COPIES * (dimensions + points) + PICKING_BYTES + sketched_bytes(points)
    driver_bytes = RUNTIME_BYTES + 3 * backbone_bytes + BANK_COPIES * bank_bytes
    driver_bytes += shards * of_a_shard.bank_vectors * a_candidate + GRID_BYTES * sizes.patches
    driver_bytes += (LOOK_BYTES + FACTS_BYTES) * len(sizes_hw)
    _check_driver(driver_bytes, shards, settings)
    return ShardsPlan(
        images=len(sizes_hw),
        patches=sizes.patches,
        dimensions=dimensions,
        shards=shards,
        of_a_shard=of_a_shard,
        picked=of_a_shard.bank_vectors,
        bank_vectors=vectors,
        bank_bytes=bank_bytes,
        model_bytes=backbone_bytes + bank_bytes + FACTS_BYTES * len(sizes_hw),
        worker_bytes=of_a_shard.memory_bytes,
        driver_bytes=driver_bytes,
    )


def _check_driver(driver_bytes: int, shards: int, settings: PatchCoreSettings) -> None:
    if driver_bytes > settings.memory_megabytes * MEGABYTE:
        raise SettingError(
            f"'memory_megabytes' must be at least {ceil(driver_bytes / MEGABYTE)} to put {shards} "
            f"shards together; got {settings.memory_megabytes}. Fewer shards, or a smaller bank "
            "('coreset_count'), take less."
        )
