"""PaDiM as a detector: what its graph gives, its settings, its plan, and what is around it."""

from __future__ import annotations

import numpy as np
import pytest

import blemish
from blemish.detectors.conformance.images import DrawnImages, blotted, training_images, weave
from blemish.detectors.padim.detector import Padim
from blemish.errors import SettingError
from blemish.graph.session import Session
from blemish.graph.trace import with_outputs
from blemish.progress import LoggedProgress
from oracles.gaussian import mahalanobis
from tiny import tiny_settings

QUIET = LoggedProgress()


@pytest.fixture
def make(backbone):
    """A small PaDiM with some settings."""

    def make_padim(**settings):
        given = tiny_settings(backbone)
        kept = {name: given[name] for name in ("backbone", "levels", "image_size")}
        return Padim(**{**kept, "dimensions": 10, "smoothing": 1.0, **settings})

    return make_padim


def traced(fitted, image, *names):
    data = with_outputs(fitted.graph.SerializeToString(), list(names))
    return Session(data).run(list(names), image=image[None])


@pytest.mark.parametrize("gaussian", ["position", "global"])
def test_patch_scores_are_the_distances_of_the_features(make, gaussian):
    images = training_images()
    fitted = make(gaussian=gaussian).fit(DrawnImages(images), progress=QUIET)
    ridge = fitted.details["ridge"]
    features = np.stack([traced(fitted, image, "patches")[0][0] for image in images.values()])
    new, scores = (v[0] for v in traced(fitted, blotted(50, 90), "patches", "patch_scores"))
    assert new.shape == (16, 16, 10)
    for row, column in ((0, 0), (8, 9), (15, 3)):
        here = features[:, row, column] if gaussian == "position" else features.reshape(-1, 10)
        (expected,) = mahalanobis(new[row, column][None].astype(float), here.astype(float), ridge)
        np.testing.assert_allclose(scores[row, column], expected, rtol=1e-3)


def test_the_score_is_the_largest_value_of_the_map(make):
    fitted = make().fit(DrawnImages(training_images()), progress=QUIET)
    score, score_map = traced(fitted, blotted(50, 90), "score", "score_map")
    assert score[0] == score_map.max()


def test_channels_are_drawn_by_the_seed_or_are_the_first(make):
    images = DrawnImages({f"{i}": weave(i) for i in range(4)})
    drawn, again, other, first = (
        make(**kind).fit(images, progress=QUIET).details["channels"]
        for kind in ({"seed": 1}, {"seed": 1}, {"seed": 2}, {"selection": "first"})
    )
    assert drawn == again != other
    assert drawn == sorted(set(drawn))
    assert first == list(range(10))
    assert len(make(dimensions=0).fit(images, progress=QUIET).details["channels"]) == 20


def test_images_of_any_aspect_are_taken_by_the_global_gaussian_alone(make):
    images = DrawnImages({"a": weave(0, (60, 90)), "b": weave(1, (90, 60)), "c": weave(2)})
    fitted = make(gaussian="global", resize="shorter").fit(images, progress=QUIET)
    maps = {
        one.name: fitted.held_out_map(one.name) for one in fitted.held_out_scores(progress=QUIET)
    }
    assert {name: m.shape for name, m in maps.items()} == {
        "a": (60, 90), "b": (90, 60), "c": (72, 72),
    }  # fmt: skip
    with pytest.raises(SettingError, match="'resize' must be stretch with gaussian 'position'"):
        make(resize="shorter")


def test_what_does_not_fit_the_memory_goes_to_disk_and_gives_the_same(make, monkeypatch):
    images = DrawnImages(training_images())
    there = make().fit(images, progress=QUIET)
    needed = make().plan(images).memory_bytes
    monkeypatch.setattr("blemish.detectors.padim.plan.MEGABYTE", 1)
    tight = make(memory_megabytes=needed - 1000)
    plan = tight.plan(images)
    assert plan.on_disk
    assert plan.disk_bytes == 4 * 10 * 12 * 256
    assert plan.memory_bytes <= needed - 1000
    assert "temporary file" in plan.notes()[0]
    assert tight.fit(images, progress=QUIET).graph == there.graph


def test_too_little_memory_is_told_with_what_is_enough(make, monkeypatch):
    images = DrawnImages(training_images())
    monkeypatch.setattr("blemish.detectors.padim.plan.MEGABYTE", 1)
    with pytest.raises(SettingError, match="'memory_megabytes' must be at least") as told:
        make(memory_megabytes=1000).plan(images)
    enough = int(str(told.value).split("at least ")[1].split()[0])
    assert make(memory_megabytes=enough).plan(images).memory_bytes <= enough


def test_gaussians_too_large_for_a_file_are_refused_before_the_fit(make, monkeypatch):
    monkeypatch.setattr("blemish.detectors.padim.plan.LARGEST_MODEL", 10_000)
    with pytest.raises(SettingError, match="256 Gaussians of 10 dimensions make a model file"):
        make().plan(DrawnImages(training_images()))


def test_gaussians_made_a_few_at_a_time_are_the_same(make, monkeypatch):
    images = DrawnImages(training_images())
    there = make().fit(images, progress=QUIET)
    monkeypatch.setattr("blemish.detectors.padim.plan.BLOCK_BYTES", 20_000)
    assert 1 < make().plan(images).block < 100
    again = make().fit(images, progress=QUIET)
    np.testing.assert_allclose(again.gaussians.whitening, there.gaussians.whitening, rtol=1e-5)


def test_constant_images_are_learned(make):
    grey = {f"{i}": np.full((60, 60, 3), 90, np.uint8) for i in range(3)}
    fitted = make().fit(DrawnImages(grey), progress=QUIET)
    good, bad = (traced(fitted, image, "score")[0][0] for image in (grey["0"], weave(0)))
    assert np.isfinite([good, bad]).all()
    assert bad > good


def test_settings_are_taken_by_name():
    with pytest.raises(SettingError, match="by name"):
        Padim(256)
    assert blemish.Padim is Padim


@pytest.mark.parametrize(
    ("gaussian", "image_auroc", "pixel_auroc"), [("position", 0.99, 0.96), ("global", 0.97, 0.955)]
)
@pytest.mark.slow
def test_real_images_are_told_apart(shared, gaussian, image_auroc, pixel_auroc):
    dataset = blemish.open_dataset(shared / "data" / "mvtec" / "bottle")
    model = blemish.fit(dataset, Padim(gaussian=gaussian, image_size=128))
    figures = blemish.evaluate(model, dataset).figures()
    assert figures.image["auroc"] > image_auroc
    assert figures.pixel["auroc"] > pixel_auroc
