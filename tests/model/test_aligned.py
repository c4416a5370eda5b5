"""Models that align parts: moved ones are judged as if they had not been, and others not at all."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from PIL import Image, ImageFilter

import blemish
from blemish.alignment import Alignment, Motion
from blemish.calibration.inspectable import LeftOut
from blemish.detectors.aligned import agreement_limit, shifted
from blemish.errors import DataError, ImageError, ModelFileError
from blemish.graph.interface import parsed
from blemish.images.exposure import even_blocks, exposure_of, level_of
from blemish.model.file import sign
from blemish.result import Verdict
from blemish.zones import Box, Zone, Zones
from heard import Heard
from parts import SIDE, SPOT, SPOT_HALF, drawn_part, part_dataset
from tiny import tiny_dataset, tiny_settings

ALIGN = Alignment(20)


def fit(folder, backbone, align=ALIGN, zones=None, **settings):
    detector = blemish.PatchCore(**tiny_settings(backbone, image_size=SIDE, **settings))
    dataset = blemish.open_dataset(folder)
    return blemish.fit(dataset, detector, align=align, zones=zones, false_alarm_rate=0.1)


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    return part_dataset(tmp_path_factory.mktemp("data") / "cards")


@pytest.fixture(scope="module")
def aligned(cards, backbone):
    return fit(cards, backbone)


def test_moved_parts_are_told_from_moved_defects(aligned, cards, backbone):
    dataset = blemish.open_dataset(cards)
    with_it = blemish.evaluate(aligned, dataset)
    without = blemish.evaluate(fit(cards, backbone, None), dataset)
    assert with_it.image["auroc"] == 1.0
    assert with_it.pixel["auroc"] > 0.9
    assert with_it.pixel["auroc"] > without.pixel["auroc"] + 0.05


def test_a_map_is_of_the_image_as_it_came(aligned):
    image, mask = drawn_part(9, -7, 12, seed=5, spot=True)
    said = aligned.predict(image)
    assert said.score_map.shape == image.shape[:2]
    row, column = np.unravel_index(said.score_map.argmax(), mask.shape)
    reach = np.argwhere(mask)
    assert np.abs(reach - (row, column)).max(axis=1).min() <= 3
    assert said.motion.shift_xy_px == pytest.approx((9, -7), abs=1.0)
    assert said.motion.degrees == pytest.approx(12, abs=1.0)
    assert said.to_dict()["motion"]["agreement"] == said.motion.agreement


def test_what_cannot_be_aligned_is_not_good(aligned):
    facts = aligned.facts.input.alignment
    flat = np.full((SIDE, SIDE, 3), 60, np.uint8)
    other = drawn_part(0, 0, 90)[0]
    for image in (flat, other):
        said = aligned.predict(image)
        assert said.motion.agreement < facts.limit
        assert said.verdict != Verdict.GOOD
        assert said.reasons[0].code == "alignment"
        assert "cannot be aligned" in said.reasons[0].message
        assert said.regions == ()
    good = aligned.predict(drawn_part(4, 4, 4, seed=8)[0])
    assert all(note.code != "alignment" for note in good.notes)


def test_the_graph_alone_says_what_the_model_says(aligned, cards, tmp_path):
    aligned.save(tmp_path / "cards.onnx")
    again = blemish.load(tmp_path / "cards.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "cards.onnx")
    names = ["score", "score_map", "verdict", "alignable", "alignment"]
    images = [sample.read() for sample in blemish.open_dataset(cards).test]
    for image in [*images, np.zeros((SIDE, SIDE, 3), np.uint8)]:
        values = session.run(names, {"image": image[None]})
        score, score_map, verdict, inspectable, row = (value[0] for value in values)
        said = again.predict(image)
        assert score == said.score
        assert (score_map == said.score_map).all()
        assert verdict == (said.verdict != Verdict.GOOD)
        assert inspectable == (said.motion.agreement >= again.facts.input.alignment.limit)
        assert row[3] == np.float32(said.motion.agreement)


def test_images_together_are_judged_as_each_alone(aligned, cards):
    samples = blemish.open_dataset(cards).test
    together = aligned.predict([sample.read() for sample in samples])
    for sample, said in zip(samples, together, strict=True):
        assert aligned.predict(sample.read()).score == pytest.approx(said.score, rel=1e-4)


def test_fit_and_line_see_the_same(cards, backbone):
    """An image that is left out scores what a model without it says of it."""
    dataset = blemish.open_dataset(cards)
    model = fit(cards, backbone, calibration_folds=0)
    facts = model.facts.input.alignment
    name = next(s.id for s in dataset.train if s.id != facts.reference)
    held = next(image for image in model.facts.training.images if image.id == name)
    image = next(s for s in dataset.train if s.id == name).read()
    peak = float(model.predict(image).score_map.max())
    assert peak <= held.peak * 1.001  # its own patches are in the bank of the model that ships


def test_size_may_vary_where_that_is_asked_for(cards, backbone):
    model = fit(cards, backbone, Alignment(20, scale=True))
    said = model.predict(drawn_part(3, 2, 5, 1.1, seed=4)[0])
    assert said.motion.scale == pytest.approx(1.1, abs=0.02)
    assert said.verdict == Verdict.GOOD
    assert model.facts.input.alignment.scale


def test_zones_are_drawn_on_the_reference(cards, backbone):
    half = SIDE / 2
    left, top = (round(half + (at - 2 * SPOT_HALF) * half) for at in SPOT)
    side = round(4 * SPOT_HALF * half)
    model = fit(cards, backbone, zones=Zones((Zone("spot", Box(left, top, side, side)),)))
    image, mask = drawn_part(9, 6, 10, seed=2, spot=True)
    said = model.predict(image)
    assert {region.zone for region in said.regions} == {"spot"}
    inspected = model.inspected(said)
    assert inspected.sum() == pytest.approx(side * side, rel=0.1)
    assert inspected[mask].all()
    assert (said.score_map[~inspected] == 0).mean() > 0.97
    assert model.inspected(model.predict(drawn_part(-5, 0, 0)[0])).sum() != 0
    found = blemish.evaluate(model, blemish.open_dataset(cards))
    assert found.image["auroc"] == 1.0


def test_recalibration_and_saving_keep_the_alignment(aligned, tmp_path):
    fresh = part_dataset(tmp_path / "fresh", good=12, moved=True, seed=9)
    again = blemish.recalibrate(aligned, blemish.open_dataset(fresh))
    assert again.facts.input.alignment == aligned.facts.input.alignment
    assert again.predict(np.zeros((SIDE, SIDE, 3), np.uint8)).verdict != Verdict.GOOD


def test_a_fit_is_the_same_each_time(aligned, cards, backbone):
    assert fit(cards, backbone).sha256 == aligned.sha256


def test_images_of_several_sizes_are_refused(backbone, tmp_path):
    folder = part_dataset(tmp_path / "cards", good=10)
    path = sorted((folder / "train" / "good").iterdir())[0]
    Image.open(path).crop((0, 0, 90, 96)).save(path)
    with pytest.raises(DataError, match="Only images of one size can be aligned"):
        fit(folder, backbone)


def test_images_of_another_size_are_refused_one_by_one(aligned):
    with pytest.raises(ImageError, match="is 97 x 96 pixels, and the model aligns images of 96"):
        aligned.predict(np.zeros((96, 97, 3), np.uint8))


def test_images_that_show_nothing_to_align_by_are_refused(category, backbone):
    with pytest.raises(DataError, match="show nothing that could be aligned: half of them agree"):
        fit(category, backbone)


def test_images_that_look_alike_in_several_places_are_refused(backbone, tmp_path):
    folder = tiny_dataset(tmp_path / "stripes", good=12)
    rng = np.random.default_rng(0)
    for path in sorted((folder / "train" / "good").iterdir()):
        columns = 128 + 90 * np.sin(np.arange(SIDE) * 2 * np.pi / 6)
        image = columns + rng.normal(0, 3, (SIDE, SIDE))
        Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).convert("RGB").save(path)
    with pytest.raises(DataError, match="show nothing that could be aligned"):
        fit(folder, backbone)


def test_a_limit_is_the_rank_that_its_rate_allows():
    agreements = [0.8 + n / 500 for n in range(99)]
    found = agreement_limit(agreements, 0.05)
    assert found.rate == 0.05
    assert found.limit == np.float32(1 - 2 * (1 - agreements[4]))
    few = agreement_limit([0.99, 0.98], 0.01)
    assert few.rate == pytest.approx(1 / 3)
    assert few.limit == np.float32(0.9)


def test_a_limit_holds_for_new_parts_whatever_their_distribution():
    rng = np.random.default_rng(0)
    limits = [agreement_limit(rng.beta(9, 1, 59), 0.05) for _ in range(2000)]
    below = [rng.beta(9, 1) < limit.limit for limit in limits]
    promised = np.mean([limit.rate for limit in limits])
    assert np.mean(below) <= promised + 3 * np.sqrt(promised / 2000)


def test_a_good_image_that_is_none_does_not_take_the_limit_away():
    found = agreement_limit([0.1, 0.2, *[0.99] * 27], 0.01)
    assert found.limit == 0.5
    assert found.rate == pytest.approx(3 / 30)


def test_training_images_of_another_part_are_told(backbone, tmp_path):
    folder = part_dataset(tmp_path / "cards", good=20)
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder / "train" / "good" / "004.png")
    heard = Heard()
    detector = blemish.PatchCore(**tiny_settings(backbone, image_size=SIDE))
    blemish.fit(blemish.open_dataset(folder), detector, align=ALIGN, progress=heard)
    assert any("1 of 20 training images agree" in said and "004" in said for said in heard.said)


def test_a_file_that_contradicts_itself_is_refused(aligned):
    facts = aligned.facts
    wrong = replace(facts.input.alignment, limit=0.1)
    changed = replace(facts, input=replace(facts.input, alignment=wrong))
    with pytest.raises(ModelFileError, match="'agreement_limit' in its graph is"):
        blemish.Model(sign(parsed(aligned.to_bytes(), "m"), changed))


def test_copies_count_once_for_the_limit(cards, backbone, tmp_path):
    folder = shutil.copytree(cards, tmp_path / "cards")
    first, second, *_ = sorted((folder / "train" / "good").iterdir())
    shutil.copy(first, second)
    assert len(fit(folder, backbone).facts.input.alignment.agreements) == 22


def test_shifting_repeats_borders():
    image = np.arange(12).reshape(3, 4)[:, :, None]
    assert shifted(image, 1, -1)[..., 0].tolist() == [[4, 4, 5, 6], [8, 8, 9, 10], [8, 8, 9, 10]]


@pytest.fixture(scope="module")
def moved_cards(tmp_path_factory):
    return part_dataset(tmp_path_factory.mktemp("data") / "moved", moved=True, seed=3)


@pytest.fixture(scope="module")
def moving(moved_cards, backbone):
    """A model of cards that moved before, too."""
    return fit(moved_cards, backbone)


def test_moved_training_images_are_aligned_too(moving, moved_cards):
    found = blemish.evaluate(moving, blemish.open_dataset(moved_cards))
    assert found.image["auroc"] == 1.0


def moved_card(seed, **drawn):
    right, down, degrees = np.random.default_rng(seed).uniform(-9, 9, 3)
    return drawn_part(right, down, degrees, seed=seed, **drawn)[0]


def lit(image, times):
    return np.clip(np.rint(image * float(times)), 0, 255).astype(np.uint8)


def blurred(image, px):
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(px)))


@pytest.mark.parametrize(
    ("code", "spoil"),
    [
        ("dark", lambda image: lit(image, 0.5)),
        ("bright", lambda image: lit(image, 1.8)),
        ("blurred", lambda image: blurred(image, 2)),
    ],
)
def test_light_and_blur_are_seen_wherever_a_part_lies(moving, code, spoil):
    for seed in range(4):
        said = moving.predict(spoil(moved_card(seed)))
        assert said.verdict == Verdict.NOT_INSPECTABLE
        assert code in {reason.code for reason in said.reasons}


def test_moved_parts_are_inspectable_with_a_defect_or_without(moving):
    for seed in range(10):
        assert moving.predict(moved_card(seed)).reasons == ()
        assert moving.predict(moved_card(seed, spot=True)).verdict == Verdict.DEFECT


@pytest.mark.parametrize("kind", ["plain", "scale", "zones"])
def test_the_graph_looks_at_points_of_the_part_as_python_does(kind, moving, cards, backbone):
    zones = Zones((Zone("middle", Box(20, 24, 50, 40)),)) if kind == "zones" else None
    align = Alignment(20, scale=kind == "scale")
    model = moving if kind == "plain" else fit(cards, backbone, align, zones=zones)
    size_hw, images = (SIDE, SIDE), [moved_card(seed) for seed in range(3)]
    names = ["departures", "alignment", "alignment/score_map"]
    rows = model.session.run(names[:2], image=np.stack(images))
    blocks, beside = (even_blocks(size_hw), True) if zones is None else model.zones.points
    for number, image in enumerate(images):
        found = model.trace(image, *names)
        points = Motion.of_output(found["alignment"]).pixels_on_image(blocks, size_hw)
        level = level_of(found["alignment/score_map"], None if zones is None else blocks)
        look = LeftOut(exposure_of(image, (points, beside)), level)
        expected = model.facts.inspectable.departures([look], 255)
        assert found["departures"] == pytest.approx(expected[0], abs=0.05)
        assert rows[0][number] == pytest.approx(found["departures"], abs=0.05)


def test_points_of_the_reference_lie_where_the_part_does():
    motion = Motion((5.0, -3.0), 90.0, 1.0, 1.0)
    reference = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    image = motion.on_image(reference)
    inner = reference[30:60, 30:60]
    assert (image.ravel()[motion.pixels_on_image(inner, (SIDE, SIDE))] == inner).all()
