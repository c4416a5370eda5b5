"""Every registered detector keeps the contract: registering is testing."""

from __future__ import annotations

import pytest

from blemish.detectors.base import detector_class, detector_names
from blemish.detectors.conformance import check_detector
from blemish.errors import SettingError
from tiny import tiny_settings

VARIANTS = {
    "patchcore": [
        {},
        {"fit": "shorter"},
        {"fit": "longer", "image_score": "map"},
        {"reweight": 3, "k": 2, "distance": "squared"},
        {"embedding": "pooled", "embedding_width": 10, "projection": 4},
        {"calibration_folds": 0, "coreset_start": "sampled", "smoothing": 0},
        {"image_size": [48, 64], "levels": ["coarse"], "coreset_start": "farthest"},
    ]
}


@pytest.mark.parametrize("name", detector_names())
def test_every_detector_is_checked(name):
    assert VARIANTS[name]


@pytest.mark.parametrize(
    ("name", "settings"), [(name, v) for name, variants in VARIANTS.items() for v in variants]
)
def test_the_contract_is_kept(backbone, name, settings):
    def make(seed):
        return detector_class(name)(**tiny_settings(backbone, **settings), seed=seed)

    check_detector(make)


def test_an_unknown_detector_is_told_with_the_closest():
    with pytest.raises(SettingError, match="Did you mean 'patchcore'"):
        detector_class("pathcore")
