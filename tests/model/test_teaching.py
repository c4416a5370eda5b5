"""Taught models: what they score and promise, and the way back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import blemish
from blemish.errors import BlemishError, DataError, ImageError, ModelFileError, UsageError
from blemish.model.extras import ORIGINS_KEY, UNDO_KEY, read_origins, read_thumbnails
from blemish.model.file import sign
from blemish.model.history import promise_told
from blemish.model.model import Model
from blemish.result import Verdict
from heard import Heard
from tiny import SIDE, tiny_settings

SHARP = {"levels": ["coarse"], "map_levels": ["fine"]}


def spots(category):
    return sorted((category / "test" / "spot").iterdir())


def goods(category):
    return sorted((category / "test" / "good").iterdir())


@pytest.fixture(scope="module")
def sharp(backbone, category):
    detector = blemish.PatchCore(**tiny_settings(backbone, **SHARP))
    return blemish.fit(blemish.open_dataset(category), detector)


@pytest.fixture(scope="module", params=["one bank", "sharp", "padded", "distances"])
def any_model(request, backbone, category, model, sharp):
    if request.param in ("one bank", "sharp"):
        return model if request.param == "one bank" else sharp
    more = {"resize": "longer"} if request.param == "padded" else {"normalisation": "none"}
    detector = blemish.PatchCore(**tiny_settings(backbone, **more))
    return blemish.fit(blemish.open_dataset(category), detector)


def test_an_image_that_was_learned_is_rejected_no_more(any_model, category):
    spot = spots(category)[0]
    assert any_model.predict(spot).verdict == Verdict.DEFECT
    taught = blemish.learn(any_model, [spot])
    assert taught.predict(spot).verdict == Verdict.GOOD
    assert not taught.predict(spot).regions
    step = taught.facts.history[0]
    assert step.kind == "learn"
    assert 0 < step.added < 150  # of 256 cells
    assert step.parent == any_model.sha256


def test_no_score_rises_by_learning_and_thresholds_stay(any_model, category):
    taught = blemish.learn(any_model, spots(category)[:2], whole=True)
    assert taught.calibration.image_threshold == any_model.calibration.image_threshold
    assert taught.calibration.pixel_threshold == any_model.calibration.pixel_threshold
    for path in [*spots(category), *goods(category)]:
        before, now = any_model.predict(path), taught.predict(path)
        slack = 1e-4 * max(1, abs(before.score))
        assert now.score <= before.score + slack
        assert (now.score_map <= before.score_map + slack).all()
    assert "holds after 1 step" in promise_told(taught.facts.history)


def test_undoing_gives_the_old_file_byte_for_byte_step_by_step(any_model, category):
    first = blemish.learn(any_model, spots(category)[:1], because="a new lamp")
    second = blemish.forget(first, ["train/good/003.png"], training_images=category)
    third = blemish.learn(second, spots(category)[1:2], whole=True)
    assert [step.kind for step in third.facts.history] == ["learn", "forget", "learn"]
    assert third.facts.history[0].because == "a new lamp"
    data = third.to_bytes()
    for older in (second, first, any_model):
        data = blemish.undo(Model(data))
        assert data == older.to_bytes()


def test_a_model_that_was_taught_is_a_file_like_any_other(model, category, tmp_path):
    taught = blemish.learn(model, spots(category)[:1])
    taught.save(tmp_path / "new.onnx")
    again = blemish.load(tmp_path / "new.onnx")
    assert again.facts == taught.facts
    image = Image.open(goods(category)[0])
    assert again.predict(image).score == taught.predict(image).score
    assert blemish.inspect(tmp_path / "new.onnx").to_dict()["history"][0]["kind"] == "learn"


def test_the_same_images_teach_the_same_bytes(model, category):
    one, other = (blemish.learn(model, spots(category)[:2]) for _ in range(2))
    assert one.to_bytes() == other.to_bytes()


def test_regions_alone_take_fewer_vectors_than_the_whole_image(model, category):
    spot = spots(category)[:1]
    few, all_of_it = blemish.learn(model, spot), blemish.learn(model, spot, whole=True)
    assert few.facts.history[0].added < all_of_it.facts.history[0].added


def test_an_image_with_nothing_to_learn_is_told_and_the_others_are_learned(model, category):
    good, spot = goods(category)[0], spots(category)[0]
    with pytest.raises(UsageError, match=r"nothing to learn.*'whole'"):
        blemish.learn(model, [good])
    heard = Heard()
    taught = blemish.learn(model, [good, spot], progress=heard)
    assert [image.id for image in taught.facts.history[0].images] == [str(spot)]
    assert any("nothing to learn" in told for told in heard.said)


def test_a_copy_of_an_image_is_learned_once(model, category, tmp_path):
    copy = tmp_path / "copy.png"
    copy.write_bytes(spots(category)[0].read_bytes())
    once = blemish.learn(model, [spots(category)[0]])
    twice = blemish.learn(model, [spots(category)[0], copy])
    assert twice.facts.history[0].added == once.facts.history[0].added
    assert len(twice.facts.training.images) == 25


def test_an_image_of_another_format_is_refused(model, tmp_path):
    deep = np.random.default_rng(0).integers(0, 60_000, (SIDE, SIDE)).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    with pytest.raises(ImageError, match="16"):
        blemish.learn(model, [tmp_path / "deep.png"])
    with pytest.raises(ImageError):
        blemish.learn(model, [tmp_path / "missing.png"])
    with pytest.raises(UsageError, match="at least one image"):
        blemish.learn(model, [])


def test_what_was_learned_can_be_forgotten_again(model, category):
    spot = spots(category)[0]
    taught = blemish.learn(model, [spot])
    for name in (spot, str(spot)):
        less = blemish.forget(taught, [name])
        assert less.predict(spot).score == pytest.approx(model.predict(spot).score, rel=1e-5)
        assert len(less.facts.training.images) == len(model.facts.training.images)


def test_forgetting_what_was_learned_since_leaves_the_promise_as_it_was(model, category):
    taught = blemish.learn(model, spots(category)[:2])
    less = blemish.forget(taught, [spots(category)[0]])
    assert "holds after 2 steps" in promise_told(less.facts.history)
    assert less.facts.calibration == model.facts.calibration
    both = blemish.forget(
        taught, [spots(category)[0], "train/good/003.png"], training_images=category
    )
    assert "open" in promise_told(both.facts.history)
    last = blemish.forget(
        both, [spots(category)[1]], training_images=category
    )  # who knows what its scores met
    assert not last.facts.history[-1].verdict_holds


def test_what_is_told_of_the_bank_follows(any_model, category):
    taught = blemish.learn(any_model, spots(category)[:1])
    details, before = taught.facts.detector.details, any_model.facts.detector.details
    added = details["bank_vectors"] - before["bank_vectors"]
    if "finer_map" in details:
        added += details["finer_map"]["bank_vectors"] - before["finer_map"]["bank_vectors"]
    assert added == taught.facts.history[0].added
    told = dict(taught.facts.detector.told)["memory bank"]
    assert told.startswith(f"{details['bank_vectors']:,} vectors of")
    assert list(dict(taught.facts.detector.told)) == list(dict(any_model.facts.detector.told))


def test_images_like_one_that_was_learned_are_noted_no_more(model, category):
    spot = spots(category)[0]
    assert {"brightness", "contrast"} <= {note.code for note in model.predict(spot).notes}
    assert not blemish.learn(model, [spot]).predict(spot).notes


def test_a_forgotten_image_has_no_vector_left_and_scores_rise(model, category):
    name = "train/good/003.png"
    less = blemish.forget(model, [name], training_images=category)
    assert name not in [image.id for image in less.facts.training.images]
    before, now = (
        read_origins(m.extras, images=len(m.facts.training.images), name="m").places["bank"]
        for m in (model, less)
    )
    number = [image.id for image in model.facts.training.images].index(name)
    step, kept = less.facts.history[-1], np.count_nonzero(before["image"] != number)
    assert step.removed == len(before) - kept
    assert len(now) == kept + step.added
    assert step.added  # of noise, others have the like


def test_what_others_share_with_a_forgotten_image_stays(any_model, category):
    names = [f"train/good/{number:03}.png" for number in range(4)]
    less = blemish.forget(any_model, names, training_images=category)
    step = less.facts.history[-1]
    assert 0 < step.added <= step.removed
    paths = [*goods(category), *sorted((category / "train" / "good").iterdir())[4:10]]
    before, now = (np.mean([m.predict(path).score for path in paths]) for m in (any_model, less))
    assert now - before < 0.3 * (any_model.calibration.image_threshold - before)


def test_the_images_that_stay_are_needed_as_they_were(model, category, tmp_path):
    with pytest.raises(UsageError, match="training_images"):
        blemish.forget(model, ["train/good/003.png"])
    with pytest.raises(DataError, match="Not in"):
        blemish.forget(model, ["train/good/003.png"], training_images=tmp_path)


def test_after_forgetting_the_promise_is_open_until_the_model_is_calibrated(
    model, category, tmp_path
):
    from tiny import tiny_dataset

    heard = Heard()
    less = blemish.forget(model, ["train/good/003.png"], training_images=category, progress=heard)
    assert any("open until the model is calibrated" in told for told in heard.said)
    assert "open" in promise_told(less.facts.history)
    assert less.facts.calibration.method == "2-fold, before images were forgotten"
    assert len(less.facts.calibration.scored) == 23
    assert not any(image.scored for image in less.facts.training.images)
    fresh = blemish.open_dataset(tiny_dataset(tmp_path / "noise", good=30, seed=9))
    again = blemish.recalibrate(less, fresh)
    assert "calibrated" in promise_told(again.facts.history)
    assert again.facts.history[-1].parent == less.sha256
    with pytest.raises(UsageError, match="was calibrated since"):
        blemish.undo(again)
    taught = blemish.learn(again, spots(category)[:1])
    assert "holds after 1 step since the last calibration" in promise_told(taught.facts.history)
    assert blemish.undo(taught) == again.to_bytes()


def test_forgetting_what_was_not_learned_is_refused(model, category):
    with pytest.raises(UsageError, match=r"'train/good/930.png' is no image.*Did you mean"):
        blemish.forget(model, ["train/good/930.png"])
    with pytest.raises(UsageError, match="is no image that the model learned from"):
        blemish.forget(model, [spots(category)[0]])
    every = [image.id for image in model.facts.training.images]
    with pytest.raises(UsageError, match="whole bank"):
        blemish.forget(model, every)


def test_a_training_image_is_known_by_its_file(model, category):
    path = category / "train" / "good" / "003.png"
    less = blemish.forget(model, [path], training_images=category)
    assert less.facts.history[0].images[0].id == "train/good/003.png"


def test_a_model_as_it_was_fitted_has_nothing_to_undo(model):
    with pytest.raises(UsageError, match="nothing to undo"):
        blemish.undo(model)


def test_other_detectors_say_what_can_be_done_instead(backbone, category):
    padim = blemish.Padim(backbone=str(backbone), levels=["coarse"], image_size=SIDE)
    model = blemish.fit(blemish.open_dataset(category), padim)
    for teach in (blemish.learn, blemish.forget):
        with pytest.raises(UsageError, match=r"padim keeps no patches.*calibrate"):
            teach(model, [spots(category)[0]])


def test_an_older_file_without_origins_is_told_to_be_fitted_again(model, category):
    from blemish.graph.interface import parsed

    old = Model(sign(parsed(model.to_bytes(), "m"), model.facts))
    with pytest.raises(ModelFileError, match="Fit it again"):
        blemish.learn(old, spots(category))


@pytest.mark.parametrize("key", [ORIGINS_KEY, UNDO_KEY])
@pytest.mark.parametrize("text", ["", "{}", "no text", "AAAA"])
def test_damaged_extras_are_told(model, category, key, text):
    from blemish.graph.interface import parsed

    taught = blemish.learn(model, spots(category)[:1])
    extras = taught.extras | {key: text}
    damaged = Model(sign(parsed(taught.to_bytes(), "m"), taught.facts, extras))
    with pytest.raises(ModelFileError):
        blemish.undo(damaged) if key == UNDO_KEY else blemish.forget(
            damaged, ["train/good/003.png"]
        )


def test_a_model_without_origins_for_all_vectors_is_refused(model, sharp, category):
    from blemish.graph.interface import parsed

    mixed = Model(sign(parsed(model.to_bytes(), "m"), model.facts, sharp.extras))
    with pytest.raises(ModelFileError):
        blemish.learn(mixed, spots(category))


def test_what_was_never_taught_says_nothing_of_it(model):
    assert "history" not in model.facts.to_dict()
    assert set(model.extras) == {ORIGINS_KEY}
    bank = model.facts.detector.details["bank_vectors"]
    assert len(model.extras[ORIGINS_KEY]) < 8 * bank * 4 / 3 + 200


def test_thumbnails_go_with_the_images_that_a_bank_has_vectors_of(backbone, category):
    detector = blemish.PatchCore(**tiny_settings(backbone))
    model = blemish.fit(blemish.open_dataset(category), detector, thumbnails_px=32)
    small = read_thumbnails(model.extras, "m")
    assert set(small.jpeg) <= model.fitted_on
    assert all(small.of_image(sha256).shape == (32, 32, 3) for sha256 in small.jpeg)
    spot = spots(category)[0]
    taught = blemish.learn(model, [spot])
    new = set(read_thumbnails(taught.extras, "m").jpeg) - set(small.jpeg)
    assert new == {taught.facts.history[0].images[0].sha256}
    less = blemish.forget(taught, [spot])
    assert read_thumbnails(less.extras, "m") == small
    with pytest.raises(UsageError, match="thumbnails_px"):
        padim = blemish.Padim(backbone=str(backbone), levels=["coarse"], image_size=SIDE)
        blemish.fit(blemish.open_dataset(category), padim, thumbnails_px=32)


def test_names_of_files_that_are_no_text_are_learned_too(model, category, tmp_path):
    odd = tmp_path / "sp\udcffot.png"
    try:
        Path(odd).write_bytes(spots(category)[0].read_bytes())
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    taught = blemish.learn(model, [odd])
    assert blemish.undo(taught) == model.to_bytes()
    assert blemish.forget(taught, [odd]).facts.history[-1].removed


def test_a_failed_lesson_raises_only_errors_that_users_can_mend(model, tmp_path):
    (tmp_path / "no.png").write_bytes(b"no image")
    with pytest.raises(BlemishError):
        blemish.learn(model, [tmp_path / "no.png"])


def test_golden_samples_are_of_the_model_before_and_go(model, category):
    kept = blemish.keep_golden(model, category / "test" / "good")
    assert kept.facts.golden
    heard = Heard()
    taught = blemish.learn(kept, spots(category)[:1], progress=heard)
    assert not taught.facts.golden
    assert any("Golden samples" in told for told in heard.said)
    again = blemish.keep_golden(taught, category / "test" / "good")
    assert blemish.undo(again) == kept.to_bytes()  # the graph is the same
