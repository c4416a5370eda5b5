"""A network's weights on few levels, each rounding made good by the weights that come after it.

A weight that is rounded changes what its convolution gives; weights of inputs that go along with
its own can take most of that back before they are rounded in turn, and the bias, which is not
rounded, takes back what is left of the mean. How inputs go along with each other is measured on
images. After Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative
Pre-trained Transformers", ICLR 2023.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import onnx
from numpy.typing import NDArray

from blemish.backbones.feature_maps import feature_maps
from blemish.quantisation.layers import Convolution, read_layers, write_layers

LEVELS = 64  # either side of 0: what 7 bits hold
PATCHES = 128  # of each image, on which inputs are seen together
TOGETHER = 288  # inputs, at most, that make good for each other: 32 channels of 3 x 3
DAMPING = 0.01  # of the inputs' mean square: what a few thousand patches cannot tell apart
SEED = 0


def round_weights(
    model: onnx.ModelProto,
    entry: str,
    images: Iterable[NDArray[np.float32]],
    *,
    in_floats: Collection[str] = (),
) -> onnx.ModelProto:
    """The network with the weights of its convolutions on 7 bits.

    Args:
        model: opset 18 or later; its weights are initializers.
        entry: its input.
        images: V x 3 x H x W each, of which the first variant counts.
        in_floats: convolutions that are left as they are, by what they give.
    """
    rounded = onnx.ModelProto()
    rounded.CopyFrom(model)
    layers = read_layers(rounded.graph)
    roundings = [
        _Rounding(layer)
        for name, layer in layers.items()
        if isinstance(layer, Convolution) and name not in in_floats
    ]
    if not roundings:
        return rounded
    rng = np.random.default_rng(SEED)
    names = {rounding.entry for rounding in roundings}
    for found in feature_maps(model, entry, (image[0] for image in images), names):
        for rounding in roundings:
            rounding.see(found[rounding.entry], rng)
    for rounding in roundings:
        rounding.finish()
    write_layers(rounded.graph, layers)
    return rounded


class _Rounding:
    """Of one convolution. Its inputs, a kernel's pixels each, are taken in parts of some."""

    def __init__(self, convolution: Convolution) -> None:
        self._convolution = convolution
        groups, _, inputs, kernel = convolution.weights.shape
        self._split = next(
            parts
            for parts in range(1, inputs + 1)
            if parts == inputs or (inputs % parts == 0 and inputs // parts * kernel <= TOGETHER)
        )
        self._size = inputs // self._split * kernel
        shape = groups * self._split, self._size + 1, self._size + 1
        self._products = np.zeros(shape, np.float32)  # of inputs with each other and a 1, summed up

    @property
    def entry(self) -> str:
        """The feature map that it wants to see."""
        return self._convolution.entry

    def see(self, features: NDArray[np.float32], rng: np.random.Generator) -> None:
        """Take some patches of a feature map, C x H x W."""
        (height, width), (down, across) = self._convolution.kernel, self._convolution.dilations
        below, aside = (height - 1) * down, (width - 1) * across
        borders = (below // 2, below - below // 2), (aside // 2, aside - aside // 2)
        rows, columns = features.shape[1:]
        y, x = np.divmod(rng.permutation(rows * columns)[:PATCHES], columns)
        padded = np.pad(features, ((0, 0), *borders))
        at = [(y + i * down, x + j * across) for i in range(height) for j in range(width)]
        patches = np.stack([padded[:, row, column] for row, column in at], axis=1)
        patches = patches.reshape(len(self._products), self._size, len(y))
        patches = np.pad(patches, ((0, 0), (0, 1), (0, 0)), constant_values=1)
        self._products += patches @ patches.swapaxes(1, 2) / len(y)

    def finish(self) -> None:
        """Round the weights; the bias takes what they leave."""
        convolution = self._convolution
        shape = groups, outputs, _, _ = convolution.weights.shape
        steps = np.abs(convolution.weights).max(axis=(2, 3))[:, None, :, None] / LEVELS
        steps[steps == 0] = 1
        parts = convolution.weights.reshape(groups, outputs, self._split, self._size).swapaxes(1, 2)
        levels = np.pad(parts / steps, [(0, 0)] * 3 + [(0, 1)]).astype(np.float64)
        rounded = _rounded(levels.reshape(-1, outputs, self._size + 1), self._passed_on())
        changed = (rounded.reshape(levels.shape) * steps).astype(np.float32)
        convolution.weights = changed[..., :-1].swapaxes(1, 2).reshape(shape)
        convolution.biases = convolution.biases + changed[..., -1].sum(axis=1).ravel()

    def _passed_on(self) -> NDArray[np.float64]:
        """What an input's lost weight asks of each input after it, parts x inputs x inputs."""
        products, inputs = self._products.astype(np.float64), range(self._size)
        squares = products[:, inputs, inputs]
        products[:, inputs, inputs] += DAMPING * squares.mean(axis=1, keepdims=True) + 1e-12
        factors = np.linalg.cholesky(np.linalg.inv(products)).swapaxes(1, 2)
        diagonal: NDArray[np.float64] = np.einsum("pii->pi", factors)[:, :, None]
        return factors / diagonal


def _rounded(levels: NDArray[np.float64], passed_on: NDArray[np.float64]) -> NDArray[np.float64]:
    """All but the last of some inputs on whole levels, of which that takes what the others leave.

    An output's largest weight, which sets its step, stays.

    Args:
        levels: parts x outputs x inputs.
        passed_on: parts x inputs x inputs, the share of what one lost that each after it takes.
    """
    levels, largest = levels.copy(), np.abs(levels) > LEVELS - 1e-3
    for i in range(levels.shape[2] - 1):
        wanted = levels[:, :, i].copy()
        levels[:, :, i] = np.where(
            largest[:, :, i], np.copysign(LEVELS, wanted), np.rint(wanted).clip(-LEVELS, LEVELS)
        )
        lost = wanted - levels[:, :, i]
        levels[:, :, i + 1 :] -= lost[:, :, None] * passed_on[:, None, i, i + 1 :]
    return levels
