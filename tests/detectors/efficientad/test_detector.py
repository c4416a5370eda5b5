"""EfficientAd from images to graph: what is left out, and what the model says of itself."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import blemish
from blemish.detectors.conformance.images import DrawnImages, blotted, weave
from blemish.detectors.efficientad import rounds
from blemish.detectors.efficientad.detector import EfficientAd
from blemish.detectors.efficientad.scale import common_scale
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.errors import (
    BackboneError,
    CalibrationError,
    DataError,
    MissingExtraError,
    SettingError,
)
from blemish.graph.session import Session
from blemish.progress import LoggedProgress
from tiny_efficientad import tiny_settings, tiny_teacher

QUIET = LoggedProgress()


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return tiny_teacher(tmp_path_factory.mktemp("teacher") / "teacher.onnx")


@pytest.fixture
def make(teacher):
    pytest.importorskip("torch", reason="needs the extra 'train'")
    return lambda **settings: EfficientAd(**(tiny_settings(teacher) | settings))


def weaves(count=8, keys=None):
    images = DrawnImages({f"{seed:02}": weave(seed) for seed in range(count)})
    if keys:
        images.split_keys = keys
    return images


def session(fitted):
    return Session(fitted.graph.SerializeToString())


# --- who is left out -----------------------------------------------------------------------------


def settings(**values):
    return EfficientAdSettings(**({"preset": "paper", "calibration_folds": 0} | values))


def test_in_parts_every_image_is_left_out_once_and_the_last_training_sees_all():
    keys = [f"{i // 2}" for i in range(12)]
    found = rounds.rounds_of(settings(calibration_folds=3), keys)
    assert [one.name for one in found] == ["without-1", "without-2", "without-3", "whole"]
    assert sorted(i for one in found for i in one.left_out) == list(range(12))
    for one in found:
        assert sorted(one.trained + one.left_out) == list(range(12))
        assert not {keys[i] for i in one.trained} & {keys[i] for i in one.left_out}
    assert found[-1].trained == list(range(12))


@pytest.mark.parametrize(
    ("share", "count", "left_out"), [(0.1, 100, 10), (0.1, 3, 1), (0.9, 4, 3), (0.25, 8, 2)]
)
def test_a_share_is_held_out_and_never_trained_on(share, count, left_out):
    (one,) = rounds.rounds_of(settings(held_out=share), [f"{i}" for i in range(count)])
    assert len(one.left_out) == left_out
    assert sorted(one.trained + one.left_out) == list(range(count))


def test_who_is_held_out_hangs_on_the_key_and_the_seed():
    keys = [f"{i}" for i in range(20)]
    there = rounds.left_out_parts(settings(held_out=0.3), keys)[0]
    turned = rounds.left_out_parts(settings(held_out=0.3), keys[::-1])[0]
    other = rounds.left_out_parts(settings(held_out=0.3, seed=1), keys)[0]
    assert {keys[i] for i in there} == {keys[::-1][i] for i in turned} != {keys[i] for i in other}


@pytest.mark.parametrize("folds", [0, 2])
def test_of_images_that_belong_together_none_is_left_out(make, folds):
    detector = make(calibration_folds=folds, steps=3)
    images = weaves(3, keys=["a"] * 3)
    assert detector.calibration_images(images.split_keys) == 0
    fitted = detector.fit(images, progress=QUIET)
    assert np.isfinite(session(fitted).run(["score"], image=weave(9)[None])[0]).all()
    with pytest.raises(CalibrationError, match="at least 2"):
        list(fitted.held_out_scores(progress=QUIET))


# --- what they score -----------------------------------------------------------------------------


def test_images_held_out_score_as_the_model_that_ships_scores_them(make):
    detector = make(held_out=0.4)
    images = weaves()
    fitted = detector.fit(images, progress=QUIET)
    shipped = session(fitted)
    left_out = list(fitted.held_out_scores(progress=QUIET))
    assert fitted.held_out_method == "held out"
    assert len(left_out) == detector.calibration_images(images.split_keys) == 3
    for result in left_out:
        image = dict(images)[result.name]
        score, score_map = shipped.run(["score", "score_map"], image=image[None])
        assert result.score == result.peak == pytest.approx(score[0], rel=1e-2)
        assert score_map.max() == score[0]


def test_in_parts_the_images_of_each_are_scored_on_the_scale_of_its_nets(make, monkeypatch):
    trainings = []

    def listened(measured, low, high):
        scales = common_scale(measured, low, high)
        trainings.extend(zip(measured, scales, strict=True))
        return scales

    monkeypatch.setattr("blemish.detectors.efficientad.detector.common_scale", listened)
    fitted = make(calibration_folds=3).fit(weaves(), progress=QUIET)
    assert fitted.held_out_method == "3-fold"
    scores = {result.name: result.score for result in fitted.held_out_scores(progress=QUIET)}
    assert sorted(scores) == [f"{i:02}" for i in range(8)]
    for maps, scale in [(one.left_out, scale) for one, scale in trainings[:3]]:
        one, other = (map(scale[branch].place, grids) for branch, grids in maps.values.items())
        for position, *both in zip(maps.positions, one, other, strict=True):
            highest = float(
                0.05 * sum(both).max()
            )  # of the cells; the map is bilinear between them
            assert highest - 0.2 < scores[f"{position:02}"] <= highest + 1e-5


def test_good_images_score_about_a_tenth_at_their_worst(make):
    fitted = make(calibration_folds=2).fit(weaves(), progress=QUIET)
    scores = [result.score for result in fitted.held_out_scores(progress=QUIET)]
    assert 0.02 < np.mean(scores) < 0.5


def test_a_blot_stands_out_and_is_found_where_it_is(make):
    fitted = make(held_out=0.3).fit(weaves(), progress=QUIET)
    good, bad = (
        session(fitted).run(["score", "score_map"], image=image[None])
        for image in (weave(99), blotted(99, 120))
    )
    assert bad[0][0] > 5 * good[0][0]
    row, column = np.unravel_index(bad[1][0].argmax(), bad[1][0].shape)
    assert abs(row - 35) < 10
    assert abs(column - 40) < 10


# --- what is around ------------------------------------------------------------------------------


def test_a_model_is_fitted_saved_and_says_what_it_is(make, category, tmp_path, caplog):
    dataset = blemish.open_dataset(category)
    model = blemish.fit(dataset, make(held_out=0.25), folder=tmp_path / "work")
    assert (tmp_path / "work" / "whole.safetensors").exists()
    model.save(tmp_path / "m.onnx")
    facts = blemish.load(tmp_path / "m.onnx").facts
    detector = facts.detector
    assert detector.name == "efficientad"
    assert detector.settings["teacher"] == "teacher.onnx"
    assert detector.settings["steps"] == 24
    assert detector.settings["learning_rate"] == 1e-3  # of the preset
    assert [(s.role, s.licence) for s in detector.sources] == [("teacher", "CC0-1.0")]
    assert detector.details["losses"]["names"][0] == "step"
    assert detector.details["trained_with"]["precision"] == "float32"
    assert [label for label, _ in detector.told] == ["nets", "training", "variant"]
    assert facts.calibration.method == "held out"
    assert facts.calibration.images == 6
    assert "6 good images cannot promise" in caplog.text
    assert len(facts.training.images) == 24
    assert sum(image.scored is None for image in facts.training.images) == 18
    defects = [s for s in dataset.test if s.label == "defect"]
    assert all(model.predict(s.path).score > model.calibration.image_threshold for s in defects)


def test_the_same_images_and_settings_give_the_same_file(make, category):
    dataset = blemish.open_dataset(category)
    assert blemish.fit(dataset, make()).sha256 == blemish.fit(dataset, make()).sha256


def test_sixteen_bit_images_are_learned(make):
    from blemish.images.format import ImageFormat

    images = weaves(4)
    deep = DrawnImages({n: (p.astype(np.uint16) * 16) for n, p in images})
    deep.image_format = ImageFormat(16, 4095)
    fitted = make(steps=3).fit(deep, progress=QUIET)
    shown = (weave(9).astype(np.uint16) * 16)[None]
    assert np.isfinite(session(fitted).run(["score"], image=shown)[0]).all()


def test_no_image_is_an_error(make):
    with pytest.raises(DataError, match="no good image"):
        make().fit(DrawnImages({}), progress=QUIET)


def test_a_teacher_that_cannot_be_read_is_told_before_any_image_is(make, tmp_path):
    with pytest.raises(BackboneError, match="Cannot read teacher"):
        make(teacher=str(tmp_path / "none.onnx")).fit(None, progress=QUIET)


@pytest.mark.parametrize("package", ["torch", "safetensors"])
def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'blemish\[train\]'"):
        EfficientAd(preset="quick")


def test_settings_that_are_not_named_are_told():
    with pytest.raises(SettingError, match="by name"):
        EfficientAd("quick")


def test_an_unknown_setting_is_told_with_the_closest():
    with pytest.raises(SettingError, match="Did you mean 'steps'"):
        EfficientAd(step=5)
