"""From a data set to a model: reproducible, calibrated from good images, careful with input."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

import blemish
from blemish.errors import CalibrationError, DataError, ImageError, UsageError
from blemish.images.format import ImageFormat
from blemish.progress import LoggedProgress
from tiny import DISTANCES, HoldsOut, tiny_dataset, tiny_settings


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


def test_test_images_and_their_labels_never_move_a_threshold(tmp_path, backbone):
    one = tiny_dataset(tmp_path / "one" / "noise")
    two = tiny_dataset(tmp_path / "two" / "noise", test_good=1, defects=9)
    assert fit(one, backbone).sha256 == fit(two, backbone).sha256


def test_thresholds_come_from_left_out_scores(model):
    images = model.facts.training.images
    assert model.calibration.image_threshold == max(image.score for image in images)
    assert model.calibration.pixel_threshold == max(image.peak for image in images)
    assert model.calibration.false_alarm_rate == pytest.approx(1 / 25)


def test_a_rate_that_cannot_be_promised_is_refused_before_the_fit(category, backbone, monkeypatch):
    monkeypatch.setattr(blemish.PatchCore, "fit", None)
    with pytest.raises(CalibrationError, match="at least 99 good images; there are 24"):
        fit(category, backbone, false_alarm_rate=0.01)


def test_copies_whose_files_differ_count_as_one(tmp_path, backbone):
    folder = tiny_dataset(tmp_path / "noise", good=8)
    alone = fit(folder, backbone)
    for path in sorted((folder / "train" / "good").iterdir())[:4]:
        with Image.open(path) as image:
            image.save(path.with_suffix(".bmp"))
            image.save(path.with_suffix(".tif"), compression="tiff_lzw")
    model = fit(folder, backbone)
    assert len(model.facts.training.images) == 16
    assert len(model.calibration.scores) == len(alone.calibration.scores) == 8
    done = []
    with pytest.raises(CalibrationError, match="there are 8"):
        fit(folder, backbone, false_alarm_rate=0.1, progress=AtStage("coreset", done.append))
    assert not done  # told before the long part


class Said(LoggedProgress):
    def __init__(self):
        self.sentences = []

    def say(self, message):
        self.sentences.append(message)


class AtStage(LoggedProgress):
    """Does something when a stage begins."""

    def __init__(self, stage, act):
        self._stage, self._act = stage, act

    def stage(self, name, total):
        if name == self._stage:
            self._act(name)
        return super().stage(name, total)


@pytest.mark.parametrize("size", [64, 65])
def test_an_image_overwritten_before_it_is_read_is_refused(tmp_path, backbone, size):
    folder = tiny_dataset(tmp_path / "noise")
    path = folder / "train" / "good" / "003.png"
    overwrite = AtStage("features", lambda _: Image.new("RGB", (size, 64), "red").save(path))
    with pytest.raises(ImageError, match=r"003\.png: was changed while it was in use"):
        fit(folder, backbone, progress=overwrite)


def test_the_hash_of_an_image_overwritten_later_is_that_of_what_was_learned(tmp_path, backbone):
    folder = tiny_dataset(tmp_path / "noise")
    path = folder / "train" / "good" / "003.png"
    before = fit(folder, backbone)
    overwrite = AtStage("coreset", lambda _: Image.new("RGB", (64, 64), "red").save(path))
    assert fit(folder, backbone, progress=overwrite).sha256 == before.sha256


def test_a_model_knows_how_its_training_images_looked(model):
    ranges = model.facts.training.appearance
    assert ranges.height_px == ranges.width_px == (64, 64)
    assert 0.2 < ranges.brightness[0] <= ranges.brightness[1] < 0.3
    large = np.full((300, 200, 3), 255, np.uint8)
    said = model.predict(large)
    assert {"size", "aspect"} < {note.code for note in said.notes}
    assert "bright" in {reason.code for reason in said.reasons}


def test_one_image_is_too_few(tmp_path, backbone):
    with pytest.raises(DataError, match="at least 2"):
        fit(tiny_dataset(tmp_path / "noise", good=1), backbone)


def test_unreadable_training_images_are_all_named(tmp_path, backbone):
    folder = tiny_dataset(tmp_path / "noise")
    for name in ("x.png", "y.png"):
        (folder / "train" / "good" / name).write_text("no image")
    with pytest.raises(ImageError) as error:
        fit(folder, backbone)
    assert "x.png" in str(error.value)
    assert "y.png" in str(error.value)


def test_a_truncated_training_image_is_named(tmp_path, backbone):
    folder = tiny_dataset(tmp_path / "noise")
    image = folder / "train" / "good" / "003.png"
    image.write_bytes(image.read_bytes()[:-3000])
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
def test_sixteen_bit_images_are_learned_at_their_own_white_level(tmp_path, backbone, white, level):
    dataset = blemish.open_dataset(sixteen_bit(tmp_path / "x", white), test_fraction=0)
    model = blemish.fit(dataset, blemish.PatchCore(**tiny_settings(backbone)))
    assert model.facts.input.format == ImageFormat(16, level)
    assert np.isfinite(model.predict(dataset.train[0].path).score)
    with pytest.raises(ImageError, match="fitted on 16-bit"):
        model.predict(np.zeros((64, 64), np.uint8))


@pytest.mark.parametrize(("most", "scale"), [(65535, 257), (4095, 16)])
def test_deep_colours_are_learned_as_those_of_8_bits_are(tmp_path, backbone, most, scale):
    """White of 12 bits is 4095 and not 16 x 255, so that scores differ a little."""
    folder = tiny_dataset(tmp_path / "shallow")
    deep = tmp_path / "deep"
    for path in folder.rglob("*.png"):
        copy = deep / path.relative_to(folder).with_suffix(".ppm")
        copy.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.asarray(Image.open(path).convert("RGB")).astype(">u2") * np.uint16(scale)
        head = f"P6 {pixels.shape[1]} {pixels.shape[0]} {most}\n".encode()
        copy.write_bytes(head + pixels.astype(">u2").tobytes())
    model, shallow = (fit(place, backbone, settings=DISTANCES) for place in (deep, folder))
    assert model.facts.input.format == ImageFormat(16, most)
    for sample in blemish.open_dataset(folder).test:
        image = deep / sample.id.replace(".png", ".ppm")
        expected = shallow.predict(sample.path).score
        assert model.predict(image).score == pytest.approx(
            expected, rel=1e-5 if most > 4095 else 0.05
        )


def test_mixed_depth_is_refused(tmp_path, backbone):
    folder = sixteen_bit(tmp_path / "x", 4000)
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(folder / "good" / "eight.png")
    with pytest.raises(DataError, match=r"one of 8 bits is .*eight\.png"):
        blemish.fit(
            blemish.open_dataset(folder, test_fraction=0),
            blemish.PatchCore(**tiny_settings(backbone)),
        )


def test_copies_of_an_image_count_once_towards_a_promise(tmp_path, backbone):
    folder = tiny_dataset(tmp_path / "noise", good=10)
    for path in sorted((folder / "train" / "good").iterdir()):
        for copy in range(3):
            shutil.copy(path, path.with_name(f"{path.stem}_{copy}.png"))
    model = fit(folder, backbone)
    assert len(model.facts.training.images) == 40
    assert len(model.calibration.scores) == 10
    assert model.calibration.false_alarm_rate == pytest.approx(1 / 11)
    with pytest.raises(CalibrationError, match="there are 10"):
        fit(folder, backbone, false_alarm_rate=0.05)


def test_images_that_are_all_copies_are_too_few(tmp_path, backbone):
    folder = tiny_dataset(tmp_path / "noise", good=1)
    first = folder / "train" / "good" / "000.png"
    shutil.copy(first, first.with_name("copy.png"))
    with pytest.raises(DataError, match="1 without copies"):
        fit(folder, backbone)


@pytest.fixture
def holds_out(backbone):
    return HoldsOut(**tiny_settings(backbone))


def test_only_images_left_out_count_and_the_others_are_known_by_their_hash(
    category, holds_out, caplog
):
    model = blemish.fit(blemish.open_dataset(category), holds_out)
    images = model.facts.training.images
    assert [image.scored is None for image in images] == [False] * 6 + [True] * 18
    assert all(len(image.sha256) == 64 for image in images)
    assert len(model.calibration.scores) == 6
    assert model.calibration.false_alarm_rate == pytest.approx(1 / 7)
    assert "6 good images cannot promise a false-alarm rate of 0.01" in caplog.text


def test_a_rate_that_only_all_images_could_promise_is_refused_with_what_would_help(
    category, holds_out
):
    with pytest.raises(CalibrationError, match=r"there are 6.*calibration_folds=5"):
        blemish.fit(blemish.open_dataset(category), holds_out, false_alarm_rate=0.05)
    with pytest.raises(CalibrationError) as error:
        blemish.fit(blemish.open_dataset(category), holds_out, false_alarm_rate=0.001)
    assert "calibration_folds" not in str(error.value)


def test_the_folder_for_what_is_done_so_far_is_handed_on(category, holds_out, tmp_path):
    blemish.fit(blemish.open_dataset(category), holds_out, folder=tmp_path)
    assert holds_out.folder == tmp_path


@pytest.fixture(scope="module")
def with_strangers(tmp_path_factory, backbone):
    """24 good training images, three of them with a bright square, and the model of them."""
    folder = tiny_dataset(tmp_path_factory.mktemp("data") / "noise", good=24, defects=3)
    for number in range(3):
        spot = folder / "test" / "spot" / f"{number:03}.png"
        shutil.copy(spot, folder / "train" / "good" / f"strange{number}.png")
    return folder, fit(folder, backbone)


def test_training_images_that_stand_out_are_listed_with_what_is_odd_and_where(
    with_strangers, caplog
):
    folder, model = with_strangers
    told = model.facts.training.suspicious
    assert told.scored == 27
    strange = told.images[:3]  # highest first; a good one may follow by chance
    assert {f"train/good/strange{i}.png" for i in range(3)} == {image.id for image in strange}
    assert len(told.images) <= 5
    for image in strange:
        assert image.score > told.typical_score
        assert image.expected < 0.1
        mask = folder / "ground_truth" / "spot" / f"00{image.id[-5]}_mask.png"
        rows, columns = np.nonzero(np.asarray(Image.open(mask)))
        x0, y0, x1, y1 = image.box_xyxy
        assert x0 <= columns.max()
        assert columns.min() < x1
        assert y0 <= rows.max()
        assert rows.min() < y1


def test_clean_training_images_do_not_stand_out_by_far(category, backbone):
    model = fit(category, backbone, settings={"calibration_folds": 5})
    told = model.facts.training.suspicious.images
    assert all(image.expected > 0.01 for image in told)
    assert model.facts.training.dropped == ()


def test_what_stands_out_is_told_with_what_to_do(with_strangers, backbone, caplog):
    fit(with_strangers[0], backbone)
    assert "of 27 training images stand out (about 1 would by chance): train/good/strange" in (
        caplog.text
    )
    assert "drop_suspicious=True" in caplog.text


def test_dropping_what_stands_out_gives_the_model_of_the_rest_and_says_so(
    with_strangers, backbone, tmp_path, caplog
):
    folder, before = with_strangers
    found = fit(folder, backbone, drop_suspicious=True)
    dropped = [image.id for image in found.facts.training.dropped]
    listed = [image.id for image in before.facts.training.suspicious.images]
    assert sorted(dropped) == sorted(listed)
    assert f"{len(listed)} of 27 training images stand out and are left out of" in caplog.text
    shutil.copytree(folder, tmp_path / "noise")
    for name in listed:
        (tmp_path / "noise" / name).unlink()
    rest = fit(tmp_path / "noise", backbone)
    assert found.facts.training.images == rest.facts.training.images
    assert found.calibration.image_threshold == rest.calibration.image_threshold
    assert found.calibration.image_threshold < before.calibration.image_threshold
    told, count = found.calibration.to_dict(), 27 - len(listed)
    assert told["false_alarm_rate"] == pytest.approx(1 / (count + 1))
    assert told["rate_if_dropped_were_good"] == pytest.approx((1 + len(listed)) / 28)


def test_where_nothing_stands_out_dropping_changes_nothing(tmp_path, backbone):
    folder = tiny_dataset(tmp_path / "noise", good=12)  # too few to tell
    plain, dropped = (fit(folder, backbone, drop_suspicious=drop) for drop in (False, True))
    assert plain.sha256 == dropped.sha256
    assert plain.facts.training.suspicious is None


def test_false_regions_are_told_and_follow_the_rate_of_regions(category, backbone):
    found = fit(category, backbone, false_alarm_rate=0.08, region_rate=0.2).calibration
    assert found.false_regions.images == pytest.approx(0.2)
    assert found.false_regions.regions >= 0.2
    assert np.sum(found.peaks > found.pixel_threshold) == 4
    assert found.either_rate >= 0.2
    large = fit(category, backbone, region_rate=0.2, smallest_region_px=4000).calibration
    assert large.false_regions.regions == 0
    assert large.false_regions.pixels > 0


def test_a_tail_needs_images_and_is_refused_before_the_fit(category, backbone, monkeypatch):
    monkeypatch.setattr(blemish.PatchCore, "fit", None)
    with pytest.raises(CalibrationError, match="at least 90 good images; there are 24"):
        fit(category, backbone, false_alarm_rate=0.001, tail=True)


def test_a_rate_below_the_promise_is_model_based_and_says_so(tmp_path, backbone):
    folder = tiny_dataset(tmp_path / "noise", good=96)
    with pytest.raises(CalibrationError, match="takes at least 999"):
        fit(folder, backbone, false_alarm_rate=0.001)
    found = fit(folder, backbone, false_alarm_rate=0.001, tail=True)
    told = found.calibration.to_dict()
    assert told["basis"] == told["region_basis"] == "model-based"
    assert found.calibration.false_regions is None
    prediction = found.predict(next((folder / "test" / "spot").iterdir()))
    assert prediction.verdict == "defect"
    assert prediction.p_value == pytest.approx(1 / 97)
    assert prediction.tail_p_value < 0.001
    assert prediction.to_dict()["tail_p_value"] == prediction.tail_p_value


def test_an_engine_that_is_not_there_is_refused(category, backbone):
    with pytest.raises(UsageError, match="'directml' is not in this build"):
        fit(category, backbone, engine=blemish.Engine("directml"))


def test_a_model_stays_with_the_engine_that_it_was_fitted_by(category, backbone):
    engine = blemish.Engine(threads=1)
    model = fit(category, backbone, engine=engine)
    assert model.engine == engine
    assert blemish.recalibrate(model, blemish.open_dataset(category)).engine == engine


def test_images_of_one_part_alone_are_told_of_and_no_more_are_rejected_than_promised(
    tmp_path, backbone
):
    part = np.random.default_rng(0).integers(40, 80, (64, 64, 3)).astype(np.float64)
    for number in range(20):
        noise = np.random.default_rng(number).normal(0, 0.5, part.shape)
        image = np.rint(part + noise).astype(np.uint8)
        Image.fromarray(image).save(tmp_path / f"{number:02}.png")
    said = Said()
    options = {"coreset_ratio": 0.01, "calibration_folds": 5}
    model = fit(tmp_path, backbone, settings=options, false_alarm_rate=0.1, progress=said)
    assert any("nearly one image" in sentence for sentence in said.sentences)
    verdicts = [model.predict(path).verdict for path in sorted(tmp_path.iterdir())]
    assert verdicts.count("defect") <= 1
