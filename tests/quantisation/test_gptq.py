"""Rounded weights: few levels, and little of what a network gives is lost."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from blemish.backbones import load_backbone
from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.graph.session import Session
from blemish.quantisation.gptq import LEVELS, TOGETHER, round_weights

RNG_SEED = 0
CHANNELS = 6


def images(count=24):
    """Channels and pixels that go along with each other, as in features, not 0 on average."""
    rng = np.random.default_rng(RNG_SEED)
    mix = rng.standard_normal((CHANNELS, 2))
    noise = rng.standard_normal((count, CHANNELS, 32, 48))
    blocks = np.kron(rng.standard_normal((count, 2, 8, 12)), np.ones((4, 4)))
    shared = np.einsum("cs,nshw->nchw", mix, blocks)
    return [image[None] for image in (1 + shared + 0.3 * noise).astype(np.float32)]


def network(*, kernel=(3, 3), outputs=4, **attributes):
    """One convolution with a bias."""
    rng = np.random.default_rng(RNG_SEED)
    g = GraphBuilder()
    inputs = CHANNELS // attributes.get("group", 1)
    weights = g.constant(rng.standard_normal((outputs, inputs, *kernel)))
    biases = g.constant(rng.standard_normal(outputs))
    g.op("Conv", "image", weights, biases, name="given", **attributes)
    outputs = [tensor("given", FLOAT, "N", outputs, "h", "w")]
    return g.build([tensor("image", FLOAT, "N", CHANNELS, "H", "W")], outputs)


def weights_of(model):
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in model.graph.initializer}
    return constants[model.graph.node[0].input[1]]


def run(model):
    session = Session(model.SerializeToString())
    return np.concatenate([session.run(image=image)[0] for image in images()])


def rounded_alone(model):
    """The same with each weight on the level that is nearest."""
    rounded = onnx.ModelProto()
    rounded.CopyFrom(model)
    weights = weights_of(model)
    steps = np.abs(weights).max(axis=(1, 2, 3), keepdims=True) / LEVELS
    name = model.graph.node[0].input[1]
    constant = next(c for c in rounded.graph.initializer if c.name == name)
    constant.CopyFrom(onnx.numpy_helper.from_array(np.rint(weights / steps) * steps, name))
    return rounded


GEOMETRIES = [
    {},
    {"pads": [1, 1, 1, 1]},
    {"strides": [2, 2]},
    {"dilations": [2, 3]},
    {"kernel": (1, 1)},
    {"kernel": (5, 2)},
    {"group": 2},
    {"group": CHANNELS, "outputs": 2 * CHANNELS},
]


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_weights_make_good_for_each_other(geometry):
    model = network(**geometry)
    exact = run(model)
    lost, lost_alone = (
        np.square(run(other) - exact).mean()
        for other in (round_weights(model, "image", images()), rounded_alone(model))
    )
    assert lost < 0.5 * lost_alone


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_weights_are_on_seven_bits_and_the_largest_stay(geometry):
    model = network(**geometry)
    weights, largest = (
        values / np.abs(weights_of(model)).max(axis=(1, 2, 3), keepdims=True)
        for values in (weights_of(round_weights(model, "image", images())), weights_of(model))
    )
    levels = LEVELS * weights
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
    np.testing.assert_allclose(weights[np.abs(largest) == 1], largest[np.abs(largest) == 1])
    assert np.abs(weights).max() < 1 + 1e-6


def test_biases_keep_what_is_given_on_average():
    model = network()
    gaps = run(round_weights(model, "image", images())) - run(model)
    assert (np.abs(gaps.mean(axis=(0, 2, 3))) < 0.1 * gaps.std(axis=(0, 2, 3))).all()


def test_many_inputs_are_taken_in_parts(monkeypatch):
    model = network()
    assert 9 * CHANNELS < TOGETHER
    whole = run(round_weights(model, "image", images()))
    monkeypatch.setattr("blemish.quantisation.gptq.TOGETHER", 20)
    parted = run(round_weights(model, "image", images()))
    exact, alone = run(model), run(rounded_alone(model))
    lost, lost_in_parts, lost_alone = (
        np.square(other - exact).mean() for other in (whole, parted, alone)
    )
    assert lost < lost_in_parts < lost_alone


def test_inputs_and_outputs_that_are_nothing_do_no_harm():
    model = network()
    constant = next(c for c in model.graph.initializer if c.name == model.graph.node[0].input[1])
    weights = onnx.numpy_helper.to_array(constant).copy()
    weights[1] = 0
    constant.CopyFrom(onnx.numpy_helper.from_array(weights, constant.name))
    dark = [np.zeros_like(image) for image in images(2)]
    rounded = weights_of(round_weights(model, "image", dark))
    steps = np.abs(weights).max(axis=(1, 2, 3), keepdims=True) / LEVELS
    assert (np.abs(rounded - weights) <= 0.5 * steps + 1e-6).all()


def test_a_convolution_in_floats_stays():
    model = network()
    rounded = round_weights(model, "image", images(), in_floats={"given"})
    np.testing.assert_array_equal(weights_of(rounded), weights_of(model))


def test_weights_that_are_no_constants_stay():
    backbone = load_backbone("embedded")  # halves, which are cast first
    found = [np.zeros((1, 3, 32, 32), np.float32)]
    assert round_weights(backbone.graph, backbone.entry, found) == backbone.graph
