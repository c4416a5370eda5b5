"""The one matrix an axis against the step by step definition: enlarge, smooth, resize back."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.graph.maps import enlarge
from blemish.graph.preprocessing import geometry
from blemish.graph.working_size import WorkingSize
from graphs import run_nodes
from oracles.maps import slow_map


def run(grid, image_hw, size, sigma):
    def add(g):
        return [enlarge(g, "grid", geometry(g, "image_hw", size), sigma_px=sigma)]

    return run_nodes(add, grid=grid, image_hw=np.array(image_hw, np.int64))[0]


@pytest.mark.parametrize("sigma", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("image_hw", [(64, 64), (226, 282), (40, 30)])
def test_equals_enlarging_smoothing_and_resizing_one_after_the_other(sigma, image_hw):
    grid = np.random.default_rng(0).random((2, 8, 9)).astype(np.float32) * 100
    size = WorkingSize((64, 72))
    found = run(grid, image_hw, size, sigma)
    expected = [slow_map(g, (64, 72), (64, 72), image_hw, sigma) for g in grid]
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("image_hw", [(50, 90), (90, 50), (33, 200)])
@pytest.mark.parametrize("fit", ["shorter", "longer"])
def test_padding_never_leaks_into_the_map(image_hw, fit):
    size = WorkingSize((48, 48), fit, 16)
    content, padded = size.working_hw(image_hw)
    grid_hw = padded[0] // 8, padded[1] // 8
    grid = np.random.default_rng(1).random((1, *grid_hw)).astype(np.float32)
    rows, columns = size.cells_inside(image_hw, grid_hw)
    dirty = grid.copy()
    dirty[:, rows:] = 1e6
    dirty[:, :, columns:] = 1e6
    clean = run(grid, image_hw, size, 2.0)
    np.testing.assert_array_equal(run(dirty, image_hw, size, 2.0), clean)
    inside = grid[0, :rows, :columns]
    expected = slow_map(inside, content, padded, image_hw, 2.0, grid_hw=grid_hw)
    np.testing.assert_allclose(clean[0], expected, atol=1e-4)


def test_a_constant_grid_gives_a_constant_map():
    found = run(np.full((1, 4, 4), 7.5, np.float32), (101, 67), WorkingSize((32, 32)), 4.0)
    np.testing.assert_allclose(found, 7.5, rtol=1e-5)


def test_agrees_with_the_authors_segmentation(shared):
    for case in ("wrn_ratio_128", "embed_64"):
        z = np.load(shared / "oracles" / "patchcore" / f"{case}.npz")
        found = run(z["patch_scores_k1"], (224, 224), WorkingSize((224, 224)), 4.0)
        np.testing.assert_allclose(found, z["segmentation_k1"], atol=1e-4)
