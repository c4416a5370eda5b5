"""An image that cannot be inspected is never good: the graph says so, and Python the reasons."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image, ImageFilter

import blemish
from blemish.calibration.inspectable import LEAST, MARGIN, LeftOut, learn
from blemish.detectors.padim.detector import Padim
from blemish.errors import ModelFileError
from blemish.graph.inspectable import PREFIX
from blemish.graph.verdict import drop, rounded_down, set_verdict
from blemish.images.exposure import ACROSS, exposure_of, level_of
from blemish.images.exposure import SIDE as OF_BLOCK
from blemish.model.file import sign
from blemish.result import Verdict
from blemish.zones import Box, Disc, Zone, Zones
from mutations import facts_of, signed
from tiny import SIDE, tiny_settings
from tiny_efficientad import tiny_settings as tiny_efficientad
from tiny_efficientad import tiny_teacher

SHARED = Path(__file__).parents[3] / "shared" / "data"


def blurred(image, px):
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(px)))


def lit(image, times):
    return np.clip(np.rint(image * float(times)), 0, 255).astype(np.uint8)


def belt(image, seed=0):
    noise = np.random.default_rng(seed).normal(110, 3, image.shape)
    return np.clip(noise, 0, 255).astype(np.uint8)


def another_part(image):
    rows, columns = np.indices(image.shape[:2])
    wires = np.where((rows % 8 < 3) | (columns % 8 < 3), 200, 20)
    return np.repeat(wires[..., None], 3, axis=2).astype(np.uint8)


SPOILED = {
    "dark": lambda image: lit(image, 0.4),
    "bright": lambda image: lit(image, 1.8),
    "contrast": lambda image: np.full_like(image, int(image.mean())),
    "blurred": lambda image: blurred(image, 2),
    "unlike": another_part,
}


@pytest.fixture(scope="module")
def good(category):
    return next(s for s in blemish.open_dataset(category).test if s.label == "good").read()


def said(model, images):
    """Predictions, once the graph alone says the same of them."""
    found = model.predict(list(images))
    for image, prediction in zip(images, found, strict=True):
        departures, verdict = model.session.run(["departures", "verdict"], image=image[None])
        far = bool((departures[0] > model.facts.inspectable.limit).any())
        assert (prediction.verdict == Verdict.NOT_INSPECTABLE) == far == bool(prediction.reasons)
        assert verdict.tolist() == [prediction.verdict != Verdict.GOOD]
    return found


@pytest.mark.parametrize("code", SPOILED)
def test_what_cannot_be_inspected_has_its_reason(model, good, code):
    (found,) = said(model, [SPOILED[code](good)])
    assert found.verdict == Verdict.NOT_INSPECTABLE == "not inspectable"
    assert code in {reason.code for reason in found.reasons}
    line = found.to_dict()
    assert line["verdict"] == "not inspectable"
    assert {"code", "message"} == set(line["reasons"][0])


def test_reasons_say_number_and_usual_range(model, good):
    found = model.predict(lit(good, 0.4))
    lowest, highest = model.facts.inspectable.brightness
    value = np.median(exposure_of(lit(good, 0.4)).brightness) / 255
    assert found.reasons[0].message == (
        f"It is darker than all good images: {value:.3f} of white, they {lowest:.3f} to "
        f"{highest:.3f}."
    )
    assert "brightness" not in {note.code for note in found.notes}


def test_images_as_good_ones_are_and_defects_are_inspectable(model, category):
    images = [sample.read() for sample in blemish.open_dataset(category).test]
    found = said(model, images)
    assert {prediction.verdict for prediction in found} == {Verdict.GOOD, Verdict.DEFECT}
    assert all("reasons" not in prediction.to_dict() for prediction in found)


def test_slightly_other_light_is_inspectable(model, good):
    for times in (0.9, 1.1):
        assert model.predict(lit(good, times)).reasons == ()


@pytest.mark.parametrize("size_hw", [(8, 8), (9, 200), (131, 97), (300, 300)])
def test_the_graph_looks_at_images_of_any_size_as_python_does(model, size_hw):
    image = np.random.default_rng(0).integers(0, 255, (*size_hw, 3)).astype(np.uint8)
    assert_as_python(model, image, 255)


def assert_as_python(model, image, white_level):
    points = model.facts.departing().within
    level = level_of(model.raw(image[None])[1][0], points and points[0])
    look = LeftOut(exposure_of(image, points), level)
    expected = model.facts.inspectable.departures([look], white_level)
    (departures,) = model.session.run(["departures"], image=image[None])
    assert departures == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_a_batch_is_judged_as_its_images_are(model, good, category):
    images = [sample.read() for sample in blemish.open_dataset(category).test]
    images += [spoil(good) for spoil in SPOILED.values()]
    together = model.session.run(["departures", "verdict"], image=np.stack(images))
    for number, image in enumerate(images):
        alone = model.session.run(["departures", "verdict"], image=image[None])
        assert together[0][number] == pytest.approx(alone[0][0], rel=1e-4, abs=1e-3)
        assert together[1][number] == alone[1][0]


def test_sixteen_bits(tmp_path, backbone):
    rng = np.random.default_rng(0)
    for number in range(8):
        path = tmp_path / "noise" / "train" / "good" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(20_000, 40_000, (SIDE, SIDE)).astype(np.uint16)).save(path)
    dataset = blemish.open_dataset(tmp_path / "noise")
    model = blemish.fit(dataset, blemish.PatchCore(**tiny_settings(backbone)))
    image = np.repeat(rng.integers(20_000, 40_000, (SIDE, SIDE, 1)), 3, axis=2).astype(np.uint16)
    usual, dark = said(model, [image, image // 3])
    assert usual.verdict == Verdict.GOOD
    assert "dark" in {reason.code for reason in dark.reasons}
    assert_as_python(model, image, model.image_format.white_level)


@pytest.mark.parametrize(
    "shape",
    [Disc(30, 34, 22), Box(5, 10, 40, 3)],
    ids=["disc", "too thin for neighbours"],
)
def test_within_zones_nothing_else_is_looked_at(category, backbone, good, shape):
    zones = Zones((Zone("part", shape),))
    detector = blemish.PatchCore(**tiny_settings(backbone))
    model = blemish.fit(blemish.open_dataset(category), detector, zones=zones)
    assert_as_python(model, good, 255)
    mask = model.zones.mask[:, :, None]
    outside = np.where(mask, good, 255).astype(np.uint8)
    assert model.predict(outside).verdict == model.predict(good).verdict == Verdict.GOOD
    (dark,) = said(model, [np.where(mask, lit(good, 0.4), good).astype(np.uint8)])
    assert "dark" in {reason.code for reason in dark.reasons}


@pytest.mark.parametrize("name", ["padim", "efficientad"])
def test_other_detectors_take_the_same_path(name, category, backbone, good, tmp_path):
    if name == "padim":
        settings = {"backbone": str(backbone), "levels": ["fine", "coarse"], "image_size": SIDE}
        detector = Padim(**settings)
    else:
        pytest.importorskip("torch")
        teacher = tiny_teacher(tmp_path / "teacher.onnx")
        detector = blemish.EfficientAd(**tiny_efficientad(teacher))
    model = blemish.fit(blemish.open_dataset(category), detector)
    usual, dark, one_colour = said(model, [good, lit(good, 0.3), SPOILED["contrast"](good)])
    assert not usual.reasons
    assert dark.verdict == one_colour.verdict == Verdict.NOT_INSPECTABLE


def test_the_limit_is_that_of_the_good_images(model):
    facts = model.facts.inspectable
    assert facts.images == model.facts.calibration.images == 24
    assert facts.rate == pytest.approx(1 / 25)
    assert facts.limit == max(MARGIN * facts.farthest, LEAST)


def test_recalibration_keeps_the_limit(model, category):
    again = blemish.recalibrate(model, blemish.open_dataset(category), false_alarm_rate=0.2)
    assert again.facts.inspectable == model.facts.inspectable
    names = [output.name for output in onnx.load_model_from_string(again.to_bytes()).graph.output]
    assert len(names) == len(set(names))
    assert "departures" in names


def without(model):
    """The same as a file of before, that tells no departures."""
    graph = onnx.load_model_from_string(model.to_bytes())
    drop(graph.graph, lambda name: name.startswith(PREFIX) or name == "departures")
    c = model.calibration
    set_verdict(graph.graph, image_threshold=c.image_threshold, pixel_threshold=c.pixel_threshold)
    facts = facts_of(graph)
    del facts["inspectable"]
    return graph, facts


def test_models_of_before_judge_as_before(model, good):
    graph, facts = without(model)
    before = blemish.Model(signed(graph, json.dumps(facts)))
    for spoil in SPOILED.values():
        image = spoil(good)
        found, now = before.predict(image), model.predict(image)
        assert found.score == now.score
        assert found.reasons == ()
        assert (found.verdict == "defect") == (found.score > before.calibration.image_threshold)
        verdict, threshold = before.session.run(["verdict", "threshold"], image=image[None])
        assert verdict[0] == (found.verdict == "defect")
        assert threshold[0] == rounded_down(model.calibration.image_threshold)


def test_a_graph_that_departs_otherwise_than_the_file_says_is_refused(model):
    graph, facts = without(model)
    with pytest.raises(ModelFileError, match="'inspectable/centre' in its graph is not"):
        blemish.Model(signed(graph, json.dumps(facts_of(as_it_is(model)))))
    with pytest.raises(ModelFileError, match="is not what it says of itself"):
        blemish.Model(signed(as_it_is(model), json.dumps(facts)))
    for name, value, told in (
        ("limit", 9.0, "'limit' is stated as 9, but 2 follows"),
        ("rate", 0.001, "'rate' is stated as 0.001, but 0.04 follows"),
        ("centre", [[0.0]], "'centre' is not of 3 x 16 blocks"),
        ("level_centre", 5.0, "'inspectable/level_centre' in its graph is not"),
    ):
        changed = facts_of(as_it_is(model))
        changed["inspectable"][name] = value
        with pytest.raises(ModelFileError, match=told):
            blemish.Model(signed(as_it_is(model), json.dumps(changed)))


def test_a_model_that_no_longer_says_what_is_inspectable_has_no_departures(model):
    facts = replace(model.facts, inspectable=None)
    again = blemish.Model(sign(as_it_is(model), facts))
    assert "departures" not in again.session.outputs
    assert again.predict(np.zeros((SIDE, SIDE, 3), np.uint8)).reasons == ()


def as_it_is(model):
    return onnx.load_model_from_string(model.to_bytes())


def test_figures_count_what_is_not_inspectable_as_rejected(model, category, tmp_path):
    copy = shutil.copytree(category, tmp_path / "noise")
    path = sorted((copy / "test" / "good").iterdir())[0]
    Image.fromarray(lit(np.asarray(Image.open(path)), 0.4)).save(path)
    dataset = blemish.open_dataset(copy)
    found = blemish.evaluate(model, dataset)
    rows = [row for row in found.images if row.label == "good"]
    rejected = sum(row.verdict != "good" for row in rows)
    assert sum(row.not_inspectable for row in rows) == 1
    assert found.image["false_alarm_rate"] == pytest.approx(rejected / len(rows))
    (note,) = (note for note in found.notes if "not inspectable" in note)
    assert "rejected, in all figures at the threshold, whatever they score" in note


REAL = {"bottle": SHARED / "mvtec" / "bottle", "lgp": SHARED / "lgp"}


@pytest.mark.parametrize("name", REAL)
def test_real_sets(name, tmp_path):
    if not REAL[name].is_dir():
        pytest.skip("real images are not there")
    dataset = blemish.open_dataset(REAL[name])
    model = blemish.fit(dataset, blemish.PatchCore(coreset_ratio=0.01, image_size=128))
    test = dataset.test
    some = [s for s in test if s.label == "good"][:10] + [s for s in test if s.label != "good"][:10]
    assert not any(prediction.reasons for prediction in said(model, [s.read() for s in some]))
    image = some[0].read()
    spoiled = [belt(image), blurred(image, 4), np.zeros_like(image)]
    assert all(p.verdict == Verdict.NOT_INSPECTABLE for p in said(model, spoiled))
    (wires,) = said(model, [another_part(image)])
    assert wires.verdict != Verdict.GOOD  # a grid is not so unlike plates of dots


def test_points_of_a_block_are_its_own(good):
    (height, width), across = good.shape[:2], ACROSS * OF_BLOCK
    assert height < across  # so some points come more than once, and none lies outside
    image = np.zeros_like(good)
    image[: height // ACROSS, : width // ACROSS] = 90
    brightness = exposure_of(image).brightness
    assert brightness[0] == pytest.approx(90)
    assert (brightness[1:] == 0).all()


@pytest.mark.parametrize("grey", range(30, 42))
def test_a_ground_that_never_changes_has_its_limits(grey):
    ground = np.full((SIDE, SIDE, 3), grey, np.uint8)
    images = [LeftOut(exposure_of(ground), 0.1) for _ in range(5)]
    facts = learn(images, list("abcde"), white_level=255, pixel_threshold=1.0)
    assert np.isfinite(facts.spread).all()
    assert facts.limit == LEAST
