"""Finding a teacher by what the settings say."""

from __future__ import annotations

from blemish.backbones.load import EMBEDDED
from blemish.detectors.efficientad.backbone_teacher import load_levels
from blemish.detectors.efficientad.pdn_teacher import load_pdn
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.detectors.efficientad.teacher import Teacher


def load_teacher(settings: EfficientAdSettings) -> Teacher:
    """The teacher that settings name.

    Raises:
        BackboneError: it is missing or cannot be used.
        SettingError: the working image's size does not go with it.
        MissingExtraError: a safetensors file, or `timm:`, without the extra `train`.
    """
    recipe = settings.recipe
    found: Teacher = (
        load_pdn(settings.teacher, recipe.pdn)
        if recipe.pdn is not None
        else load_levels(
            recipe.teacher_backbone or EMBEDDED,
            recipe.teacher_levels,
            neighbourhood=recipe.teacher_neighbourhood or 1,
        )
    )
    settings.check_tiles(max(level.stride for level in found.levels), ())
    found.check_sizes(settings.seen_hw, recipe.crop)
    return found
