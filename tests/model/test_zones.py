"""Models within zones: nothing that lies outside reaches a score, and one graph says so."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from PIL import Image

import blemish
from blemish.detectors.zoned import zone_thresholds
from blemish.errors import DataError, ImageError, ModelFileError, UsageError
from blemish.graph.interface import parsed
from blemish.graph.zones import within_zones
from blemish.images.format import ImageFormat
from blemish.zones import Box, Disc, Painting, Zone, Zones
from mutations import facts_of, signed
from tiny import SIDE, tiny_dataset, tiny_settings

DISC = Zones((Zone("disc", Disc(30, 34, 22)), Zone("hub", Box(28, 30, 6, 6), ignored=True)))


def fit(folder, backbone, zones, **settings):
    detector = blemish.PatchCore(**tiny_settings(backbone, **settings))
    return blemish.fit(blemish.open_dataset(folder), detector, zones=zones)


@pytest.fixture(scope="module")
def zoned(category, backbone):
    return fit(category, backbone, DISC)


def with_other_surroundings(image, inspected, seed=0):
    noise = np.random.default_rng(seed).integers(0, 255, image.shape).astype(image.dtype)
    return np.where(inspected.mask[:, :, None], image, noise)


def test_what_lies_outside_changes_no_score_and_no_pixel_of_the_map(zoned, category):
    for sample in blemish.open_dataset(category).test:
        image = sample.read()
        one = zoned.predict(image)
        two = zoned.predict(with_other_surroundings(image, zoned.zones))
        assert one.score == two.score
        assert (one.score_map == two.score_map).all()
        assert one.notes == two.notes
        assert (one.score_map[~zoned.zones.mask] == 0).all()


def test_a_fit_never_sees_what_lies_outside(zoned, category, backbone, tmp_path):
    copy = shutil.copytree(category, tmp_path / "noise")
    for number, path in enumerate(sorted((copy / "train" / "good").iterdir())):
        image = np.asarray(Image.open(path))
        Image.fromarray(with_other_surroundings(image, zoned.zones, number)).save(path)
    settings = {"calibration_folds": 0}  # parts are drawn by hashes of files
    one, other = (fit(folder, backbone, DISC, **settings) for folder in (category, copy))
    assert one.calibration.to_dict() == other.calibration.to_dict()
    image = blemish.open_dataset(category).test[0].read()
    assert one.predict(image).score == other.predict(image).score


def test_images_that_differ_outside_alone_are_copies(category, backbone, tmp_path):
    copy = shutil.copytree(category, tmp_path / "noise")
    first, second, *_ = sorted((copy / "train" / "good").iterdir())
    inspected = DISC.on((SIDE, SIDE))
    image = np.asarray(Image.open(first))
    Image.fromarray(with_other_surroundings(image, inspected)).save(second)
    assert fit(copy, backbone, DISC).calibration.scores.size == 23
    assert fit(copy, backbone, None).calibration.scores.size == 24


def test_the_graph_alone_says_what_the_model_says(zoned, category, tmp_path):
    zoned.save(tmp_path / "zoned.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "zoned.onnx")
    again = blemish.load(tmp_path / "zoned.onnx")
    assert (again.zones.labels == zoned.zones.labels).all()
    for sample in blemish.open_dataset(category).test:
        image = sample.read()
        score, score_map = session.run(["score", "score_map"], {"image": image[None]})
        said = again.predict(image)
        assert score[0] == said.score
        assert (score_map[0] == said.score_map).all()


def test_a_region_of_interest_is_a_fit_on_what_is_cut_out(category, backbone, tmp_path):
    region = Zones.roi(8, 4, 48, 40)
    copy = shutil.copytree(category, tmp_path / "noise")
    for path in copy.rglob("*.png"):
        Image.open(path).crop((8, 4, 56, 44)).save(path)
    settings = {"calibration_folds": 0}
    whole = fit(category, backbone, region, **settings)
    cut = fit(copy, backbone, None, **settings)
    assert whole.calibration.image_threshold == cut.calibration.image_threshold
    image = blemish.open_dataset(category).test[0].read()
    assert whole.predict(image).score == cut.predict(image[4:44, 8:56]).score


def test_sixteen_bits_are_filled_in_their_own_range(backbone, category):
    model = fit(category, backbone, DISC)
    deep = ImageFormat(16, 4095)
    assert model.zones is not None
    passed = within_zones(identity(), model.zones, (4000, 5, 6), deep)
    session = onnxruntime.InferenceSession(passed.SerializeToString())
    image = np.random.default_rng(0).integers(0, 4096, (1, SIDE, SIDE, 3)).astype(np.uint16)
    (seen,) = session.run(["seen"], {"image": image})
    assert (seen[0] == model.zones.seen(image[0], (4000, 5, 6))).all()
    assert seen.dtype == np.uint16


def identity():
    """A graph that gives what it sees."""
    from blemish.graph.builder import FLOAT, UINT16, GraphBuilder, tensor
    from blemish.graph.preprocessing import image_input

    g = GraphBuilder()
    g.op("Identity", "image", name="seen")
    g.op("ReduceMax", g.op("Cast", "image", to=FLOAT), g.ints(3), keepdims=0, name="score_map")
    outputs = [tensor("seen", UINT16, "N", "h", "w", 3), tensor("score_map", FLOAT, "N", "h", "w")]
    return g.build([image_input(ImageFormat(16, 4095))], outputs)


@pytest.mark.parametrize("seed", range(4))
def test_any_mask_comes_back_out_of_its_bits(seed, category, backbone):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(5, 40, 2)
    pixels = rng.random((height, width)) > 0.5
    inspected = Zones((Zone("a", Painting(pixels)),)).on((height, width))
    graph = within_zones(identity(), inspected, (0, 0, 0), ImageFormat(16, 4095))
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    image = np.full((2, height, width, 3), 7, np.uint16)
    (score_map,) = session.run(["score_map"], {"image": image})
    assert (score_map == np.where(pixels, 7, 0)).all()


def halves(**rules):
    left = Zone("left", Box(0, 0, 32, 64), share=1, **rules)
    return Zones((left, Zone("right", Box(32, 0, 32, 64), share=3)))


@pytest.fixture(scope="module")
def by_shares(category, backbone):
    return fit(category, backbone, halves())


def test_zones_with_shares_are_told_in_multiples_of_their_own_thresholds(
    by_shares, category, backbone
):
    facts = by_shares.facts.input.zones
    assert facts.shares == (0.25, 0.75)
    for sample in blemish.open_dataset(category).test:
        said = by_shares.predict(sample.read())
        assert said.score == pytest.approx(said.score_map[by_shares.zones.mask].max())
        assert {region.zone for region in said.regions} <= {"left", "right"}
    weights = np.array(facts.weights)
    without = Zones(tuple(replace(zone, share=None) for zone in halves().zones))
    raw = fit(category, backbone, without)
    image = blemish.open_dataset(category).test[-1].read()
    expected = raw.predict(image).score_map * weights[np.arange(SIDE) // 32]
    assert by_shares.predict(image).score_map == pytest.approx(expected, abs=1e-5)


def test_what_good_images_exceed_in_each_zone_is_known(by_shares):
    facts, scored = by_shares.facts.input.zones, by_shares.facts.calibration.scored
    assert len(facts.peaks) == len(scored) == 24
    assert [max(one) for one in facts.peaks] == pytest.approx([image.score for image in scored])
    above = facts.above(by_shares.calibration.image_threshold)
    assert sum(above.values()) <= 2
    assert facts.above(-1.0) == {"left": 24, "right": 24}


def test_each_zone_has_its_smallest_region(category, backbone):
    plain = fit(category, backbone, halves())
    large = fit(category, backbone, halves(smallest_px=10_000))
    found = [plain.predict(sample.read()) for sample in blemish.open_dataset(category).test]
    kept = [large.predict(sample.read()) for sample in blemish.open_dataset(category).test]
    for one, other in zip(found, kept, strict=True):
        assert other.score == one.score
        assert other.regions == tuple(r for r in one.regions if r.zone == "right")
    assert any(region.zone == "left" for one in found for region in one.regions)


def test_thresholds_of_zones_are_what_their_share_of_images_exceeds():
    rng = np.random.default_rng(0)
    peaks = rng.random((99, 2)) * (1, 10)
    thresholds, of_each = zone_thresholds(peaks, [str(n) for n in range(99)], np.array([0.1, 0.02]))
    assert ((peaks > thresholds).sum(axis=0) == [9, 1]).all()
    assert (of_each <= thresholds).all()
    for number in range(99):
        others = zone_thresholds(
            np.delete(peaks, number, axis=0), [str(n) for n in range(98)], np.array([0.1, 0.02])
        )[0]
        assert of_each[number] == pytest.approx(np.minimum(thresholds, others), rel=0.12)
    calm = np.stack([np.ones(50), np.full(50, -1.0)], axis=1)
    assert zone_thresholds(calm, ["a"] * 50, np.array([0.1, 0.1]))[0] == pytest.approx([1, 0.05])


def test_images_of_another_size_are_refused_one_by_one(zoned):
    good, other = np.zeros((SIDE, SIDE, 3), np.uint8), np.zeros((SIDE, SIDE + 1, 3), np.uint8)
    with pytest.raises(ImageError, match="is 65 x 64 pixels, and the zones are drawn for"):
        zoned.predict(other)
    first, second = zoned.predict_each([other, good])
    assert "zones are drawn for" in first.error
    assert second.score >= 0 or second.score < 0


def test_images_of_several_sizes_cannot_be_fitted_within_zones(category, backbone, tmp_path):
    copy = shutil.copytree(category, tmp_path / "noise")
    path = sorted((copy / "train" / "good").iterdir())[0]
    Image.open(path).crop((0, 0, 40, 64)).save(path)
    with pytest.raises(DataError, match="there are 2 sizes, from 40 x 64 to 64 x 64"):
        fit(copy, backbone, DISC)


def test_a_zone_that_resizing_leaves_nothing_of_is_refused(category, backbone):
    thin = Zones((Zone("face", Box(0, 0, 64, 64)), Zone("dot", Box(10, 10, 1, 1))))
    with pytest.raises(DataError, match="of zone 'dot' nothing is left once 64 x 64 pixels"):
        fit(category, backbone, thin, image_size=32)


def test_figures_count_pixels_of_zones_alone(category, backbone, tmp_path):
    copy = shutil.copytree(category, tmp_path / "noise")
    masks = sorted((copy / "ground_truth" / "spot").iterdir())
    for number, path in enumerate(masks):
        mask = np.zeros((SIDE, SIDE), np.uint8)
        if number == 0:
            mask[:8, :8] = 255  # outside of the zone
        else:
            mask[20:40, :40] = 255  # partly
        Image.fromarray(mask).save(path)
    zones = Zones((Zone("right", Box(30, 0, 34, 64)),))
    model = fit(copy, backbone, zones)
    found = blemish.evaluate(model, blemish.open_dataset(copy))
    assert len(found.images) == 5
    assert "1 defective image without a defect within the zones" in " ".join(found.notes)
    assert "Measured within zones (right): 53.1% of each image." in found.notes
    assert found.regions.regions == 2
    maps, truth = [], []
    for sample in blemish.open_dataset(copy).test:
        mask = sample.read_mask((SIDE, SIDE))
        if mask.any() and not mask[:, 30:].any():
            continue
        maps.append(model.predict(sample.read()).score_map[:, 30:].ravel())
        truth.append(mask[:, 30:].ravel())
    scores, truth = np.concatenate(maps), np.concatenate(truth)
    ranks = np.array([(scores[~truth] < s).mean() + (scores[~truth] == s).mean() / 2
                      for s in scores[truth]])  # fmt: skip
    assert found.pixel["auroc"] == pytest.approx(ranks.mean(), abs=1e-9)


def test_zones_of_a_file_that_contradict_themselves_are_refused(zoned):
    graph = parsed(zoned.to_bytes(), "m")
    facts = facts_of(graph)
    facts["input"]["zones"]["runs"] = [["1"]]
    with pytest.raises(ModelFileError, match="says of its zones cannot be used"):
        blemish.Model(signed(graph, json.dumps(facts)))


def test_zones_of_a_fitted_model_are_of_its_map_alone(model, category, tmp_path):
    fresh = blemish.open_dataset(tiny_dataset(tmp_path / "fresh", good=30, seed=9))
    masked = blemish.recalibrate(model, fresh, zones=DISC)
    inspected = masked.zones
    assert masked.calibration.scores.size == 30
    for sample in blemish.open_dataset(category).test:
        image = sample.read()
        before, now = model.predict(image), masked.predict(image)
        expected = np.where(inspected.mask, before.score_map, np.float32(0))
        assert (now.score_map == expected).all()
        assert now.score == before.score_map[inspected.mask].max()
    again = blemish.Model(masked.to_bytes())
    assert again.predict(image).score == now.score
    assert not again.zones.cut


def test_images_of_the_fit_say_nothing_of_zones_that_came_later(model, category):
    with pytest.raises(DataError, match="0 good images"):
        blemish.recalibrate(model, blemish.open_dataset(category), zones=DISC)


def test_a_model_with_zones_gets_no_others_and_none_gets_shares(zoned, model, category):
    dataset = blemish.open_dataset(category)
    with pytest.raises(UsageError, match="has zones; fit it with"):
        blemish.recalibrate(zoned, dataset, zones=DISC)
    with pytest.raises(UsageError, match="takes no shares of zones without a fit"):
        blemish.recalibrate(model, dataset, zones=halves())


def test_recalibration_keeps_the_zones(zoned, category, tmp_path):
    fresh = tiny_dataset(tmp_path / "fresh", good=30, seed=9)
    again = blemish.recalibrate(zoned, blemish.open_dataset(fresh))
    assert (again.zones.labels == zoned.zones.labels).all()
