"""A PatchCore of two small banks, and images for it."""

from __future__ import annotations

from blemish.detectors.conformance.images import DrawnImages, weave
from blemish.detectors.patchcore.detector import PatchCore
from tiny import tiny_settings


def detector(backbone, **settings):
    given = {"levels": ["coarse"], "map_levels": ["fine"]} | settings
    return PatchCore(**tiny_settings(backbone, **given))


def weaves(count=10):
    return DrawnImages({f"{seed:02}": weave(seed) for seed in range(count)})
