"""What the graph holds on its way is what its score is made of."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.detectors.position import rings_of
from blemish.errors import UsageError
from blemish.graph.engine import Engine
from blemish.model.model import Model


@pytest.fixture(scope="module")
def spot(category):
    return sorted((category / "test" / "spot").iterdir())[0]


def test_patches_and_their_scores_are_those_behind_the_image_score(model, spot):
    found = model.trace(spot, "patches", "patch_scores", "nearest", "deviations", "score_map")
    usual = model.facts.detector.details["usual"]["rings"]
    rings = rings_of(found["patch_scores"].shape)
    mean, unit = (np.array(usual[name])[rings] for name in ("mean", "unit"))
    wanted = (found["patch_scores"] - mean) / unit
    np.testing.assert_allclose(found["deviations"], wanted, rtol=1e-4, atol=1e-4)
    assert found["score_map"].max() == model.predict(spot).score
    assert found["nearest"].shape == found["patch_scores"].shape == found["patches"].shape[:2]
    bank = model.facts.detector.details["bank_vectors"]
    assert 0 <= found["nearest"].min() <= found["nearest"].max() < bank


def test_a_patch_that_the_bank_holds_has_no_distance_to_it(model, category):
    images = sorted((category / "train" / "good").iterdir())
    found = [model.trace(image, "patch_scores", "nearest") for image in images]
    scores = np.concatenate([one["patch_scores"].ravel() for one in found])
    rows = np.concatenate([one["nearest"].ravel() for one in found])
    kept = set(rows[scores < 1e-5].tolist())
    assert kept == set(range(model.facts.detector.details["bank_vectors"]))


def test_a_name_that_the_graph_does_not_know_is_told(model, spot):
    with pytest.raises(UsageError, match="no tensor 'patch'"):
        model.trace(spot, "patch")


def test_tracing_changes_nothing(model, spot):
    before = model.predict(spot).score, model.sha256
    model.trace(spot, "patch_scores")
    assert (model.predict(spot).score, model.sha256) == before


def test_no_name_is_refused_with_one(model, spot):
    with pytest.raises(UsageError, match="at least one tensor"):
        model.trace(spot)


def test_it_is_run_by_the_models_engine(model, spot, monkeypatch):
    used = Model(model._data, engine=Engine(threads=1))
    engines = []
    load = Engine.load
    monkeypatch.setattr(Engine, "load", lambda s, *a, **k: engines.append(s) or load(s, *a, **k))
    used.trace(spot, "patch_scores")
    assert engines == [Engine(threads=1)]
