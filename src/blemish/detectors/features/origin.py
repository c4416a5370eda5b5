"""The backbone that settings name, and what is to be said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blemish.backbones.backbone import Backbone
from blemish.backbones.load import load_backbone
from blemish.provenance import Source

if TYPE_CHECKING:
    from blemish.detectors.features.settings import FeatureSettings


def backbone_of(settings: FeatureSettings) -> Backbone:
    """The feature extractor that settings name. Raises `BackboneError`."""
    return load_backbone(settings.backbone, levels=settings.levels, weights=settings.weights)


def source_of(backbone: Backbone) -> Source:
    """Where a backbone comes from."""
    return Source("backbone", backbone.name, backbone.licence, backbone.sha256)


def odd_grids(backbone: Backbone) -> list[str]:
    """What a user must hear of levels whose cells are not where strides would have them."""
    return [
        f"Level '{level.name}' has {level.surplus:+d} cells a side beside what its stride gives: "
        f"maps may be off by up to {abs(level.surplus) * level.stride // 2} working pixels."
        for level in backbone.levels
        if level.surplus
    ]
