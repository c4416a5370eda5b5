from __future__ import annotations

import pytest

import blemish
from blemish.data.loading import GoodImages
from tiny import tiny_backbone, tiny_dataset, tiny_settings


@pytest.fixture
def guess(tmp_path):
    """A guess for some settings of a fit on 10 small images."""
    backbone = tiny_backbone(tmp_path / "tiny.onnx")
    dataset = blemish.open_dataset(tiny_dataset(tmp_path / "tile", good=10))
    images = GoodImages(dataset.train)

    def estimate(**settings):
        detector = blemish.PatchCore(**tiny_settings(backbone, **settings))
        return detector.estimate_seconds(images)

    return estimate


def test_every_stage_takes_time(guess):
    seconds = guess()
    assert list(seconds) == ["features", "coreset", "leave out"]
    assert min(seconds.values()) > 0


def test_leaving_out_in_folds_picks_a_coreset_for_each(guess):
    folds = guess(calibration_folds=5)
    assert folds["leave out"] > 5 * folds["coreset"]
