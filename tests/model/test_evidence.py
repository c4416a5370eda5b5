"""What regions were compared with."""

from __future__ import annotations

import numpy as np
import pytest

import blemish
from blemish.errors import DataError, ModelFileError
from blemish.graph.interface import parsed
from blemish.images.header import READER
from blemish.images.side_by_side import beside
from blemish.model.evidence import Comparisons
from blemish.model.file import sign
from blemish.model.model import Model
from tiny import tiny_settings


@pytest.fixture(scope="module")
def spot(category):
    return category / "test" / "spot" / "000.png"


@pytest.mark.parametrize("resize", ["stretch", "longer"])
def test_a_region_is_told_the_good_patch_that_its_oddest_one_is_nearest_to(
    backbone, category, spot, resize
):
    detector = blemish.PatchCore(**tiny_settings(backbone, resize=resize, normalisation="none"))
    model = blemish.fit(blemish.open_dataset(category), detector)
    prediction = model.predict(spot)
    found = Comparisons.of(model).shown(spot, prediction)
    values = model.trace(spot, "patches", "patch_scores")
    (region, *_) = found.regions
    evidence = region.evidence
    assert evidence.distance == pytest.approx(values["patch_scores"].max())
    row, column = np.unravel_index(values["patch_scores"].argmax(), values["patch_scores"].shape)
    x0, y0, x1, y1 = evidence.patch_xyxy
    assert x0 <= 4 * column < x1
    assert y0 <= 4 * row < y1
    training = {image.id: image.sha256 for image in model.facts.training.images}
    assert training[evidence.image] == evidence.sha256
    # The good image has a patch at that distance in its box, twice the nearest cell of it.
    good = model.trace(category / evidence.image, "patches")["patches"]
    far = np.linalg.norm(good - values["patches"][row, column], axis=2)
    gx0, gy0, gx1, gy1 = evidence.box_xyxy
    assert far[gy0 // 4 : -(-gy1 // 4), gx0 // 4 : -(-gx1 // 4)].min() == pytest.approx(
        evidence.distance, rel=1e-4
    )


def test_a_prediction_says_of_it_only_where_that_is_asked_for(model, category, spot):
    prediction = model.predict(spot)
    assert "evidence" not in prediction.to_dict()["regions"][0]
    found = Comparisons.of(model).shown(spot, prediction)
    told = found.to_dict()["regions"][0]["evidence"]
    assert set(told) == {"image", "sha256", "box_xyxy", "patch_xyxy", "distance"}
    good = model.predict(category / "test" / "good" / "000.png")
    assert Comparisons.of(model).shown(category / "test" / "good" / "000.png", good) is good


def test_how_the_good_patch_looks_comes_from_the_folder_or_from_thumbnails(
    backbone, category, model, spot, tmp_path
):
    image = model.read(spot)

    def pairs(of, folder=None):
        comparisons = Comparisons.of(of, folder)
        return comparisons.pairs(image, comparisons.shown(spot, of.predict(spot)), most=3)

    assert pairs(model)[0].good is None
    assert pairs(model, tmp_path)[0].good is None
    from_folder = pairs(model, category)[0]
    shown = Comparisons.of(model).shown(spot, model.predict(spot)).regions[0].evidence
    whole = READER and model.read(category / shown.image)
    assert any(
        (whole[y : y + from_folder.good.shape[0], x : x + from_folder.good.shape[1]].shape)
        == from_folder.good.shape
        for y in range(64)
        for x in range(64)
    )
    detector = blemish.PatchCore(**tiny_settings(backbone))
    kept = blemish.fit(blemish.open_dataset(category), detector, thumbnails_px=64)
    small = pairs(kept)[0].good
    assert np.abs(small.astype(int) - pairs(kept, category)[0].good).mean() < 12  # JPEG
    drawn = beside(image, pairs(kept))
    assert drawn.shape[1] > image.shape[1]
    np.testing.assert_array_equal(drawn[:64, :64], image)


def test_without_pairs_an_image_stays_as_it_is(model, spot):
    image = model.read(spot)
    np.testing.assert_array_equal(beside(image, []), image)


def test_a_model_that_does_not_know_and_a_folder_that_is_not_there_are_told(model, tmp_path):
    old = Model(sign(parsed(model.to_bytes(), "m"), model.facts))
    with pytest.raises(ModelFileError, match="Fit it again"):
        Comparisons.of(old)
    with pytest.raises(DataError, match="no folder"):
        Comparisons.of(model, tmp_path / "missing")


def test_what_was_taught_is_evidence_too(model, category, spot):
    taught = blemish.learn(model, [spot])
    other = category / "test" / "spot" / "001.png"
    prediction = taught.predict(other)
    found = Comparisons.of(taught).shown(other, prediction)
    known = {image.id for image in taught.facts.training.images}
    assert {region.evidence.image for region in found.regions} <= known
