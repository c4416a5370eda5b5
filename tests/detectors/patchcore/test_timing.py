from __future__ import annotations

import pytest

import blemish
from blemish.data.loading import GoodImages
from blemish.detectors.patchcore import timing
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


def test_picking_is_guessed_from_all_distances_and_leaving_out_takes_twice_as_many(
    guess, monkeypatch
):
    monkeypatch.setattr(timing, "_seconds_a_distance", lambda _: 1e-3)
    monkeypatch.setattr(timing, "_searching_seconds", lambda *_: 7.0)
    patches = 10 * 16 * 16  # of 10 images, at a stride of 4
    once = guess(coreset_ratio=0.1, calibration_folds=2)
    assert once["coreset"] == pytest.approx(1e-3 * patches * (patches // 10))
    assert once["leave out"] == pytest.approx(2 * once["coreset"])
    for settings, searches in (
        ({"k": 2}, 2),
        ({"projection": 4}, 2),
        ({"calibration_folds": 0}, 1),
    ):
        given = guess(coreset_ratio=0.1, **{"calibration_folds": 2, **settings})
        picking = 2 * given["coreset"] * (searches == 2)
        assert given["leave out"] == pytest.approx(picking + searches * 7)
    assert guess(coreset_ratio=0.2)["coreset"] == pytest.approx(2 * once["coreset"])
