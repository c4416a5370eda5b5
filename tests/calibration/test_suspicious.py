"""Images that stand out: found among good ones, and how many by chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import gumbel_r

from blemish.calibration.suspicious import (
    GUMBEL_MAD,
    GUMBEL_MEDIAN,
    find_suspicious,
    typical,
)
from blemish.result import ScoredImage


def rows_of(scores):
    return [
        ScoredImage(f"{i:03}.png", f"{i:064}", float(s), float(s)) for i, s in enumerate(scores)
    ]


def blot(name):
    """A map that peaks in a square of 4 x 6 pixels."""
    score_map = np.zeros((30, 40), np.float32)
    score_map[10:14, 20:26] = float(int(name[:3]) + 10)
    return score_map


def test_constants_are_those_of_the_gumbel_distribution():
    assert pytest.approx(gumbel_r.median()) == GUMBEL_MEDIAN
    median = gumbel_r.median()
    inside = gumbel_r.cdf(median + GUMBEL_MAD) - gumbel_r.cdf(median - GUMBEL_MAD)
    assert inside == pytest.approx(0.5, abs=1e-5)


def test_of_good_images_one_stands_out_by_chance_whatever_their_number():
    rng = np.random.default_rng(0)
    for images in (50, 210, 762):
        counts = []
        for _ in range(300):
            scores = rng.gumbel(size=images) * 0.3 + 2
            most = typical(scores)
            counts.append(sum(most.expected(score) < 1 for score in scores))
        assert 0.8 < np.mean(counts) < 1.6  # the width is estimated, too


@pytest.mark.parametrize("share", [0.01, 0.03, 0.05])
def test_defects_among_the_good_stand_out_and_come_first(share):
    rng = np.random.default_rng(1)
    scores = rng.gumbel(size=210) * 0.3 + 2
    count = round(210 * share)
    scores[:count] = 6 + rng.random(count)
    found = find_suspicious(rows_of(scores), typical(scores), blot).images
    assert {f"{i:03}.png" for i in range(count)} <= {one.id for one in found}
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert found[0].expected < 1e-3
    assert found[0].robust_z > 7


def test_a_quarter_of_strangers_hardly_moves_what_is_typical():
    rng = np.random.default_rng(2)
    scores = rng.gumbel(size=400)
    clean, dirty = typical(scores), typical(np.concatenate([scores, 50 + rng.random(40)]))
    assert dirty.median == pytest.approx(clean.median, abs=0.2)
    assert dirty.scale == pytest.approx(clean.scale, rel=0.2)


def test_the_place_that_stands_out_is_told():
    scores = np.append(np.random.default_rng(0).gumbel(size=60), 40.0)
    told = find_suspicious(rows_of(scores), typical(scores), blot)
    first = told.images[0]
    assert first.id == "060.png"
    assert first.box_xyxy == (20, 10, 26, 14)
    assert told.scored == 61


def test_a_flat_map_still_has_a_place():
    scores = np.append(np.random.default_rng(0).gumbel(size=60), 40.0)
    rows = [image._replace(peak=1.0) for image in rows_of(scores)]
    found = find_suspicious(rows, typical(scores), lambda _: np.ones((5, 7), np.float32))
    assert found.images[0].box_xyxy == (0, 0, 7, 5)


def test_few_scores_or_all_the_same_tell_nothing():
    assert typical(range(19)) is None
    assert typical(np.ones(100)) is None


def test_advice_says_how_many_by_chance_and_what_to_do():
    scores = np.append(np.random.default_rng(0).gumbel(size=60), [40.0, 41.0])
    most = typical(scores)
    found = find_suspicious(rows_of(scores), most, blot)
    told = found.advice()
    for words in ("of 62 training images", "1 would by chance", "061.png", "drop_suspicious=True"):
        assert words in told
    assert replace(found, images=()).advice() is None
