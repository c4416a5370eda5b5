"""Known defects: found again, at a price that is told."""

from __future__ import annotations

import numpy as np
import pytest

import blemish
from blemish.calibration import calibrate
from blemish.errors import DataError, UsageError
from blemish.model.history import promise_told
from blemish.model.model import Model
from blemish.model.variants import with_calibration
from blemish.result import Verdict
from tiny import SIDE, tiny_dataset, tiny_settings


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Good images that are new to the model."""
    folder = tiny_dataset(tmp_path_factory.mktemp("fresh") / "noise", good=30, seed=9)
    return sorted((folder / "train" / "good").iterdir())


@pytest.fixture(scope="module", params=["position", "none", "squared"])
def lax(request, backbone, category):
    """A model whose thresholds are so high that it misses defects."""
    more = {"position": {}, "none": {"normalisation": "none"}}
    settings = more.get(request.param, {"normalisation": "none", "distance": "squared"})
    model = blemish.fit(
        blemish.open_dataset(category), blemish.PatchCore(**tiny_settings(backbone, **settings))
    )
    scored = [
        image._replace(score=image.score + 1e4, peak=image.peak + 1e4)
        for image in model.facts.calibration.scored
    ]
    found = calibrate([i.score for i in scored], [i.peak for i in scored], method="lax")
    return with_calibration(model, found, scored)


def box_of(path):
    """Of the bright square."""
    from PIL import Image

    rows, columns = np.nonzero(np.asarray(Image.open(path).convert("L")) > 200)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.fixture(scope="module")
def spot(category):
    return category / "test" / "spot" / "000.png"


def test_a_missed_defect_and_what_is_nearly_the_same_is_found(lax, spot, fresh):
    assert lax.predict(spot).verdict == Verdict.GOOD
    new = blemish.learn_defects(lax, [spot], fresh, box_xyxy=box_of(spot))
    found = new.predict(spot)
    assert found.verdict == Verdict.DEFECT
    x0, y0, x1, y1 = box_of(spot)
    rx0, ry0, rx1, ry1 = found.regions[0].box_xyxy
    assert rx0 < x1
    assert x0 < rx1
    assert ry0 < y1
    assert y0 < ry1
    image = lax.read(spot)
    almost = np.clip(image.astype(int) + 2, 0, 255).astype(np.uint8)
    assert lax.predict(almost).verdict == Verdict.GOOD
    assert new.predict(almost).verdict == Verdict.DEFECT


def test_no_good_image_that_set_the_reach_is_raised_and_the_price_is_told(lax, spot, fresh):
    new = blemish.learn_defects(lax, [spot], fresh, box_xyxy=box_of(spot), because="missed")
    for path in fresh:
        assert new.predict(path).score == pytest.approx(lax.predict(path).score, rel=1e-6)
    step = new.facts.history[-1]
    assert step.defects
    assert step.more_alarms == pytest.approx(1 / 31)
    assert "3.2 % of good images more" in promise_told(new.facts.history)
    assert "learned defects" in step.told()
    assert str(spot) not in [image.id for image in new.facts.training.images]


def test_it_can_be_undone_and_more_can_be_learned(lax, category, spot, fresh):
    first = blemish.learn_defects(lax, [spot], fresh, box_xyxy=box_of(spot))
    other = category / "test" / "spot" / "001.png"
    second = blemish.learn_defects(first, [other], fresh, box_xyxy=box_of(other))
    known = [m.facts.detector.details["defects"]["vectors"] for m in (first, second)]
    assert known[1] > known[0]
    assert all(second.predict(path).verdict == Verdict.DEFECT for path in (spot, other))
    assert blemish.undo(second) == first.to_bytes()
    assert blemish.undo(Model(blemish.undo(second))) == lax.to_bytes()


def test_good_images_can_be_learned_and_forgotten_beside_known_defects(lax, spot, fresh):
    first = blemish.learn_defects(lax, [spot], fresh, box_xyxy=box_of(spot))
    taught = blemish.learn(first, [fresh[0]], whole=True)
    assert taught.predict(spot).verdict == Verdict.DEFECT
    less = blemish.forget(taught, [fresh[0]])
    assert less.predict(spot).score == pytest.approx(first.predict(spot).score, rel=1e-5)
    good_after_all = blemish.learn(first, [spot], whole=True)
    assert good_after_all.predict(spot).verdict == Verdict.GOOD


def test_what_is_flagged_needs_no_box(model, spot, fresh):
    new = blemish.learn_defects(model, [spot], fresh)
    assert new.predict(spot).score >= model.predict(spot).score


def test_what_cannot_be_known_is_told(lax, model, category, spot, fresh):
    with pytest.raises(UsageError, match="Nothing is flagged"):
        blemish.learn_defects(lax, [spot], fresh)
    with pytest.raises(UsageError, match="must lie in"):
        blemish.learn_defects(lax, [spot], fresh, box_xyxy=(0, 0, SIDE + 1, 4))
    with pytest.raises(UsageError, match="name one image"):
        blemish.learn_defects(lax, [spot, spot], fresh, box_xyxy=(0, 0, 4, 4))
    with pytest.raises(DataError, match="new to the model"):
        blemish.learn_defects(model, [spot], [category / "train" / "good" / "000.png"])
    with pytest.raises(UsageError, match="nothing tells them apart"):
        blemish.learn_defects(lax, [fresh[0]], fresh, box_xyxy=(0, 0, SIDE, SIDE))


def test_a_sharp_map_has_no_place_for_known_defects(backbone, category, spot, fresh):
    settings = tiny_settings(backbone, levels=["coarse"], map_levels=["fine"])
    sharp = blemish.fit(blemish.open_dataset(category), blemish.PatchCore(**settings))
    with pytest.raises(UsageError, match="map_levels"):
        blemish.learn_defects(sharp, [spot], fresh)
