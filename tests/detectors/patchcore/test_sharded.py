"""A bank that is picked from shards: whoever works on them, what is left out, what it covers."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import blemish
from blemish.data.loading import GoodImages
from blemish.data.split import parts_of
from blemish.detectors.conformance.images import DrawnImages, weave
from blemish.detectors.patchcore.detector import PatchCore
from blemish.errors import CalibrationError, SettingError, UsageError
from blemish.graph.session import Session
from blemish.progress import LoggedProgress
from heard import Heard
from tiny import DISTANCES, tiny_settings

QUIET = LoggedProgress()


def weaves(count=12):
    return DrawnImages({f"{seed:02}": weave(seed) for seed in range(count)})


class Elsewhere:
    """Workers that see nothing but what is sent to them, and work at the same time."""

    def map(self, work, pieces, *, memory_bytes=0):
        def there(sent):
            return pickle.dumps(work(pickle.loads(sent)))

        with ThreadPoolExecutor(3) as pool:
            yield from map(pickle.loads, pool.map(there, [pickle.dumps(p) for p in pieces]))


def fit(backbone, images=None, progress=QUIET, workers=None, **settings):
    detector = PatchCore(**tiny_settings(backbone, **{"shards": 4, **settings}))
    if workers is not None:
        detector = detector.shared_among(workers)
    return detector.fit(images or weaves(), progress=progress)


def patches_of(fitted, images):
    graph = fitted.writer.features().SerializeToString()
    session = Session(graph)
    return {name: session.run(["patches"], image=image[None])[0][0] for name, image in images}


def distances(points, others):
    return np.linalg.norm(points[:, None].astype(float) - others[None], axis=2).min(axis=1)


@pytest.mark.parametrize("settings", [{}, {"projection": 4, "k": 2}, {"precision": "int8"}])
def test_whoever_works_the_model_and_its_scores_are_the_same(backbone, settings):
    here, there = fit(backbone, **settings), fit(backbone, workers=Elsewhere(), **settings)
    assert here.graph.SerializeToString() == there.graph.SerializeToString()
    scores = [list(f.held_out_scores(progress=QUIET)) for f in (here, there)]
    assert [(s.name, s.score, s.peak) for s in scores[0]] == [
        (s.name, s.score, s.peak) for s in scores[1]
    ]
    assert here.details == there.details


def test_the_bank_has_the_size_asked_for_and_tells_how_well_it_covers_all_patches(backbone):
    images = weaves()
    fitted = fit(backbone, images, coreset_ratio=None, coreset_count=40, projection=0)
    assert len(fitted.bank) == 40
    patches = np.concatenate(
        [grid.reshape(-1, grid.shape[2]) for grid in patches_of(fitted, images).values()]
    )
    assert fitted.details["coreset_radius"] == pytest.approx(
        distances(patches, fitted.bank).max(), rel=1e-4
    )
    assert sum(shard["patches"] for shard in fitted.details["shards"]) == len(patches)


def test_a_projected_bank_is_measured_in_the_space_that_picking_compares(backbone):
    fitted = fit(backbone, coreset_ratio=None, coreset_count=40, projection=4)
    whole = fit(backbone, shards=0, coreset_ratio=None, coreset_count=40, projection=4)
    assert 0.9 < fitted.details["coreset_radius"] / whole.details["coreset_radius"] < 2


def test_each_image_meets_a_bank_that_has_nothing_of_it(backbone):
    images = weaves()
    fitted = fit(backbone, images, projection=0, calibration_folds=3, **DISTANCES)
    grids = patches_of(fitted, images)
    left_out = dict(zip(images.names, fitted.left_out_grids(QUIET), strict=True))
    named = [images.names[i] for without in fitted.banks_without for i in without.images]
    assert sorted(named) == images.names
    for without in fitted.banks_without:
        vectors = without.vectors()
        assert len(vectors) == len(fitted.bank)
        for image in without.images:
            name = images.names[image]
            own = grids[name].reshape(-1, vectors.shape[1])
            assert distances(vectors, own).min() > 0
            expected = np.maximum(
                distances(own, vectors) + without.shift, distances(own, fitted.bank)
            )
            np.testing.assert_allclose(left_out[name].ravel(), expected, rtol=1e-3, atol=1e-4)


def test_copies_are_left_out_together(backbone):
    drawn = {f"{seed:02}": weave(seed) for seed in range(6)}
    images = DrawnImages(drawn | {f"{seed + 6:02}": weave(seed) for seed in range(6)})
    images.split_keys = [f"{int(name) % 6}" for name in images.names]
    fitted = fit(backbone, images, shards=3, calibration_folds=3, **DISTANCES)
    for without in fitted.banks_without:
        keys = {images.split_keys[image] for image in without.images}
        assert {i for i, key in enumerate(images.split_keys) if key in keys} == set(without.images)


def test_images_that_all_belong_together_give_a_model_and_no_scores(backbone):
    images = weaves(3)
    images.split_keys = ["one"] * 3
    heard = Heard()
    fitted = fit(backbone, images, progress=heard)
    assert len(fitted.bank) > 0
    with pytest.raises(CalibrationError, match="at least 2"):
        list(fitted.held_out_scores(progress=QUIET))
    assert any("normalisation" in said for said in heard.said)


def test_maps_are_sharpened_by_banks_of_shards_too(backbone):
    settings = {"levels": ["coarse"], "map_levels": ["fine"]}
    here, there = (fit(backbone, workers=w, **settings) for w in (None, Elsewhere()))
    assert here.graph.SerializeToString() == there.graph.SerializeToString()
    assert "finer_map" in here.details


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shards": 1}, "'shards' must be 0 or at least 2"),
        ({"shards": 2, "calibration_folds": 0}, "'calibration_folds' must not be 0 with them"),
    ],
)
def test_settings_that_go_ill_together_are_told(backbone, settings, message):
    with pytest.raises(SettingError, match=message):
        PatchCore(**tiny_settings(backbone, **settings))


def test_the_plan_says_what_a_worker_takes_and_what_the_driver(backbone):
    images = weaves()
    images.sizes_hw = [(512, 512)] * 200_000
    plans = [
        PatchCore(
            **tiny_settings(
                backbone,
                coreset_ratio=None,
                coreset_count=2000,
                shards=shards,
                memory_megabytes=10**6,
            )
        ).plan(images)
        for shards in (10, 100)
    ]
    assert plans[1].worker_bytes < 0.5 * plans[0].worker_bytes
    assert plans[1].driver_bytes > plans[0].driver_bytes
    told = dict(plans[0].told())
    assert {"memory of a worker", "memory at the driver"} <= told.keys()
    many = {"coreset_ratio": None, "coreset_count": 20_000, "shards": 1000}
    with pytest.raises(SettingError, match=r"to put 1000 shards together"):
        PatchCore(**tiny_settings(backbone, **many)).plan(images)


@pytest.fixture
def dataset(category):
    return blemish.open_dataset(category)


def test_a_model_that_workers_fitted_is_the_same_file(backbone, dataset, tmp_path):
    files = []
    for workers in (None, Elsewhere()):
        detector = PatchCore(**tiny_settings(backbone, shards=3))
        model = blemish.fit(dataset, detector, workers=workers)
        files.append(model.sha256)
    assert files[0] == files[1]


def test_what_workers_saw_need_not_be_read_here(dataset, monkeypatch):
    images = GoodImages(dataset.train)
    images.read_by(Elsewhere(), progress=QUIET)
    monkeypatch.setattr("blemish.data.sample.read_content", None)
    assert len(images.contents()) == len(images.names) == len(set(images.split_keys))


def test_detectors_without_parts_are_refused_workers(dataset, backbone):
    with pytest.raises(UsageError, match="Fits of padim have no parts"):
        blemish.fit(dataset, blemish.Padim(backbone=str(backbone)), workers=Elsewhere())
    with pytest.raises(SettingError, match="give shards=8, say"):
        blemish.fit(dataset, PatchCore(**tiny_settings(backbone)), workers=Elsewhere())


def test_what_cannot_work_is_refused(dataset, backbone):
    with pytest.raises(UsageError, match="'workers' must have a method map"):
        blemish.fit(dataset, PatchCore(**tiny_settings(backbone, shards=2)), workers=3)


def test_shards_are_alike_in_size():
    parts = parts_of([str(n) for n in range(100)], 8, seed=0)
    assert {len(part) for part in parts} == {12, 13}
