"""Settings and presets: what can be chosen, and what is refused before anything is trained."""

from __future__ import annotations

import dataclasses
import json

import pytest

from blemish.detectors.efficientad.architecture import pdn
from blemish.detectors.efficientad.graph import EfficientAdGraph
from blemish.detectors.efficientad.pdn_teacher import PdnTeacher
from blemish.detectors.efficientad.presets import PRESETS
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.detectors.efficientad.teacher import layers_of
from blemish.errors import SettingError
from blemish.images.format import ImageFormat

TEACHER = PdnTeacher("extra_small", {}, "", "", "")


def branches(settings):
    return EfficientAdGraph(settings, TEACHER, ImageFormat()).branches


def test_the_paper_is_the_paper():
    settings = EfficientAdSettings(preset="paper").to_dict()
    published = {
        "image_size": 256, "pdn": "small", "steps": 70_000, "batch_size": 1, "crop": 0,
        "learning_rate": 1e-4, "weight_decay": 1e-5, "decay_at": 0.95, "decay_by": 0.1,
        "hard_quantile": 0.999, "penalty_weight": 1.0, "penalty_grey": 0.3, "jitter": 0.2,
        "dropout": 0.2, "low_quantile": 0.9, "high_quantile": 0.995, "border": "zero",
        "calibration_folds": 0, "held_out": 0.1, "autoencoder_width": 64, "autoencoder_weight": 0.5,
        "smoothing": 0.0, "averaged_steps": 0, "gradient_norm": 0.0, "schedule": "late",
        "unexplained": 0.0, "distance": "squared", "teacher_backbone": None,
        "initialisation": "torch",
    }  # fmt: skip
    assert settings | published == settings


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_fills_in_everything_and_can_be_written_and_read(preset):
    settings = EfficientAdSettings(preset=preset)
    written = settings.to_dict()
    optional = {"teacher", "penalty", "epochs", "pdn", "teacher_backbone", "teacher_levels"}
    optional |= {"teacher_neighbourhood", "tile", "overlap", "scale"}
    assert not {name for name, value in written.items() if value is None} - optional
    assert json.loads(json.dumps(written)) == written
    assert EfficientAdSettings.from_dict(written).to_dict() == written
    assert EfficientAdSettings.from_dict(written).recipe == settings.recipe == PRESETS[preset]


def test_what_is_given_wins_over_the_preset():
    settings = EfficientAdSettings(preset="quick", steps=5, crop=0)
    assert settings.recipe == dataclasses.replace(PRESETS["quick"], steps=5, crop=0)


def test_a_pdn_that_is_named_takes_the_place_of_a_presets_backbone():
    for named in ({"pdn": "small"}, {"teacher": "mine.onnx"}):
        recipe = EfficientAdSettings(preset="quick", **named).recipe
        assert (recipe.teacher_backbone, recipe.teacher_levels, recipe.pdn) == (None, None, "small")
    recipe = EfficientAdSettings(preset="paper", teacher_backbone="mine.onnx").recipe
    assert (recipe.teacher_backbone, recipe.teacher_levels, recipe.pdn) == ("mine.onnx", None, None)
    recipe = EfficientAdSettings(preset="quick", teacher_levels=["s8", "s16"]).recipe
    assert (recipe.teacher_backbone, recipe.teacher_levels) == ("embedded", ("s8", "s16"))


def test_a_presets_crop_that_is_no_smaller_than_the_image_is_the_image():
    assert EfficientAdSettings(preset="texture").recipe.crop == 256
    assert EfficientAdSettings(preset="texture").size_hw == (512, 512)
    assert EfficientAdSettings(preset="texture", image_size=256).recipe.crop == 0
    assert EfficientAdSettings(preset="texture", image_size=[264, 512]).recipe.crop == 256


def test_epochs_are_passes_over_the_images_that_are_trained_on():
    settings = EfficientAdSettings(preset="quick", epochs=3, batch_size=4)
    assert [settings.steps_of(count) for count in (1, 4, 10)] == [1, 3, 8]
    assert EfficientAdSettings(preset="quick", steps=7).steps_of(10) == 7


def test_a_variant_tells_what_differs_from_the_paper():
    assert EfficientAdSettings(preset="paper").variant == {}
    assert EfficientAdSettings(preset="paper", seed=3, image_size=128).variant == {}
    assert EfficientAdSettings(preset="paper", jitter=0.1).variant == {
        "jitter": "0.1; published 0.2"
    }
    assert EfficientAdSettings(preset="quick").variant["teacher"] == "embedded; published small"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resize": "shorter"}, "'resize' must be stretch"),
        ({"image_size": 96, "preset": "paper"}, "got 96, the nearest that works is 128"),
        (
            {"image_size": [64, 300], "preset": "paper"},
            r"got \[64, 300\], the nearest that works is \[128, 300\]",
        ),
        (
            {"image_size": [300, 100], "autoencoder_weight": 0.5},
            r"the nearest that works is \[300, 128\]",
        ),
        ({"crop": 64, "autoencoder_weight": 0.5}, "'crop' must be 0 with an autoencoder and a"),
        (
            {"pdn": "small", "teacher_backbone": "embedded"},
            "'pdn' names a PDN as teacher and 'teacher_backbone'",
        ),
        ({"teacher": "a.onnx", "teacher_backbone": "embedded"}, "'teacher' names a PDN"),
        ({"pdn": "small", "teacher_levels": ["s8"]}, "'teacher_levels' is of a backbone"),
        ({"epochs": 0}, "'epochs'"),
        ({"penalty": "images"}, "'penalty' names images to train against, but 'penalty_weight'"),
        ({"pdn": "small", "crop": 90}, "got 90, the nearest that works is 88"),
        ({"pdn": "small", "crop": 20}, "nearest that works is 36"),
        ({"pdn": "small", "crop": 300}, r"in \[36, 256\]; got 300, the nearest that works is 256"),
        ({"preset": "fast"}, "must be one of quick, texture, standard, paper"),
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
    layers = layers_of(EfficientAdSettings(image_size=size, preset="paper"), TEACHER)
    sizes = [layer.enlarged_hw for layer in layers.autoencoder if layer.enlarged_hw]
    assert min(min(size_hw) for size_hw in sizes) > 0


def test_sizes_inside_the_autoencoder_are_the_published_ones():
    layers = layers_of(EfficientAdSettings(preset="paper"), TEACHER).autoencoder
    assert [layer.enlarged_hw for layer in layers if layer.enlarged_hw] == [
        (side, side) for side in (3, 8, 15, 32, 63, 127, 56)
    ]


def test_without_a_weight_there_is_no_autoencoder_and_nothing_to_follow_it():
    settings = EfficientAdSettings(pdn="extra_small", autoencoder_weight=0)
    assert layers_of(settings, TEACHER).autoencoder == ()
    assert layers_of(settings, TEACHER).student == pdn("extra_small")
    assert branches(settings) == {"student": 1}
    both = EfficientAdSettings(pdn="extra_small", autoencoder_weight=0.2)
    assert branches(both) == pytest.approx({"student": 0.8, "autoencoder": 0.2})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"steps": 5, "epochs": 3}, "'steps' or 'epochs', not both"),
        ({"pdn": "small", "teacher_neighbourhood": 3}, "'teacher_neighbourhood' is of a backbone"),
        ({"pdn": "small", "teacher_levels": ["s8"]}, "'teacher_levels' is of a backbone"),
        (
            {"pdn": "small", "teacher_precision": "int8"},
            "'teacher_precision' is of a backbone, but the teacher is a PDN",
        ),
        ({"teacher_neighbourhood": 4}, "must be odd"),
        ({"resize": "shorter"}, "images of one size"),
    ],
)
def test_settings_that_would_be_ignored_are_refused(given, told):
    with pytest.raises(SettingError, match=told):
        EfficientAdSettings(**given)


@pytest.mark.parametrize("given", [{"epochs": 2.0}, {"steps": 9}, {"pdn": "small"}, {"crop": 96}])
def test_what_was_chosen_can_be_written_and_read(given):
    settings = EfficientAdSettings(**given)
    again = EfficientAdSettings(**settings.to_dict())
    assert again.recipe == settings.recipe
    assert again.steps_of(40) == settings.steps_of(40)
