"""Gaussians and distances of left-out images, against a fit of the others by definition."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.detectors.padim.gaussians import fit_global, fit_positions
from oracles.gaussian import mahalanobis

RIDGE = 0.01


def features(images=7, positions=5, dimensions=4, seed=0):
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((dimensions, dimensions))
    return rng.standard_normal((images, positions, dimensions)) @ mixed + 3


def by_the_whitening(gaussians, vectors, position):
    apart = (vectors - gaussians.mean[position]) @ gaussians.whitening[position]
    return np.linalg.norm(apart, axis=-1)


def test_each_position_has_the_gaussian_of_its_own_vectors():
    x, new = features(), features(seed=1)
    gaussians, _ = fit_positions(x, RIDGE, [[i] for i in range(7)])
    for p in range(x.shape[1]):
        expected = mahalanobis(new[:, p], x[:, p], RIDGE)
        np.testing.assert_allclose(by_the_whitening(gaussians, new[:, p], p), expected, rtol=1e-4)


@pytest.mark.parametrize(("images", "dimensions"), [(7, 4), (3, 4), (2, 4), (5, 20)])
@pytest.mark.parametrize("together", [False, True])
def test_an_image_is_left_out_of_its_positions_exactly(images, dimensions, together):
    x = features(images, dimensions=dimensions)
    groups = (
        [[0, 1], *([i] for i in range(2, images))] if together else [[i] for i in range(images)]
    )
    _, distances = fit_positions(x, RIDGE, groups)
    if len(groups) == 1:
        assert np.isnan(distances).all()
        return
    for group in groups:
        rest = [i for i in range(images) if i not in group]
        for p in range(x.shape[1]):
            expected = mahalanobis(x[group, p], x[rest, p], RIDGE)
            np.testing.assert_allclose(distances[group, p], expected, rtol=1e-6)


@pytest.mark.parametrize("groups", [[[0], [1], [2]], [[0, 2], [1]]])
def test_an_image_is_left_out_of_the_global_gaussian_exactly(groups):
    rng = np.random.default_rng(2)
    images = [rng.standard_normal((count, 3)) + 1 for count in (6, 9, 4)]
    gaussian, distances = fit_global(images.__getitem__, RIDGE, groups)
    whole = np.concatenate(images)
    found = by_the_whitening(gaussian, images[1], 0)
    np.testing.assert_allclose(found, mahalanobis(images[1], whole, RIDGE), rtol=1e-4)
    for group in groups:
        rest = np.concatenate([images[i] for i in range(3) if i not in group])
        for i in group:
            np.testing.assert_allclose(distances[i], mahalanobis(images[i], rest, RIDGE), rtol=1e-9)


def test_the_only_image_is_as_far_as_nothing_else_tells():
    x = features(images=1)
    gaussians, distances = fit_positions(x, RIDGE, [[0]])
    np.testing.assert_allclose(gaussians.mean, x[0], rtol=1e-6)
    np.testing.assert_allclose(gaussians.whitening, np.stack([np.eye(4) * 10] * 5), rtol=1e-6)
    assert np.isnan(distances).all()
    _, (lost,) = fit_global([x[0]].__getitem__, RIDGE, [[0]])
    assert np.isnan(lost).all()
