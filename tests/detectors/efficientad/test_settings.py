"""Settings and presets: what can be chosen, and what is refused before anything is trained."""

from __future__ import annotations

import dataclasses

import pytest

from blemish.detectors.efficientad.settings import PRESETS, EfficientAdSettings
from blemish.errors import SettingError


def test_the_paper_is_the_paper():
    settings = EfficientAdSettings(preset="paper").to_dict()
    published = {
        "image_size": 256, "pdn": "small", "steps": 70_000, "batch": 1, "crop": 0,
        "learning_rate": 1e-4, "weight_decay": 1e-5, "decay_at": 0.95, "decay_by": 0.1,
        "hard_quantile": 0.999, "penalty_weight": 1.0, "penalty_grey": 0.3, "jitter": 0.2,
        "dropout": 0.2, "low_quantile": 0.9, "high_quantile": 0.995, "border": "zero",
        "calibration_folds": 0, "held_out": 0.1, "autoencoder_width": 64, "autoencoder_weight": 0.5,
        "smoothing": 0.0, "averaged_steps": 0,
    }  # fmt: skip
    assert settings | published == settings


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_fills_in_everything_and_can_be_written_and_read(preset):
    settings = EfficientAdSettings(preset=preset)
    written = settings.to_dict()
    optional = {"teacher", "penalty"}
    assert not {name for name, value in written.items() if value is None} - optional
    assert EfficientAdSettings.from_dict(written).to_dict() == written
    assert EfficientAdSettings.from_dict(written).recipe == settings.recipe == PRESETS[preset]


def test_what_is_given_wins_over_the_preset():
    settings = EfficientAdSettings(preset="quick", steps=5, crop=0)
    assert settings.recipe == dataclasses.replace(PRESETS["quick"], steps=5, crop=0)


def test_a_presets_crop_that_is_no_smaller_than_the_image_is_the_image():
    assert EfficientAdSettings(preset="quick", image_size=128).recipe.crop == 0
    assert EfficientAdSettings(preset="quick", image_size=[128, 300]).recipe.crop == 0
    assert EfficientAdSettings(preset="quick", image_size=[132, 300]).recipe.crop == 128


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resize": "shorter"}, "'resize' must be stretch"),
        ({"image_size": 96}, "got 96, the nearest that works is 128"),
        ({"image_size": [64, 300]}, r"got \[64, 300\], the nearest that works is \[128, 300\]"),
        ({"image_size": [300, 100]}, r"the nearest that works is \[300, 128\]"),
        ({"crop": 90}, "got 90, the nearest that works is 88"),
        ({"crop": 20}, "nearest that works is 36"),
        ({"crop": 300}, r"in \[36, 256\]; got 300, the nearest that works is 256"),
        ({"preset": "fast"}, "must be one of quick, standard, paper"),
        ({"preset": "papers"}, "Did you mean 'paper'"),
        ({"low_quantile": 0.995}, "must be below 'high_quantile'"),
        ({"calibration_folds": 1}, "must be 0 or at least 2"),
        ({"autoencoder_width": 7}, "must be even"),
        ({"held_out": 0.0}, "'held_out'"),
        ({"learning_rate": 0}, "'learning_rate'"),
        ({"pdn": "large"}, "extra_small, small, medium"),
    ],
)
def test_what_cannot_be_is_told_with_what_can(settings, message):
    with pytest.raises(SettingError, match=message):
        EfficientAdSettings(**settings)


@pytest.mark.parametrize("size", [128, 129, 250, 257, [131, 1000], [512, 128]])
def test_any_size_from_the_smallest_on_gives_nets(size):
    layers = EfficientAdSettings(image_size=size).layers
    sizes = [layer.enlarged_hw for layer in layers.autoencoder if layer.enlarged_hw]
    assert min(min(size_hw) for size_hw in sizes) > 0


def test_sizes_inside_the_autoencoder_are_the_published_ones():
    layers = EfficientAdSettings().layers.autoencoder
    assert [layer.enlarged_hw for layer in layers if layer.enlarged_hw] == [
        (side, side) for side in (3, 8, 15, 32, 63, 127, 56)
    ]


def test_without_a_weight_there_is_no_autoencoder_and_nothing_to_follow_it():
    settings = EfficientAdSettings(pdn="extra_small", autoencoder_weight=0)
    assert settings.branches == {"student": 1}
    assert settings.layers.autoencoder == ()
    assert settings.layers.student == settings.layers.teacher
    assert EfficientAdSettings(autoencoder_weight=0.2).branches == pytest.approx(
        {"student": 0.8, "autoencoder": 0.2}
    )
