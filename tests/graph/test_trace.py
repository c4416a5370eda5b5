"""What the graph holds on its way is what its score is made of."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.errors import UsageError


@pytest.fixture(scope="module")
def spot(category):
    return sorted((category / "test" / "spot").iterdir())[0]


def test_patches_and_their_scores_are_those_behind_the_image_score(model, spot):
    found = model.trace(spot, "patches", "patch_scores", "nearest")
    assert found["patch_scores"].max() == model.predict(spot).score
    assert found["nearest"].shape == found["patch_scores"].shape == found["patches"].shape[:2]
    bank = model.facts["detector"]["details"]["bank_vectors"]
    assert 0 <= found["nearest"].min() <= found["nearest"].max() < bank


def test_a_patch_that_the_bank_holds_has_no_distance_to_it(model, category):
    images = sorted((category / "train" / "good").iterdir())
    found = [model.trace(image, "patch_scores", "nearest") for image in images]
    scores = np.concatenate([one["patch_scores"].ravel() for one in found])
    rows = np.concatenate([one["nearest"].ravel() for one in found])
    kept = set(rows[scores < 1e-5].tolist())
    assert kept == set(range(model.facts["detector"]["details"]["bank_vectors"]))


def test_a_name_that_the_graph_does_not_know_is_told(model, spot):
    with pytest.raises(UsageError, match="no tensor 'patch'"):
        model.trace(spot, "patch")


def test_tracing_changes_nothing(model, spot):
    before = model.predict(spot).score, model.sha256
    model.trace(spot, "patch_scores")
    assert (model.predict(spot).score, model.sha256) == before
