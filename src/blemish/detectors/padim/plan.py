"""What a fit of PaDiM will take, known before it starts: Gaussians, memory, disk, time.

The features of all images are kept until the Gaussians are known, in memory or in a temporary file
where they are too many; Gaussians are made of some positions at a time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from blemish.detectors.contract import ImageSource, Told
from blemish.detectors.features.sizes import (
    FACTS_BYTES,
    LARGEST_MODEL,
    LONG_IMAGES,
    measure,
)
from blemish.detectors.features.stream import measured
from blemish.detectors.padim.gaussians import fit_positions
from blemish.errors import SettingError
from blemish.memory import MEGABYTE
from blemish.parallel import available_cores, one_core_each
from blemish.wording import bytes_text

if TYPE_CHECKING:
    from blemish.detectors.padim.graph import PadimGraph

BLOCK_BYTES = 32 * MEGABYTE  # of features, covariances and what is made of them, at a time
BLOCK_COPIES = 8
MODEL_COPIES = 5  # of the Gaussians: fitted, in the graph, in the file, while signed, in a session
LONG_WORK = 10**11  # multiplications that the Gaussians take
MOST_MEASURED, MEASURED_POSITIONS = 200, 8  # images and positions to guess the time with


@dataclass(frozen=True)
class PadimPlan:
    """Sizes of a fit.

    Attributes:
        images, patches: what goes through the backbone, and the vectors that come out.
        dimensions: of a vector; `channels` is how many there are to keep some of.
        gaussians: how many.
        gaussian_bytes, model_bytes: of them, and of the model file, nearly.
        on_disk: all vectors are kept in a temporary file.
        memory_bytes, disk_bytes: the most that the fit will take.
        at_once: images that go through the backbone at once, each on a core of its own.
    """

    images: int
    patches: int
    dimensions: int
    channels: int
    gaussians: int
    gaussian_bytes: int
    model_bytes: int
    on_disk: bool
    memory_bytes: int
    disk_bytes: int
    at_once: int

    @property
    def takes_long(self) -> bool:
        """Whether what a guess measures is little beside the images or the Gaussians."""
        work = self.patches * self.dimensions**2 + self.gaussians * self.dimensions**3
        return self.images >= LONG_IMAGES or work >= LONG_WORK

    @property
    def block(self) -> int:
        """Positions whose Gaussians are made at a time."""
        each = 8 * self.dimensions * (self.images + 2 * self.dimensions)
        return max(1, BLOCK_BYTES // each)

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return asdict(self)

    def told(self) -> list[Told]:
        """Features and Gaussians, for people."""
        kept = f"{self.patches:,} of {self.dimensions} dimensions, out of {self.channels}"
        return [
            ("features", kept),
            ("Gaussians", f"{self.gaussians:,}, {bytes_text(self.gaussian_bytes)}"),
        ]

    def notes(self) -> list[str]:
        """What a user must hear of it."""
        if not self.on_disk:
            return []
        return [
            "The features of all images do not fit the memory allowed: "
            f"{bytes_text(self.disk_bytes)} go to a temporary file."
        ]


def plan_fit(graph: PadimGraph, images: ImageSource) -> PadimPlan:
    """What a fit on images will take.

    Raises:
        DataError: there is no image.
        SettingError: the memory allowed is too small, or the Gaussians are for any file.
    """
    settings, backbone = graph.settings, graph.backbone
    sizes = measure(settings, backbone, images.sizes_hw)
    channels = sum(level.channels for level in backbone.levels)
    dimensions = settings.kept(channels)
    gaussians = sizes.cells if settings.gaussian == "position" else 1
    gaussian_bytes = 4 * gaussians * dimensions * (dimensions + 1)
    backbone_bytes = backbone.graph.ByteSize()
    fixed = sizes.streaming_bytes(channels) + 3 * backbone_bytes
    fixed += MODEL_COPIES * gaussian_bytes + BLOCK_COPIES * BLOCK_BYTES
    kept, allowed = 4 * sizes.patches * dimensions, settings.memory_megabytes * MEGABYTE
    if fixed > allowed:
        raise SettingError(
            f"'memory_megabytes' must be at least {-(-fixed // MEGABYTE)} for these images, "
            f"backbone and Gaussians; got {settings.memory_megabytes}."
        )
    model_bytes = backbone_bytes + gaussian_bytes + FACTS_BYTES * len(images.sizes_hw)
    if model_bytes > LARGEST_MODEL:
        raise SettingError(
            f"{gaussians:,} Gaussians of {dimensions} dimensions make a model file larger than "
            "ONNX can hold (2 GB); lower 'dimensions' or 'image_size', or set gaussian='global'."
        )
    on_disk = fixed + kept > allowed
    return PadimPlan(
        images=len(images.sizes_hw),
        patches=sizes.patches,
        dimensions=dimensions,
        channels=channels,
        gaussians=gaussians,
        gaussian_bytes=gaussian_bytes,
        model_bytes=model_bytes,
        on_disk=on_disk,
        memory_bytes=fixed + (0 if on_disk else kept),
        disk_bytes=kept if on_disk else 0,
        at_once=sizes.at_once,
    )


def estimate_seconds(graph: PadimGraph, images: ImageSource, plan: PadimPlan) -> dict[str, float]:
    """Guess how long the stages of a fit will take; a second or two goes into measuring.

    Raises:
        ImageError: one of the first few images cannot be read.
    """
    an_image, _ = measured(graph, images, plan.at_once)
    rounds = plan.gaussians if plan.gaussians > 1 else plan.images
    return {
        "features": plan.images * an_image,
        "Gaussians": rounds * _seconds_a_gaussian(plan.images, plan.dimensions),
    }


def _seconds_a_gaussian(images: int, dimensions: int) -> float:
    """Seconds in which a Gaussian is made, all cores making some."""
    count, cores = min(images, MOST_MEASURED), available_cores()
    few = np.random.default_rng(0).standard_normal((count, MEASURED_POSITIONS, dimensions))
    groups = [[image] for image in range(count)]

    def fit(_: int) -> None:
        fit_positions(few, 1.0, groups)

    with one_core_each() as pool:
        fit(0)  # libraries warm up
        start = perf_counter()
        list(pool.map(fit, range(cores)))
    return (perf_counter() - start) / (cores * MEASURED_POSITIONS)
