from __future__ import annotations

import pytest

import blemish
from blemish.data.loading import GoodPictures
from blemish.detectors.patchcore_time import estimate_seconds
from tiny import tiny_backbone, tiny_dataset, tiny_settings


@pytest.fixture
def guess(tmp_path):
    """A guess for some settings of a fit on 10 small pictures."""
    backbone = tiny_backbone(tmp_path / "tiny.onnx")
    dataset = blemish.open_dataset(tiny_dataset(tmp_path / "tile", good=10))
    images = GoodPictures(dataset.train)

    def estimate(**settings):
        detector = blemish.PatchCore(**tiny_settings(backbone, **settings))
        return estimate_seconds(detector, images, detector.plan(images.sizes_hw))

    return estimate


def test_every_stage_takes_time_and_they_add_up(guess):
    seconds = guess()
    assert min(seconds.features, seconds.coreset, seconds.calibration) > 0
    assert seconds.total == seconds.features + seconds.coreset + seconds.calibration
    assert seconds.to_dict()["total"] == seconds.total


def test_leaving_out_in_folds_picks_a_coreset_for_each(guess):
    folds = guess(calibration_folds=5)
    assert folds.calibration > 5 * folds.coreset
