"""Scores by their place: against a slow twin, in the graph, and as a promise."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.detectors.conformance.images import DrawnImages, blotted, weave
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.detectors.padim.settings import PadimSettings
from blemish.detectors.patchcore.detector import PatchCore
from blemish.detectors.patchcore.settings import PatchCoreSettings
from blemish.detectors.position import LeftOut, rings_of, told_by_place
from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.graph.session import Session
from blemish.graph.trace import with_outputs
from blemish.progress import LoggedProgress
from oracles import places
from tiny import tiny_settings

QUIET = LoggedProgress()


def grids(count, size_hw=(12, 21), seed=0):
    """Scores that are higher and vary more near the border."""
    rng = np.random.default_rng(seed)
    around = 3 * np.exp(-rings_of(size_hw).astype(float))
    noise = rng.gamma(4, 0.1, (count, *size_hw))
    return list((1 + around + noise * (1 + around / 4)).astype(np.float32))


def left_out(grids, keys=None):
    return LeftOut(grids, keys or [f"{number}" for number in range(len(grids))])


@pytest.mark.parametrize("count", [2, 3, 40])
def test_an_image_is_told_by_the_others_and_never_less_than_by_all(count):
    some = grids(count)
    found = left_out(some).told(1)
    by_others, by_all = places.told(some[1], [some[0], *some[2:]]), places.told(some[1], some)
    wanted = np.maximum(by_others, by_all)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_images_of_one_key_are_no_evidence_for_each_other():
    some = grids(5)
    found = left_out(some, ["a", "b", "a", "c", "a"]).told(2)
    wanted = np.maximum(places.told(some[2], [some[1], some[3]]), places.told(some[2], some))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_grids_may_be_of_any_size():
    some = [grids(1, size_hw, seed)[0] for seed, size_hw in enumerate([(6, 30), (12, 11), (9, 9)])]
    new = grids(1, (25, 40), 9)[0]  # with rings that none of them reaches
    found = left_out(some).usual.told(new)
    np.testing.assert_allclose(found, places.told(new, some), rtol=1e-4, atol=1e-4)


def test_a_border_no_longer_shouts_and_a_defect_still_does():
    usual, new = left_out(grids(60)).usual, grids(60, seed=1)
    at_border = [rings_of(one.shape).ravel()[one.argmax()] == 0 for one in new]
    no_longer = [rings_of(one.shape).ravel()[usual.told(one).argmax()] == 0 for one in new]
    assert np.mean(at_border) > 0.9
    assert np.mean(no_longer) < 0.6
    defect = new[0].copy()
    defect[6, 15] += 1.5  # less than the border has
    assert np.unravel_index(usual.told(defect).argmax(), defect.shape) == (6, 15)
    assert np.unravel_index(defect.argmax(), defect.shape) != (6, 15)


@pytest.mark.parametrize("value", [0.0, 0.7, 1e6])
def test_scores_that_do_not_vary_stay_finite(value):
    still = [np.full((5, 5), value, np.float32)] * 3
    usual = left_out(still).usual
    assert (usual.told(still[0]) == 0).all()
    assert np.isfinite(usual.told(still[0] + 1e6)).all()


@pytest.mark.parametrize("size_hw", [(12, 21), (1, 30), (7, 2), (40, 25)])
@pytest.mark.parametrize("padding", [(0, 0), (3, 4)])
def test_the_graph_tells_the_same_whatever_is_padded(size_hw, padding):
    usual = left_out(grids(9)).usual
    new = np.random.default_rng(0).random(size_hw).astype(np.float32)
    padded = np.pad(new, [(0, more) for more in padding])
    g = GraphBuilder()
    told_by_place(g, "grid", usual, g.constant(size_hw))
    model = g.build([tensor("grid", FLOAT, *"Nhw")], [tensor("deviations", FLOAT, *"Nhw")])
    (found,) = Session(model.SerializeToString()).run(["deviations"], grid=padded[None])
    np.testing.assert_array_equal(found[0, : size_hw[0], : size_hw[1]], usual.told(new))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("count", [20, 50, 100])
def test_no_more_good_images_are_rejected_than_promised(count):
    promised, rounds, new = 0.1, 100, 20
    rejected = 0
    for seed in range(rounds):
        some = grids(count + new, (6, 8), seed)
        trained = left_out(some[:count])
        scores = np.sort([trained.told(image).max() for image in range(count)])
        threshold = scores[int(np.ceil((1 - promised) * (count + 1))) - 1]
        usual = trained.usual
        rejected += sum(usual.told(one).max() > threshold for one in some[count:])
    deviation = (promised * (1 - promised) / rounds * (1 / new + 1 / count)) ** 0.5
    assert promised / 2 < rejected / (rounds * new) < promised + 3 * deviation


# --- of detectors --------------------------------------------------------------------------------


def weaves(count=12):
    return DrawnImages({f"{seed:02}": weave(seed) for seed in range(count)})


@pytest.mark.parametrize("resize", ["stretch", "shorter"])
def test_a_model_tells_new_images_by_all_that_were_left_out(backbone, resize):
    settings = tiny_settings(backbone, resize=resize, image_score="patches")
    fitted = PatchCore(**settings).fit(weaves(), progress=QUIET)
    names = ["patch_scores", "deviations", "score"]
    session = Session(with_outputs(fitted.graph.SerializeToString(), names))
    raw, told, score = session.run(names, image=blotted(50, 90)[None])
    np.testing.assert_allclose(told[0], fitted.usual.told(raw[0]), rtol=1e-5, atol=1e-5)
    assert score[0] == told.max()
    assert fitted.usual.images == fitted.details["usual"]["images"] == 12
    assert fitted.details["usual"]["rings"]["mean"] == pytest.approx(fitted.usual.mean)
    assert "12 images" in dict(fitted.told())["normalisation"]


def test_without_it_scores_are_distances(backbone):
    settings = tiny_settings(backbone, normalisation="none", image_score="patches")
    fitted = PatchCore(**settings).fit(weaves(), progress=QUIET)
    session = Session(with_outputs(fitted.graph.SerializeToString(), ["patch_scores", "score"]))
    raw, score = session.run(["patch_scores", "score"], image=blotted(50, 90)[None])
    assert score[0] == raw.max()
    assert fitted.usual is None
    assert fitted.details["usual"] is None
    assert "normalisation" not in dict(fitted.told())


def test_images_that_none_can_be_left_out_of_are_told_by_nothing(backbone):
    images = weaves(3)
    images.split_keys = ["a"] * 3
    settings = tiny_settings(backbone)
    fitted = PatchCore(**settings).fit(images, progress=QUIET)
    assert fitted.usual is None
    assert Session(fitted.graph.SerializeToString()).run(["score"], image=weave(1)[None])[0] > 0


def test_every_detector_has_it():
    for settings, by_default in (
        (EfficientAdSettings, True),
        (PadimSettings, True),
        (PatchCoreSettings, True),
    ):
        assert settings().by_place is by_default
        assert settings(normalisation="position").by_place is True
        assert settings(normalisation="none").by_place is False
