"""From feature maps to one vector a patch: locally aware features.

Two ways: each patch's neighbourhood is averaged and all channels are laid end to end; or as in the
authors' code of PatchCore two adaptive average pools, rewritten as one convolution a level, give a
vector of a chosen width.

Convention: the grid of patches is that of the finest level, h x w; coarser levels are enlarged
bilinearly (pixel centres at half).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import numpy as np
from numpy.typing import NDArray

from blemish.graph.builder import GraphBuilder


def embed(
    g: GraphBuilder,
    maps: Sequence[str],
    *,
    channels: Sequence[int],
    strides: Sequence[int],
    side: int = 1,
    width: int | None = None,
    name: str | None = None,
) -> str:
    """Nodes from feature maps to one vector a patch, N x h x w x D.

    Args:
        g: where to add them.
        maps: names of the feature maps.
        channels: of each.
        strides: of each.
        side: of a patch's neighbourhood.
        width: of the pooled vector; `None` for all channels end to end.
        name: of the result.
    """
    # Channels come last before levels are enlarged and joined, which is three times as fast.
    if width is None:
        local = [mean_of_neighbours(g, level, side) for level in maps]
    else:
        kernels = pooled_kernels(channels, side, width)
        local = [_convolve(g, m, kernel) for m, kernel in zip(maps, kernels, strict=True)]
    patches = [g.op("Transpose", level, perm=[0, 2, 3, 1]) for level in local]
    finest = min(range(len(maps)), key=lambda level: strides[level])
    grid_hw = g.op("Slice", g.op("Shape", patches[finest]), g.ints(1), g.ints(3), g.ints(0))
    aligned = [
        level if i == finest else enlarge_cells(g, level, grid_hw)
        for i, level in enumerate(patches)
    ]
    return g.op("Concat", *aligned, axis=3, name=name)


def mean_of_neighbours(g: GraphBuilder, features: str, side: int) -> str:
    """Nodes that average N x C x h x w features over `side` x `side` cells; 0 beyond borders."""
    if side == 1:
        return features
    return g.op(
        "AveragePool",
        features,
        kernel_shape=[side, side],
        strides=[1, 1],
        pads=[side // 2] * 4,
        count_include_pad=1,
    )


def enlarge_cells(g: GraphBuilder, features: str, grid_hw: str) -> str:
    """Nodes from N x h x w x C to as many cells as a finer grid has, bilinearly."""
    return g.op(
        "Resize",
        features,
        "",
        "",
        grid_hw,
        mode="linear",
        axes=[1, 2],
        coordinate_transformation_mode="half_pixel",
    )


def enlarge_grid(g: GraphBuilder, grid: str, finer: str) -> str:
    """Nodes from N x h x w values to as many cells as those of `finer` (N x h x w) has."""
    finer_hw = g.op("Slice", g.op("Shape", finer), g.ints(1), g.ints(3), g.ints(0))
    enlarged = enlarge_cells(g, g.op("Unsqueeze", grid, g.ints(3)), finer_hw)
    return g.op("Squeeze", enlarged, g.ints(3))


def pooled_kernels(channels: Sequence[int], side: int, width: int) -> list[NDArray[np.float32]]:
    """The two adaptive average pools of the authors' code as one convolution kernel a level.

    There, each level's C x side x side neighbourhood is flattened channel by channel and pooled to
    `width` values, then the levels are laid end to end and pooled to `width` again.

    Returns:
        For each level a kernel of `width / levels` x C x side x side.
    """
    share = width // len(channels)
    second = _adaptive_pool(len(channels) * width, width)
    kernels = []
    for level, depth in enumerate(channels):
        first = _adaptive_pool(depth * side * side, width)
        rows = slice(level * share, (level + 1) * share)
        columns = slice(level * width, (level + 1) * width)
        kernel = second[rows, columns] @ first
        kernels.append(kernel.reshape(share, depth, side, side).astype(np.float32))
    return kernels


def _adaptive_pool(inputs: int, outputs: int) -> NDArray[np.float64]:
    """Adaptive average pooling as a matrix: bin i covers floor(i L / n) to ceil((i + 1) L / n)."""
    matrix = np.zeros((outputs, inputs))
    for row in range(outputs):
        first, last = row * inputs // outputs, -(-(row + 1) * inputs // outputs)
        matrix[row, first:last] = 1 / (last - first)
    return matrix


def _convolve(g: GraphBuilder, features: str, kernel: NDArray[np.float32]) -> str:
    """A convolution that uses as many groups as the kernel's zeros allow."""
    outputs, inputs, side, _ = kernel.shape
    used = np.abs(kernel).max(axis=(2, 3)) > 0
    common = gcd(outputs, inputs)
    groups = next(n for n in range(common, 0, -1) if common % n == 0 and _block_diagonal(used, n))
    per_group = inputs // groups
    blocks = kernel.reshape(groups, outputs // groups, groups, per_group, side, side)
    compact = blocks[np.arange(groups), :, np.arange(groups)].reshape(
        outputs, per_group, side, side
    )
    return g.op("Conv", features, g.constant(compact), group=groups, pads=[side // 2] * 4)


def _block_diagonal(used: NDArray[np.bool_], groups: int) -> bool:
    rows, columns = (np.arange(size) * groups // size for size in used.shape)
    return not used[rows[:, None] != columns[None, :]].any()
