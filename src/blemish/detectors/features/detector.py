"""What detectors on features of a backbone have in common."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

from blemish.backbones.backbone import Backbone
from blemish.backbones.load import load_backbone
from blemish.detectors.features.settings import FeatureSettings
from blemish.provenance import Source

S = TypeVar("S", bound=FeatureSettings)


class FeatureDetector(Generic[S]):
    """Learns from the features of a backbone in one pass, and leaves out each image in turn."""

    resumable = False
    settings_class: type[S]

    def __init__(self, settings: S | None = None, **values: Any) -> None:
        self.settings: S = self.settings_class.given(settings, values)

    @cached_property
    def backbone(self) -> Backbone:
        """The feature extractor that the settings name. Raises `BackboneError`."""
        s = self.settings
        return load_backbone(s.backbone, levels=s.levels, weights=s.weights)

    def provenance(self) -> tuple[Source, ...]:
        """The backbone. Raises `BackboneError`."""
        b = self.backbone
        return (Source("backbone", b.name, b.licence, b.sha256),)

    def calibration_images(self, split_keys: Sequence[str]) -> int:
        """How many images `held_out_scores` will score: all; those of one key count once."""
        return len(set(split_keys))

    def odd_grids(self) -> list[str]:
        """What a user must hear of levels whose cells are not where strides would have them."""
        return [
            f"Level '{level.name}' has {level.surplus:+d} cells a side beside what its stride "
            f"gives: maps may be off by up to {abs(level.surplus) * level.stride // 2} working "
            "pixels."
            for level in self.backbone.levels
            if level.surplus
        ]
