"""Zones, tiles and teaching in one model: one graph, whatever runs it."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from PIL import Image

import blemish
from blemish.graph.interface import parsed
from blemish.result import Verdict
from blemish.zones import Box, Disc, Zone, Zones
from tiny import tiny_settings

SIDE = 160
ZONES = Zones((Zone("face", Box(8, 16, 136, 128)), Zone("hub", Disc(70, 80, 9), ignored=True)))
TILES = {"image_size": None, "scale": 1.0, "tile": 64, "overlap": 16}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Good images and some with a bright square, larger than a tile."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("large")
    for kind, count in (("good", 16), ("bad", 4)):
        (folder / kind).mkdir()
        for number in range(count):
            image = rng.integers(40, 80, (SIDE, SIDE, 3)).astype(np.uint8)
            if kind == "bad":
                image[90 : 90 + 12, 100 + number : 112 + number] = 230
            Image.fromarray(image).save(folder / kind / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def fitted(folder, backbone):
    dataset = blemish.open_dataset(folder, test_fraction=0.1)
    settings = tiny_settings(backbone, **TILES)
    return blemish.fit(dataset, blemish.PatchCore(**settings), zones=ZONES, false_alarm_rate=0.1)


@pytest.fixture(scope="module")
def untiled(folder, backbone):
    dataset = blemish.open_dataset(folder, test_fraction=0.1)
    settings = tiny_settings(backbone, image_size=96)
    return blemish.fit(dataset, blemish.PatchCore(**settings), zones=ZONES, false_alarm_rate=0.1)


def check_same(model, folder, tmp_path):
    """Whether ONNX Runtime alone says of some images what the model says."""
    model.save(tmp_path / "model.onnx", force=True)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for path in sorted(folder.rglob("*.png"))[::3]:
        image = np.asarray(Image.open(path))
        score, score_map = session.run(["score", "score_map"], {"image": image[None]})
        said = model.predict(path)
        assert score[0] == pytest.approx(said.score, rel=1e-5)
        assert score_map[0] == pytest.approx(said.score_map, abs=1e-5)


def test_a_zoned_tiled_model_is_one_graph(fitted, folder, tmp_path):
    check_same(fitted, folder, tmp_path)


@pytest.mark.parametrize("kind", ["fitted", "untiled"])
def test_a_zoned_taught_model_is_one_graph(kind, folder, tmp_path, request):
    model, odd = request.getfixturevalue(kind), folder / "bad" / "0.png"
    assert model.predict(odd).verdict == Verdict.DEFECT
    taught = blemish.learn(model, [odd])
    assert taught.predict(odd).verdict == Verdict.GOOD
    assert 0 < taught.facts.history[0].added < 200
    assert blemish.undo(taught) == model.to_bytes()
    check_same(taught, folder, tmp_path)


def test_a_tiled_model_forgets_and_is_taught_again(fitted, folder, tmp_path):
    odd, other = (folder / "bad" / f"{number}.png" for number in (0, 3))
    taught = blemish.learn(fitted, [odd])
    less = blemish.forget(taught, [odd])
    assert less.predict(odd).score == pytest.approx(fitted.predict(odd).score, rel=1e-5)
    first = fitted.facts.training.images[0].id
    without = blemish.forget(less, [first], training_images=folder)
    assert 0 < without.facts.history[-1].added <= without.facts.history[-1].removed
    again = blemish.learn(without, [odd, other])
    assert again.predict(odd).score < without.predict(odd).score
    check_same(again, folder, tmp_path)
    data = again.to_bytes()
    for older in (without, less, taught, fitted):
        data = blemish.undo(blemish.Model(data))
        assert data == older.to_bytes()


def test_a_tiled_model_learns_defects_and_others_after_them(fitted, folder, tmp_path):
    hidden = tmp_path / "hidden.png"
    image = np.asarray(Image.open(folder / "good" / "3.png")).copy()
    image[100:112, 40:52] = image[100:112, 40:52] // 2 + 30  # paler than it was, but not odd
    Image.fromarray(image).save(hidden)
    assert fitted.predict(hidden).verdict == Verdict.GOOD
    good, box = [new_good(tmp_path / f"{n}.png", seed=50 + n) for n in range(4)], (40, 100, 52, 112)
    taught = blemish.learn_defects(fitted, [hidden], good, box_xyxy=box)
    assert taught.predict(hidden).verdict == Verdict.DEFECT
    assert not any(taught.predict(path).verdict == Verdict.DEFECT for path in good)
    check_same(taught, folder, tmp_path)
    more = blemish.learn_defects(taught, [folder / "bad" / "0.png"], good)
    nodes = [node.name for node in parsed(more.to_bytes(), "m").graph.node]
    assert len(nodes) == len(set(nodes))
    assert more.predict(hidden).verdict == Verdict.DEFECT
    check_same(more, folder, tmp_path)
    assert blemish.undo(more) == taught.to_bytes()
    known = more.facts.detector.details["defects"]["vectors"]
    assert known > taught.facts.detector.details["defects"]["vectors"]


def new_good(path, *, seed):
    pixels = np.random.default_rng(seed).integers(40, 80, (SIDE, SIDE, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_what_lies_outside_of_the_zones_is_seen_by_no_tile(fitted, folder):
    image = np.asarray(Image.open(folder / "bad" / "1.png"))
    noise = np.random.default_rng(1).integers(0, 255, image.shape).astype(np.uint8)
    other = np.where(fitted.zones.mask[:, :, None], image, noise)
    one, two = fitted.predict(image), fitted.predict(other)
    assert one.score == two.score
    assert (one.score_map == two.score_map).all()


@pytest.mark.parametrize("kind", ["fitted", "untiled"])
def test_a_region_says_what_it_was_compared_with_where_it_lies(kind, folder, request):
    from blemish.model.evidence import Comparisons

    model, path = request.getfixturevalue(kind), folder / "bad" / "2.png"
    (region, *_) = Comparisons.of(model).shown(path, model.predict(path)).regions
    x0, y0, x1, y1 = region.evidence.patch_xyxy
    assert 90 <= x0 < x1 <= 122
    assert 80 <= y0 < y1 <= 112
    left, top, right, bottom = region.evidence.box_xyxy
    assert 8 <= left < right <= 144
    assert 16 <= top < bottom <= 144
