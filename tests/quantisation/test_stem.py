"""A stem over blocks of pixels gives what it gave over pixels."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.graph.session import Session
from blemish.quantisation.stem import float_stem, in_blocks


def network(kernel=(3, 3), *, bias=True, read_twice=False, normalised=False, **attributes):
    rng = np.random.default_rng(0)
    g = GraphBuilder()
    x = "image"
    if normalised:
        x = g.op("BatchNormalization", x, *(g.constant(np.ones(3)) for _ in range(4)))
    weights = g.constant(rng.standard_normal((5, 3, *kernel)), name="weights")
    more = [g.constant(rng.standard_normal(5), name="biases")] if bias else []
    g.op("Conv", x, weights, *more, name="given", **attributes)
    outputs = [tensor("given", FLOAT, "N", 5, "h", "w")]
    if read_twice:
        g.op("Relu", "image", name="also")
        outputs.append(tensor("also", FLOAT, "N", 3, "H", "W"))
    return g.build([tensor("image", FLOAT, "N", 3, "H", "W")], outputs)


def run(model, image):
    return Session(model.SerializeToString()).run(["given"], image=image)[0]


@pytest.mark.parametrize(
    ("kernel", "pads"),
    [
        ((7, 7), [3, 3, 3, 3]),
        ((3, 3), [1, 1, 1, 1]),
        ((3, 3), [0, 0, 1, 1]),
        ((3, 3), [0, 0, 0, 0]),
        ((2, 2), [0, 0, 0, 0]),
        ((5, 4), [2, 1, 1, 2]),
        ((4, 6), [4, 0, 3, 5]),
    ],
)
@pytest.mark.parametrize("bias", [True, False])
def test_it_gives_the_same(kernel, pads, bias):
    model = network(kernel, bias=bias, strides=[2, 2], pads=pads)
    changed = in_blocks(model, "image")
    assert [node.op_type for node in changed.graph.node] == ["SpaceToDepth", "Conv"]
    assert "weights" not in [constant.name for constant in changed.graph.initializer]
    image = np.random.default_rng(1).standard_normal((2, 3, 20, 34)).astype(np.float32)
    np.testing.assert_allclose(run(changed, image), run(model, image), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (network(), "given"),
        (network((1, 1)), "given"),
        (network((7, 7)), None),
        (network((7, 7), normalised=True), "given"),
        (network(read_twice=True), None),
    ],
)
def test_what_is_best_left_in_floats_is_told(model, name):
    assert float_stem(model, "image") == name


@pytest.mark.parametrize(
    "model",
    [
        network(),
        network(strides=[1, 1]),
        network(strides=[2, 1]),
        network(strides=[2, 2], dilations=[2, 2]),
        network(strides=[2, 2], auto_pad="SAME_UPPER"),
        network(strides=[2, 2], read_twice=True),
        network((1, 1), strides=[2, 2], pads=[0, 1, 0, 0]),
        network((7, 7), strides=[2, 2], pads=[3, 3, 3, 3], normalised=True),
    ],
)
def test_other_networks_stay_as_they_are(model):
    image = np.random.default_rng(1).standard_normal((1, 3, 20, 34)).astype(np.float32)
    changed = in_blocks(model, "image")
    np.testing.assert_allclose(run(changed, image), run(model, image), atol=1e-5)
