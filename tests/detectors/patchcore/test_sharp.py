"""A map that a second bank sharpens: the score stays, the map is the mean of both banks' scores."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.ndimage import zoom

from blemish.detectors.conformance.images import DrawnImages, blotted, weave
from blemish.detectors.joined_plan import JoinedPlan
from blemish.detectors.patchcore.graph import FINER
from blemish.detectors.position import LeftOut, rings_of
from blemish.errors import CalibrationError, SettingError
from blemish.graph.session import Session
from blemish.graph.trace import with_outputs
from blemish.progress import LoggedProgress
from heard import Heard
from two_banks import detector, weaves

QUIET = LoggedProgress()


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


def test_the_map_is_the_geometric_mean_of_both_banks_in_multiples_of_what_is_usual(backbone):
    fitted = detector(backbone, smoothing=0.0).fit(weaves(), progress=QUIET)
    names = ["patch_scores", "finer/patch_scores", "score_map"]
    traced = with_outputs(fitted.graph.SerializeToString(), names)
    image = np.ascontiguousarray(blotted(51, 120)[:64, :64])
    scores, finer, found = Session(traced).run(names, image=image[None])
    assert finer.shape[1] == 2 * scores.shape[1] == 16
    of_map = fitted.details["finer_map"]
    units = of_map["usual_of_first"]["rings"]["unit"], of_map["usual"]["rings"]["unit"]
    first, second = (
        one[0] / np.array(unit)[rings_of(one.shape[1:])]
        for one, unit in zip((scores, finer), units, strict=True)
    )
    mean = zoom(first, 2, order=1, mode="nearest", grid_mode=True) ** (1 - FINER) * second**FINER
    wanted = zoom(mean, 4, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-4, atol=1e-5)


def test_a_map_is_the_same_whatever_rounding_leaves_of_a_distance_to_a_vector_of_its_own(both):
    """An image that was learned has cells whose distance is 0, or what a runtime makes of it."""
    sharp, _ = both
    end = Session(sharp._judging.writer.sharp_map().SerializeToString())
    multiples, finer = np.ones((1, 8, 8), np.float32), np.ones((1, 16, 16), np.float32)
    maps = []
    for by_differences, by_products in ((0, 0), (5e-6, 2e-3)):
        multiples[0, 2:4, 2:4] = by_differences
        finer[0, 6, 9] = by_products
        given = {"multiples": multiples, "finer/multiples": finer}
        maps.append(end.run(["score_map"], **given, image_hw=np.array([64, 64]))[0])
    np.testing.assert_allclose(*maps, rtol=0, atol=1e-4)


def test_good_images_have_a_map_of_about_one_and_calm_borders_do_not_shout():
    grids = [np.full((20, 20), 2.0, np.float32) for _ in range(3)]
    for grid in grids:
        grid[1:-1, 1:-1] = 1.0  # the border scores twice as much
    left_out = LeftOut(grids, ["a", "b", "c"], floor=None)
    told = left_out.told(0)
    overall = grids[0].mean()
    np.testing.assert_allclose(told[0], 1)  # less than the border's own usual
    np.testing.assert_allclose(told[5, 5], 1 / overall)  # and inside by what is usual anywhere


def test_peaks_are_those_of_maps_as_they_were_when_images_were_left_out(both):
    sharp, _ = both
    for one in sharp.held_out_scores(progress=QUIET):
        held_out = sharp.held_out_map(one.name)
        assert held_out.shape == weave(0).shape[:2]
        assert one.peak == pytest.approx(float(held_out.max()))
    with pytest.raises(KeyError):
        sharp.held_out_map("never")


def test_what_was_left_out_is_given_back_and_the_model_stays(backbone):
    fitted = detector(backbone).fit(weaves(), progress=QUIET)
    fitted.close()
    with pytest.raises(KeyError):
        fitted.held_out_map("00")
    assert fitted.graph.ByteSize()


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


def test_one_image_alone_has_the_map_of_one_bank_and_the_user_hears_of_it(backbone):
    heard = Heard()
    fitted = detector(backbone).fit(weaves(1), progress=heard)
    (found,) = Session(fitted.graph.SerializeToString()).run(["score_map"], image=weave(9)[None])
    assert np.isfinite(found).all()
    assert any("to sharpen it ('map_levels') takes 2 images" in told for told in heard.said)
    with pytest.raises(CalibrationError, match="at least 2"):
        list(fitted.held_out_scores(progress=QUIET))


def test_both_banks_together_keep_to_the_memory_allowed(backbone):
    images = DrawnImages({f"{i:05}": weave(0) for i in range(2)})
    images.sizes_hw = [(64, 64)] * 200_000  # plans look at sizes alone
    plan = detector(backbone, memory_megabytes=3000).plan(images)
    assert plan.memory_bytes <= 3000 * 10**6
    assert {note.split(":")[0] for note in plan.notes()} == {"bank", "finer map"}
    with pytest.raises(SettingError) as refused:
        detector(backbone, memory_megabytes=100).plan(images)
    least = int(re.search(r"at least (\d+)", str(refused.value))[1])
    detector(backbone, memory_megabytes=least).plan(images)
