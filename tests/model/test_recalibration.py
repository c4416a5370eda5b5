"""Other thresholds for a fitted model: from old and new images, and from costs."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import blemish
from blemish.errors import CalibrationError, DataError, ImageError, UsageError
from blemish.evaluation.notes import seen_notes
from tiny import HoldsOut, tiny_dataset, tiny_settings


def with_five_more(category, tmp_path):
    """A folder of a category's training images and five new ones."""
    both = tmp_path / "both"
    shutil.copytree(category / "train" / "good", both)
    fresh = tiny_dataset(tmp_path / "noise", good=5, seed=9) / "train" / "good"
    for path in fresh.iterdir():
        shutil.copy(path, both / f"new_{path.name}")
    return both


@pytest.fixture
def holds_out(backbone):
    return HoldsOut(**tiny_settings(backbone))


def test_recalibrating_on_the_training_images_uses_their_left_out_scores(category, model):
    again = blemish.recalibrate(model, blemish.open_dataset(category), false_alarm_rate=0.2)
    scored = again.facts.calibration.scored
    assert scored == model.facts.training.images
    assert again.calibration.false_alarm_rate == 0.2
    assert again.calibration.image_threshold < model.calibration.image_threshold
    image = np.full((64, 64, 3), 60, np.uint8)
    assert again.predict(image).score == model.predict(image).score


def test_recalibrating_on_new_images_scores_them_and_never_looks_at_test_images(tmp_path, model):
    fresh = tiny_dataset(tmp_path / "noise", good=30, test_good=9, defects=9, seed=9)
    again = blemish.recalibrate(model, blemish.open_dataset(fresh))
    assert again.facts.calibration.method == "held out"
    assert len(again.calibration.scores) == 30


def test_recalibrating_on_old_and_new_images_together_counts_both(tmp_path, model, category):
    both = with_five_more(category, tmp_path)
    again = blemish.recalibrate(model, blemish.open_dataset(both, test_fraction=0))
    assert again.facts.calibration.method == "2-fold (24), held out (5)"


def test_recalibrating_keeps_the_rate_of_the_model_and_tells_when_it_cannot(
    category, model, caplog
):
    wide = blemish.recalibrate(model, blemish.open_dataset(category), false_alarm_rate=0.2)
    again = blemish.recalibrate(wide, blemish.open_dataset(category), smallest_region_px=20)
    assert again.calibration.false_alarm_rate == 0.2
    assert again.calibration.smallest_region_px == 20
    assert again.facts.calibration.method == "2-fold"
    few = blemish.open_dataset(category / "test" / "good", test_fraction=0)
    assert blemish.recalibrate(wide, few).calibration.false_alarm_rate == pytest.approx(0.25)
    assert "cannot promise" in caplog.text


def test_recalibrating_on_an_unreadable_image_names_it(tmp_path, model):
    folder = tiny_dataset(tmp_path / "noise", seed=5)
    (folder / "train" / "good" / "x.png").write_text("no image")
    with pytest.raises(ImageError, match=r"x\.png"):
        blemish.recalibrate(model, blemish.open_dataset(folder))


def test_recalibrating_for_a_rate_out_of_reach_is_refused(category, model):
    with pytest.raises(CalibrationError, match="takes at least 199"):
        blemish.recalibrate(model, blemish.open_dataset(category), false_alarm_rate=0.005)


def test_recalibrating_leaves_aside_what_was_only_trained_on(category, holds_out, tmp_path, caplog):
    model = blemish.fit(blemish.open_dataset(category), holds_out)
    again = blemish.recalibrate(model, blemish.open_dataset(category))
    assert again.facts.calibration.scored == model.facts.calibration.scored
    assert "18 images do not count" in caplog.text
    both = with_five_more(category, tmp_path)
    more = blemish.recalibrate(model, blemish.open_dataset(both, test_fraction=0))
    assert len(more.calibration.scores) == 11
    assert more.facts.calibration.method == "held out"


def test_recalibrating_on_nothing_but_images_trained_on_is_refused(category, holds_out, tmp_path):
    model = blemish.fit(blemish.open_dataset(category), holds_out)
    only = tmp_path / "only"
    only.mkdir()
    for path in sorted((category / "train" / "good").iterdir())[6:]:
        shutil.copy(path, only)
    with pytest.raises(DataError, match="at least 2 are needed"):
        blemish.recalibrate(model, blemish.open_dataset(only, test_fraction=0))


def test_false_regions_of_new_images_are_told_and_of_old_ones_are_not_known(
    category, model, tmp_path
):
    old = blemish.recalibrate(model, blemish.open_dataset(category), false_alarm_rate=0.2)
    assert old.calibration.false_regions is None
    assert old.calibration.either_rate is not None
    fresh = blemish.open_dataset(tiny_dataset(tmp_path / "noise", good=30, seed=9))
    new = blemish.recalibrate(model, fresh, false_alarm_rate=0.1)
    assert new.calibration.false_regions.images == pytest.approx(3 / 31)


def test_a_rate_of_regions_stays_unless_a_rate_is_given(category, model):
    dataset = blemish.open_dataset(category)
    found = blemish.recalibrate(model, dataset, false_alarm_rate=0.2, region_rate=0.1)
    again = blemish.recalibrate(found, dataset).calibration
    assert (again.false_alarm_rate, again.region_rate) == (0.2, 0.1)
    other = blemish.recalibrate(found, dataset, false_alarm_rate=0.3).calibration
    assert (other.false_alarm_rate, other.region_rate) == (0.3, 0.3)


def test_what_was_dropped_as_suspicious_stays_out(tmp_path, backbone, caplog):
    folder = tiny_dataset(tmp_path / "noise", good=24)
    strange = folder / "train" / "good" / "strange.png"
    shutil.copy(folder / "test" / "spot" / "000.png", strange)
    dataset = blemish.open_dataset(folder)
    detector = blemish.PatchCore(**tiny_settings(backbone))
    model = blemish.fit(dataset, detector, drop_suspicious=True)
    again = blemish.recalibrate(model, dataset, false_alarm_rate=0.2)
    gone = model.calibration.dropped
    assert model.facts.training.dropped[0].id == "train/good/strange.png"
    assert again.calibration.dropped == gone
    assert len(again.calibration.scores) == 25 - gone
    assert f"{gone} images do not count: they were dropped" in caplog.text


@pytest.fixture(scope="module")
def known_defects(tmp_path_factory):
    folder = tiny_dataset(tmp_path_factory.mktemp("known") / "noise", defects=12, seed=4)
    return sorted((folder / "test" / "spot").iterdir())


def test_costs_choose_the_threshold_between_good_images_and_known_defects(
    category, model, known_defects, tmp_path
):
    dataset = blemish.open_dataset(category)
    costs = blemish.Costs(miss=50, false_alarm=1, defect_rate=0.02)
    found = blemish.recalibrate(model, dataset, costs=costs, defects=known_defects)
    told = found.calibration.to_dict()
    assert told["basis"] == "costs"
    highest = max(image.score for image in found.facts.calibration.scored)
    lowest = min(image.score for image in found.facts.calibration.defects)
    assert highest < found.calibration.image_threshold < lowest
    assert told["costs"]["defects"] == 12
    assert told["region_rate"] == model.calibration.region_rate
    found.save(tmp_path / "model.onnx")
    loaded = blemish.load(tmp_path / "model.onnx")
    assert loaded.calibration.image_threshold == found.calibration.image_threshold
    assert loaded.predict(known_defects[0]).verdict == "defect"
    back = blemish.recalibrate(loaded, dataset).calibration
    assert back.basis == "conformal"
    assert back.image_threshold == model.calibration.image_threshold


def test_copies_of_a_known_defect_count_once(category, model, known_defects, tmp_path):
    copy = tmp_path / "copy.png"
    shutil.copy(known_defects[0], copy)
    found = blemish.recalibrate(
        model,
        blemish.open_dataset(category),
        costs=blemish.Costs(5, 1),
        defects=[*known_defects, copy],
    )
    assert found.calibration.costs.defects == 12


def test_without_a_rate_of_defects_it_is_told_which_one_counts(
    category, model, known_defects, caplog
):
    dataset = blemish.open_dataset(category)
    blemish.recalibrate(model, dataset, costs=blemish.Costs(5, 1), defects=known_defects)
    assert "as if 33.3 % of the images on the line were defects" in caplog.text


def test_defects_that_may_not_have_a_say_are_refused(category, model, tmp_path):
    dataset = blemish.open_dataset(category)
    costs = blemish.Costs(5, 1)
    test_images = sorted((category / "test" / "spot").iterdir())
    with pytest.raises(DataError, match="no label of the test split ever moves a threshold"):
        blemish.recalibrate(model, dataset, costs=costs, defects=test_images)
    trained = sorted((category / "train" / "good").iterdir())[:5]
    with pytest.raises(DataError, match="fitted on it as a good one"):
        blemish.recalibrate(model, dataset, costs=costs, defects=trained)
    other = tiny_dataset(tmp_path / "noise", seed=9)
    good = sorted((other / "train" / "good").iterdir())
    with pytest.raises(DataError, match="among the good images"):
        blemish.recalibrate(model, blemish.open_dataset(other), costs=costs, defects=good)


def test_test_images_that_had_a_say_are_told(category, model, known_defects):
    dataset = blemish.open_dataset(category)
    costs = blemish.Costs(5, 1)
    found = blemish.recalibrate(model, dataset, costs=costs, defects=known_defects)
    assert seen_notes(found, dataset.test) == []
    known = blemish.open_dataset(known_defects[0].parents[2])
    assert "set with 12 of these test images" in seen_notes(found, known.test)[0]


def test_parts_of_a_cost_rule_that_are_missing_are_told(category, model, known_defects):
    dataset = blemish.open_dataset(category)
    with pytest.raises(UsageError, match="defects=FOLDER"):
        blemish.recalibrate(model, dataset, costs=blemish.Costs(5, 1))
    with pytest.raises(UsageError, match="'cost_miss' and 'cost_false_alarm'"):
        blemish.recalibrate(model, dataset, defects=known_defects)
    with pytest.raises(UsageError, match="both set the image threshold"):
        blemish.recalibrate(
            model,
            dataset,
            false_alarm_rate=0.2,
            costs=blemish.Costs(5, 1),
            defects=known_defects,
        )


def test_a_tail_can_be_fitted_later(tmp_path, backbone):
    folder = tiny_dataset(tmp_path / "noise", good=96)
    dataset = blemish.open_dataset(folder)
    model = blemish.fit(dataset, blemish.PatchCore(**tiny_settings(backbone)))
    found = blemish.recalibrate(model, dataset, false_alarm_rate=0.001, tail=True)
    assert found.calibration.basis == "model-based"
    kept = blemish.recalibrate(found, dataset, tail=True).calibration
    assert kept.false_alarm_rate == 0.001
    regions = blemish.recalibrate(model, dataset, region_rate=0.001, tail=True)
    assert regions.calibration.region_basis == "model-based"
    without = blemish.recalibrate(regions, dataset).calibration
    assert without.region_rate == pytest.approx(1 / 97)
