"""A network's weights on few levels, each rounding made good by the weights that come after it.

A weight that is rounded changes what its convolution gives; weights of inputs that go along with
its own can take most of that back before they are rounded in turn, and the bias, which is not
rounded, takes back what is left of the mean. How inputs go along with each other is measured on
pictures. After Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative
Pre-trained Transformers", ICLR 2023.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import onnx
from numpy.typing import NDArray

from blemish.backbones.feature_maps import feature_maps
from blemish.backbones.layers import Convolution, read_layers, write_layers

LEVELS = 64  # either side of 0: what 7 bits hold
PATCHES = 128  # of each picture, on which inputs are seen together
TOGETHER = 288  # inputs, at most, that make good for each other: 32 channels of 3 x 3
DAMPING = 0.01  # of the inputs' mean square: what a few thousand patches cannot tell apart
SEED = 0


def round_weights(
    model: onnx.ModelProto,
    entry: str,
    pictures: Iterable[NDArray[np.float32]],
    *,
    in_floats: Collection[str] = (),
) -> onnx.ModelProto:
    """The network with the weights of its convolutions on 7 bits.

    Args:
        model: opset 18 or later; its weights are initializers.
        entry: its input.
        pictures: V x 3 x H x W each, of which the first variant counts.
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
    names = list(dict.fromkeys(rounding.entry for rounding in roundings))
    for found in feature_maps(model, entry, (picture[0] for picture in pictures), names):
        for rounding in roundings:
            rounding.see(found[rounding.entry], rng)
    for rounding in roundings:
        rounding.finish()
    write_layers(rounded.graph, layers)
    return rounded


class _Rounding:
    """Of one convolution; its inputs, and with them those of its kernel, in parts of some."""

    def __init__(self, convolution: Convolution) -> None:
        self._convolution = convolution
        groups, _, inputs, kernel = convolution.weights.shape
        split = next(
            n for n in range(1, inputs + 1) if inputs % n == 0 and inputs // n * kernel <= TOGETHER
        )
        self._parts, self._size = groups * split, inputs // split * kernel
        self._products = np.zeros((self._parts, self._size + 1, self._size + 1), np.float32)

    @property
    def entry(self) -> str:
        """The feature map that it wants to see."""
        return self._convolution.entry

    def see(self, features: NDArray[np.float32], rng: np.random.Generator) -> None:
        """Take some patches of a feature map, C x H x W, and a 1 to each for the bias."""
        (height, width), (down, across) = self._convolution.kernel, self._convolution.dilations
        below, aside = (height - 1) * down, (width - 1) * across
        rows, columns = features.shape[1:]
        padded = np.pad(
            features,
            ((0, 0), (below // 2, below - below // 2), (aside // 2, aside - aside // 2)),
        )
        y, x = np.divmod(rng.permutation(rows * columns)[:PATCHES], columns)
        at = [(y + i * down, x + j * across) for i in range(height) for j in range(width)]
        patches = np.stack([padded[:, y, x] for y, x in at], axis=1)
        patches = patches.reshape(self._parts, self._size, -1)
        patches = np.pad(patches, ((0, 0), (0, 1), (0, 0)), constant_values=1)
        self._products += patches @ patches.swapaxes(1, 2) / patches.shape[2]

    def finish(self) -> None:
        """Round the weights, all outputs at once and one input after another.

        The largest of an output's sets the step and stays.
        """
        convolution = self._convolution
        groups, outputs, inputs, kernel = convolution.weights.shape
        split = self._parts // groups
        steps = np.abs(convolution.weights).max(axis=(2, 3)) / LEVELS
        steps[steps == 0] = 1
        steps = np.repeat(steps, split, axis=0)
        levels = convolution.weights.reshape(groups, outputs, split, self._size).swapaxes(1, 2)
        levels = levels.reshape(self._parts, outputs, self._size) / steps[:, :, None]
        levels = np.pad(levels.astype(np.float64), ((0, 0), (0, 0), (0, 1)))  # the bias
        largest = np.abs(levels) > LEVELS - 1e-3
        passed_on = self._passed_on()
        for i in range(self._size):
            now = np.clip(np.rint(levels[:, :, i]), -LEVELS, LEVELS)
            now = np.where(largest[:, :, i], np.copysign(LEVELS, levels[:, :, i]), now)
            lost = levels[:, :, i] - now
            levels[:, :, i + 1 :] -= lost[:, :, None] * passed_on[:, None, i, i + 1 :]
            levels[:, :, i] = now
        changed = (levels * steps[:, :, None]).astype(np.float32)
        biases = changed[:, :, -1].reshape(groups, split, outputs).sum(axis=1)
        convolution.biases = convolution.biases + biases.ravel()
        weights = changed[:, :, :-1].reshape(groups, split, outputs, self._size).swapaxes(1, 2)
        convolution.weights = weights.reshape(groups, outputs, inputs, kernel)

    def _passed_on(self) -> NDArray[np.float64]:
        """What an input's lost weight asks of each input after it, parts x inputs x inputs."""
        products, inputs = self._products.astype(np.float64), range(self._size)
        squares = products[:, inputs, inputs]
        products[:, inputs, inputs] += DAMPING * squares.mean(axis=1, keepdims=True) + 1e-12
        factors = np.linalg.cholesky(np.linalg.inv(products)).swapaxes(1, 2)
        diagonal: NDArray[np.float64] = np.einsum("pii->pi", factors)[:, :, None]
        return factors / diagonal
