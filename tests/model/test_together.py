"""Zones, tiles and teaching in one model: one graph, whatever runs it."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from PIL import Image

import blemish
from blemish.errors import UsageError
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
    model.save(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for path in sorted(folder.rglob("*.png"))[::3]:
        image = np.asarray(Image.open(path))
        score, score_map = session.run(["score", "score_map"], {"image": image[None]})
        said = model.predict(path)
        assert score[0] == pytest.approx(said.score, rel=1e-5)
        assert score_map[0] == pytest.approx(said.score_map, abs=1e-5)


def test_a_zoned_tiled_model_is_one_graph(fitted, folder, tmp_path):
    check_same(fitted, folder, tmp_path)


def test_a_zoned_taught_model_is_one_graph(untiled, folder, tmp_path):
    odd = folder / "bad" / "0.png"
    taught = blemish.learn(untiled, [odd])
    assert taught.predict(odd).score < untiled.predict(odd).score
    assert blemish.undo(taught) == untiled.to_bytes()
    check_same(taught, folder, tmp_path)


def test_a_tiled_model_says_that_it_cannot_be_taught(fitted, folder):
    with pytest.raises(UsageError, match="A model with tiles"):
        blemish.learn(fitted, [folder / "bad" / "0.png"])


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
