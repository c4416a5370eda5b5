"""From a data set to a model: reproducible, calibrated from good pictures, careful with input."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

import blemish
from blemish.errors import CalibrationError, DataError, ImageError
from tiny import tiny_dataset, tiny_settings


def fit(category, backbone, **options):
    settings = options.pop("settings", {})
    dataset = blemish.open_dataset(category)
    return blemish.fit(dataset, blemish.PatchCore(**tiny_settings(backbone, **settings)), **options)


def test_the_same_seed_gives_the_same_file_byte_for_byte(category, backbone, model, tmp_path):
    again = fit(category, backbone)
    model.save(tmp_path / "a.onnx")
    again.save(tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_a_copy_of_the_data_elsewhere_gives_the_same_file(tmp_path, backbone):
    one, two = (tiny_dataset(tmp_path / place / "noise") for place in ("here", "there"))
    assert fit(one, backbone).sha256 == fit(two, backbone).sha256


def test_another_seed_gives_another_model(category, backbone, model):
    assert fit(category, backbone, settings={"seed": 5}).sha256 != model.sha256


def test_test_pictures_and_their_labels_never_move_a_threshold(tmp_path, backbone):
    one = tiny_dataset(tmp_path / "one" / "noise")
    two = tiny_dataset(tmp_path / "two" / "noise", test_good=1, defects=9)
    assert fit(one, backbone).sha256 == fit(two, backbone).sha256


def test_thresholds_come_from_left_out_scores(model):
    rows = model.facts["training"]["pictures"]
    assert model.calibration.image_threshold == max(row[2] for row in rows)
    assert model.calibration.pixel_threshold == max(row[3] for row in rows)
    assert model.calibration.false_alarm_rate == pytest.approx(1 / 25)


def test_a_rate_that_cannot_be_promised_is_refused_before_the_fit(category, backbone, monkeypatch):
    monkeypatch.setattr(blemish.PatchCore, "fit", None)
    with pytest.raises(CalibrationError, match="at least 99 good pictures; there are 24"):
        fit(category, backbone, false_alarm_rate=0.01)


def test_one_picture_is_too_few(tmp_path, backbone):
    with pytest.raises(DataError, match="at least 2"):
        fit(tiny_dataset(tmp_path / "noise", good=1), backbone)


def test_unreadable_training_pictures_are_all_named(tmp_path, backbone):
    folder = tiny_dataset(tmp_path / "noise")
    for name in ("x.png", "y.png"):
        (folder / "train" / "good" / name).write_text("no picture")
    with pytest.raises(ImageError) as error:
        fit(folder, backbone)
    assert "x.png" in str(error.value)
    assert "y.png" in str(error.value)


def test_a_truncated_training_picture_is_named(tmp_path, backbone):
    folder = tiny_dataset(tmp_path / "noise")
    picture = folder / "train" / "good" / "003.png"
    picture.write_bytes(picture.read_bytes()[:-3000])
    with pytest.raises(ImageError, match=r"003\.png"):
        fit(folder, backbone)


def sixteen_bit(folder, white, count=6):
    rng = np.random.default_rng(0)
    path = folder / "good"
    path.mkdir(parents=True)
    for i in range(count):
        Image.fromarray(rng.integers(0, white, (64, 64)).astype(np.uint16)).save(path / f"{i}.png")
    return folder


@pytest.mark.parametrize(("white", "level"), [(900, 1023), (4000, 4095), (60000, 65535)])
def test_sixteen_bit_pictures_are_learned_at_their_own_white_level(
    tmp_path, backbone, white, level
):
    dataset = blemish.open_dataset(sixteen_bit(tmp_path / "x", white), test_fraction=0)
    model = blemish.fit(dataset, blemish.PatchCore(**tiny_settings(backbone)))
    assert model.facts["input"]["format"] == {"bit_depth": 16, "white_level": level}
    assert np.isfinite(model.predict(dataset.train[0].path).score)
    with pytest.raises(ImageError, match="fitted on 16-bit"):
        model.predict(np.zeros((64, 64), np.uint8))


def test_mixed_depth_is_refused(tmp_path, backbone):
    folder = sixteen_bit(tmp_path / "x", 4000)
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(folder / "good" / "eight.png")
    with pytest.raises(DataError, match=r"one of 8 bits is .*eight\.png"):
        blemish.fit(
            blemish.open_dataset(folder, test_fraction=0),
            blemish.PatchCore(**tiny_settings(backbone)),
        )


def test_recalibrating_on_the_training_pictures_uses_their_left_out_scores(category, model):
    again = blemish.recalibrate(model, blemish.open_dataset(category), false_alarm_rate=0.2)
    scored = again.facts["calibration"]["scored"]
    assert scored == model.facts["training"]["pictures"]
    assert again.calibration.false_alarm_rate == 0.2
    assert again.calibration.image_threshold < model.calibration.image_threshold
    picture = np.full((64, 64, 3), 60, np.uint8)
    assert again.predict(picture).score == model.predict(picture).score


def test_recalibrating_on_new_pictures_scores_them_and_never_looks_at_test_pictures(
    tmp_path, model
):
    fresh = tiny_dataset(tmp_path / "noise", good=30, test_good=9, defects=9, seed=9)
    again = blemish.recalibrate(model, blemish.open_dataset(fresh))
    assert again.facts["calibration"]["method"] == "held out"
    assert len(again.calibration.scores) == 30


def test_recalibrating_on_old_and_new_pictures_together_counts_both(tmp_path, model, category):
    both = tmp_path / "both"
    shutil.copytree(category / "train" / "good", both)
    fresh = tiny_dataset(tmp_path / "noise", good=5, seed=9) / "train" / "good"
    for path in fresh.iterdir():
        shutil.copy(path, both / f"new_{path.name}")
    again = blemish.recalibrate(model, blemish.open_dataset(both, test_fraction=0))
    assert again.facts["calibration"]["method"] == "2-fold (24), held out (5)"


def test_copies_of_a_picture_count_once_towards_a_promise(tmp_path, backbone):
    folder = tiny_dataset(tmp_path / "noise", good=10)
    for path in sorted((folder / "train" / "good").iterdir()):
        for copy in range(3):
            shutil.copy(path, path.with_name(f"{path.stem}_{copy}.png"))
    model = fit(folder, backbone)
    assert len(model.facts["training"]["pictures"]) == 40
    assert len(model.calibration.scores) == 10
    assert model.calibration.false_alarm_rate == pytest.approx(1 / 11)
    with pytest.raises(CalibrationError, match="there are 10"):
        fit(folder, backbone, false_alarm_rate=0.05)


def test_pictures_that_are_all_copies_are_too_few(tmp_path, backbone):
    folder = tiny_dataset(tmp_path / "noise", good=1)
    first = folder / "train" / "good" / "000.png"
    shutil.copy(first, first.with_name("copy.png"))
    with pytest.raises(DataError, match="1 that are no copies"):
        fit(folder, backbone)


def test_recalibrating_keeps_the_rate_of_the_model_and_tells_when_it_cannot(
    category, model, caplog
):
    wide = blemish.recalibrate(model, blemish.open_dataset(category), false_alarm_rate=0.2)
    again = blemish.recalibrate(wide, blemish.open_dataset(category), smallest_region_px=20)
    assert again.calibration.false_alarm_rate == 0.2
    assert again.calibration.smallest_region_px == 20
    assert again.facts["calibration"]["method"] == "2-fold"
    few = blemish.open_dataset(category / "test" / "good", test_fraction=0)
    assert blemish.recalibrate(wide, few).calibration.false_alarm_rate == pytest.approx(0.25)
    assert "cannot promise" in caplog.text


def test_recalibrating_on_an_unreadable_picture_names_it(tmp_path, model):
    folder = tiny_dataset(tmp_path / "noise", seed=5)
    (folder / "train" / "good" / "x.png").write_text("no picture")
    with pytest.raises(ImageError, match=r"x\.png"):
        blemish.recalibrate(model, blemish.open_dataset(folder))


def test_recalibrating_for_a_rate_out_of_reach_is_refused(category, model):
    with pytest.raises(CalibrationError, match="takes at least 199"):
        blemish.recalibrate(model, blemish.open_dataset(category), false_alarm_rate=0.005)


class HeldOut:
    """A fitted detector that leaves out only some of its pictures."""

    left_out_method = "held out"

    def __init__(self, fitted, names):
        self._fitted, self._names = fitted, names

    def __getattr__(self, name):
        return getattr(self._fitted, name)

    def left_out(self, *, progress):
        results = self._fitted.left_out(progress=progress)
        return (result for result in results if result.name in self._names)


class HoldsOut(blemish.PatchCore):
    """A detector that leaves out only the first six pictures, and remembers its folder."""

    def calibration_pictures(self, split_keys):
        return min(6, len(set(split_keys)))

    def fit(self, images, *, progress, folder=None):
        self.folder = folder
        names = [sample.id for sample in images.samples[:6]]
        return HeldOut(super().fit(images, progress=progress), names)


@pytest.fixture
def holds_out(backbone):
    return HoldsOut(**tiny_settings(backbone))


def test_only_pictures_left_out_count_and_the_others_are_known_by_their_hash(
    category, holds_out, caplog
):
    model = blemish.fit(blemish.open_dataset(category), holds_out)
    rows = model.facts["training"]["pictures"]
    assert [row[2] is None for row in rows] == [False] * 6 + [True] * 18
    assert all(len(row[1]) == 64 for row in rows)
    assert len(model.calibration.scores) == 6
    assert model.calibration.false_alarm_rate == pytest.approx(1 / 7)
    assert "6 good pictures cannot promise a false-alarm rate of 0.01" in caplog.text


def test_a_rate_that_only_all_pictures_could_promise_is_refused_with_what_would_help(
    category, holds_out
):
    with pytest.raises(CalibrationError, match=r"there are 6.*calibration_folds=5"):
        blemish.fit(blemish.open_dataset(category), holds_out, false_alarm_rate=0.05)
    with pytest.raises(CalibrationError) as error:
        blemish.fit(blemish.open_dataset(category), holds_out, false_alarm_rate=0.001)
    assert "calibration_folds" not in str(error.value)


def test_recalibrating_leaves_aside_what_was_only_trained_on(category, holds_out, tmp_path, caplog):
    model = blemish.fit(blemish.open_dataset(category), holds_out)
    again = blemish.recalibrate(model, blemish.open_dataset(category))
    assert again.facts["calibration"]["scored"] == model.facts["calibration"]["scored"]
    assert "18 pictures do not count" in caplog.text
    both = tmp_path / "both"
    shutil.copytree(category / "train" / "good", both)
    fresh = tiny_dataset(tmp_path / "noise", good=5, seed=9) / "train" / "good"
    for path in fresh.iterdir():
        shutil.copy(path, both / f"new_{path.name}")
    more = blemish.recalibrate(model, blemish.open_dataset(both, test_fraction=0))
    assert len(more.calibration.scores) == 11
    assert more.facts["calibration"]["method"] == "held out"


def test_recalibrating_on_nothing_but_pictures_trained_on_is_refused(category, holds_out, tmp_path):
    model = blemish.fit(blemish.open_dataset(category), holds_out)
    only = tmp_path / "only"
    only.mkdir()
    for path in sorted((category / "train" / "good").iterdir())[6:]:
        shutil.copy(path, only)
    with pytest.raises(DataError, match="at least 2 are needed"):
        blemish.recalibrate(model, blemish.open_dataset(only, test_fraction=0))


def test_the_folder_for_what_is_done_so_far_is_handed_on(category, holds_out, tmp_path):
    blemish.fit(blemish.open_dataset(category), holds_out, folder=tmp_path)
    assert holds_out.folder == tmp_path
