"""Every registered detector keeps the contract: registering is testing."""

from __future__ import annotations

import pytest

from blemish.detectors.conformance import check_detector
from blemish.detectors.padim.settings import PadimSettings
from blemish.detectors.registry import detector_class, detector_names
from blemish.errors import SettingError
from tiny import DISTANCES, LEVELS, tiny_settings
from tiny_efficientad import tiny_settings as tiny_efficientad_settings
from tiny_efficientad import tiny_teacher

VARIANTS = {
    "patchcore": [
        {},
        {"resize": "shorter"},
        {"resize": "longer", "image_score": "patches"},
        {"reweight": 3, "k": 2, "distance": "squared", **DISTANCES},
        {"embedding": "pooled", "embedding_width": 10, "projection": 4},
        {"calibration_folds": 0, "coreset_start": "sampled", "smoothing": 0},
        {"image_size": [48, 64], "levels": ["coarse"], "coreset_start": "farthest", **DISTANCES},
        {"calibration_folds": 5, "resize": "shorter", "neighbourhood": 1},
        {"normalisation": "none"},
        {"shards": 3},
        {"tile": 32, "overlap": 8, "shards": 3},
        {"tile": [32, 64], "overlap": 0, "resize": "longer", **DISTANCES},
        {"tile": 32, "scale": 0.8, "image_size": None, **DISTANCES},
        {"shards": 4, "resize": "shorter", "projection": 4, "k": 2, "normalisation": "none"},
        {
            "image_size": [48, 64],
            "levels": ["coarse"],
            "map_levels": ["fine"],
            "coreset_start": "farthest",
            **DISTANCES,
        },
        {
            "image_size": [48, 64],
            "levels": ["coarse"],
            "map_levels": ["fine"],
            "coreset_start": "farthest",
            "head": "distance",
            **DISTANCES,
        },
    ],
    "efficientad": [
        {"calibration_folds": 2},
        {"held_out": 0.4, "crop": 0, "keep_features": False, "border": "zero"},
        {"held_out": 0.4, "image_size": [133, 150], "precision": "bfloat16"},
        {"held_out": 0.4, "autoencoder_weight": 0},
        {"calibration_folds": 2, "normalisation": "position"},
        {
            "teacher_backbone": "tiny",
            "held_out": 0.4,
            "image_score": "top",
            "distance": "euclidean",
        },
        {
            "teacher_backbone": "tiny",
            "calibration_folds": 2,
            "crop": 64,
            "normalisation": "position",
        },
        {"teacher_backbone": "tiny", "held_out": 0.4, "tile": 96, "overlap": 64, "crop": 80},
    ],
    "padim": [
        {},
        {"smoothing": 0, "selection": "first", "normalisation": "none"},
        {"gaussian": "global", "resize": "longer", "dimensions": 0},
        {"gaussian": "global", "image_size": [48, 64], "levels": ["coarse"]},
    ],
    "fusion": [
        {},
        {"members": ["padim", "patchcore"], "resize": "shorter", "padim.gaussian": "global"},
        {"members": ["patchcore", "efficientad"], "efficientad.held_out": 0.7, "image_size": 128},
    ],
}
CHANCE = {
    "patchcore": 1.0,
    "efficientad": 2.0,
    "padim": 1.0,
    "fusion": 2.0,
}  # what so few steps of training may do to scores


@pytest.fixture(scope="session")
def settings_of(backbone, tmp_path_factory):
    """Settings of each detector small enough for a fit in seconds."""

    def efficientad(**settings):
        pytest.importorskip("torch", reason="needs the extra 'train'")
        teacher = tmp_path_factory.getbasetemp() / "teacher.onnx"
        if not teacher.exists():
            tiny_teacher(teacher)
        given = tiny_efficientad_settings(teacher, steps=16, **settings)
        if "teacher_backbone" in given:
            apart = ("teacher", "pdn", *(() if "crop" in settings else ("crop",)))
            given |= {"teacher_backbone": str(backbone), "teacher_levels": LEVELS}
            given["autoencoder_weight"] = 0
            given = {name: value for name, value in given.items() if name not in apart}
        return given

    def patchcore(**settings):
        if settings.get("head"):
            pytest.importorskip("torch", reason="needs the extra 'train'")
        return tiny_settings(backbone, **{"calibration_folds": 5, **settings})

    def padim(**settings):
        given = tiny_settings(backbone, **{"dimensions": 10, **settings})
        return {name: value for name, value in given.items() if name in PadimSettings.names()}

    def fusion(**settings):
        own = {name: value for name, value in settings.items() if "." in name}
        given = {"members": ["patchcore", "padim"], "image_size": 64} | {
            name: value for name, value in settings.items() if "." not in name
        }
        makers = {
            "patchcore": lambda: tiny_settings(backbone),
            "padim": padim,
            "efficientad": efficientad,
        }
        for member in given["members"]:
            values = makers[member]()
            shared = ("image_size", "resize", "seed")
            texts = {f"{member}.{k}": v for k, v in values.items() if k not in shared}
            own = texts | own
        given["member_settings"] = [typed(name, value) for name, value in own.items()]
        return given

    return {
        "fusion": fusion,
        "padim": padim,
        "patchcore": patchcore,
        "efficientad": efficientad,
    }


def typed(name, value):
    """A setting as a user types it."""
    if isinstance(value, list):
        value = ",".join(value)
    return f"{name}={str(value).lower() if isinstance(value, bool) else value}"


@pytest.mark.parametrize("name", detector_names())
def test_every_detector_is_checked(name):
    assert VARIANTS[name]


@pytest.mark.parametrize(
    ("name", "settings"), [(name, v) for name, variants in VARIANTS.items() for v in variants]
)
def test_the_contract_is_kept(settings_of, name, settings, monkeypatch):
    given = settings_of[name](**settings)
    if "head" in settings:
        from blemish.detectors.patchcore.head import examples, training

        monkeypatch.setattr(training, "STEPS", 60)
        monkeypatch.setattr(examples, "SPOILT_IMAGES", 40)

    def make(seed):
        return detector_class(name)(**given, seed=seed)

    check_detector(make, chance=CHANCE[name])


def test_an_unknown_detector_is_told_with_the_closest():
    with pytest.raises(SettingError, match="Did you mean 'patchcore'"):
        detector_class("pathcore")
