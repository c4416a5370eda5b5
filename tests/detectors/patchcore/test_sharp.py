"""A map that a second bank sharpens: the score stays, the map is the mean of both banks' scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import zoom

from blemish.detectors.conformance.images import DrawnImages, blotted, weave
from blemish.detectors.joined_plan import JoinedPlan
from blemish.detectors.patchcore.detector import PatchCore
from blemish.detectors.patchcore.graph import FINER
from blemish.errors import CalibrationError, SettingError
from blemish.graph.session import Session
from blemish.graph.trace import with_outputs
from blemish.progress import LoggedProgress
from tiny import tiny_settings

QUIET = LoggedProgress()


def detector(backbone, **settings):
    given = {"levels": ["coarse"], "map_levels": ["fine"]} | settings
    return PatchCore(**tiny_settings(backbone, **given))


def weaves(count=10):
    return DrawnImages({f"{seed:02}": weave(seed) for seed in range(count)})


def fitted_both(backbone, **settings):
    """Fitted with a second bank and without."""
    return tuple(
        detector(backbone, map_levels=levels, **settings).fit(weaves(), progress=QUIET)
        for levels in (["fine"], None)
    )


@pytest.fixture(scope="module")
def both(backbone):
    return fitted_both(backbone)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_the_score_is_that_of_the_first_bank_to_the_bit(backbone, precision):
    both = fitted_both(backbone, precision=precision)
    images = np.stack([weave(50), blotted(51, 120)])
    scores = [Session(f.graph.SerializeToString()).run(["score"], image=images)[0] for f in both]
    np.testing.assert_array_equal(*scores)
    held_out = [
        {one.name: one.score for one in fitted.held_out_scores(progress=QUIET)} for fitted in both
    ]
    assert held_out[0] == held_out[1]


def test_the_map_is_the_geometric_mean_of_both_banks_in_units_of_what_is_usual(backbone):
    fitted = detector(backbone, smoothing=0.0).fit(weaves(), progress=QUIET)
    names = ["patch_scores", "finer/patch_scores", "score_map"]
    traced = with_outputs(fitted.graph.SerializeToString(), names)
    image = np.ascontiguousarray(blotted(51, 120)[:64, :64])
    scores, finer, found = Session(traced).run(names, image=image[None])
    side = finer.shape[1]
    assert side == 2 * scores.shape[1] == 16
    enlarged = zoom(scores[0], 2, order=1, mode="nearest", grid_mode=True)
    mean = enlarged ** (1 - FINER) * finer[0] ** FINER / fitted.details["finer_map"]["unit"]
    wanted = zoom(mean, 64 // side, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-4, atol=1e-5)
    good = Session(fitted.graph.SerializeToString()).run(["score_map"], image=weave(60)[None])[0]
    assert 0.5 < np.median(good) < 2  # 1 is usual


def test_peaks_are_those_of_maps_as_they_were_when_images_were_left_out(both):
    sharp, _ = both
    for one in sharp.held_out_scores(progress=QUIET):
        held_out = sharp.held_out_map(one.name)
        assert held_out.shape == weave(0).shape[:2]
        assert one.peak == pytest.approx(float(held_out.max()))
    with pytest.raises(KeyError):
        sharp.held_out_map("never")


def test_the_network_is_there_once_and_both_banks_are_of_one_size(both, backbone):
    sharp, _ = both
    kinds = [[node.op_type for node in fitted.graph.graph.node].count("Conv") for fitted in both]
    assert kinds[0] == kinds[1] + 2  # two maps are smoothed, each along rows and columns
    assert sharp.details["bank_vectors"] == sharp.details["finer_map"]["bank_vectors"]
    plan = detector(backbone).plan(weaves())
    assert isinstance(plan, JoinedPlan)
    assert plan.members["finer map"].bank_vectors == plan.members["bank"].bank_vectors


def test_levels_that_are_not_finer_are_refused_before_anything_is_read(backbone):
    for settings in ({"levels": ["fine"], "map_levels": ["coarse"]}, {"levels": ["fine"]}):
        with pytest.raises(SettingError, match="must hold a level finer than stride 4"):
            detector(backbone, **settings).plan(weaves())
    with pytest.raises(SettingError, match="'resize' must be stretch"):
        detector(backbone, resize="longer")


def test_one_image_makes_a_map_but_no_promise(backbone):
    fitted = detector(backbone).fit(weaves(1), progress=QUIET)
    (found,) = Session(fitted.graph.SerializeToString()).run(["score_map"], image=weave(9)[None])
    assert np.isfinite(found).all()
    with pytest.raises(CalibrationError, match="at least 2"):
        list(fitted.held_out_scores(progress=QUIET))
    with pytest.raises(KeyError):
        fitted.held_out_map("00")
