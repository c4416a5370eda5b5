"""Evening out: what the network gives stays, what its channels hold becomes alike."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from blemish.backbones import load_backbone
from blemish.backbones.evened import even_out
from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.graph.session import Session

SIZES = np.float32([1, 0.2, 0.05, 0.5])  # of the channels between the two convolutions
RNG_SEED = 0


def pictures(count=3):
    rng = np.random.default_rng(RNG_SEED)
    return [rng.standard_normal((2, 3, 32, 48)).astype(np.float32) for _ in range(count)]


def network(activation, *, depthwise, read_twice=False):
    """Two convolutions, the channels between them of the sizes above."""
    rng = np.random.default_rng(RNG_SEED)
    g = GraphBuilder()
    first = rng.standard_normal((4, 3, 3, 3)) * SIZES[:, None, None, None]
    second = rng.standard_normal((4, 1 if depthwise else 4, 3, 3))
    x = g.op("Conv", "image", g.constant(first), name="first")
    if activation == "Clip":
        x = g.op("Clip", x, g.number(0.0), g.number(6.0))
    elif activation is not None:
        x = g.op(activation, x)
    g.op("Identity", x, name="between")
    bias = g.constant(rng.standard_normal(4))
    group = 4 if depthwise else 1
    g.op("Conv", x, g.constant(second), bias, group=group, name="given")
    outputs = [tensor("given", FLOAT, "N", 4, "H", "W")]
    if read_twice:
        outputs.append(tensor("between", FLOAT, "N", 4, "h", "w"))
    return g.build([tensor("image", FLOAT, "N", 3, "H", "W")], outputs)


def run(model, picture, *names):
    return Session(model.SerializeToString()).run(list(names) or None, image=picture)


def sizes_between(model):
    """Peaks of what the second convolution reads."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    entry = next(node.input[0] for node in shown.graph.node if node.output[0] == "given")
    shown.graph.output.append(tensor(entry, FLOAT, "N", 4, "h", "w"))
    found = [np.abs(run(shown, picture, entry)[0]).max(axis=(0, 2, 3)) for picture in pictures()]
    return np.max(found, axis=0)


@pytest.mark.parametrize("depthwise", [True, False])
@pytest.mark.parametrize("activation", [None, "Relu", "Clip"])
def test_channels_become_alike_and_what_is_given_stays(activation, depthwise):
    model = network(activation, depthwise=depthwise)
    evened = even_out(model, "image", pictures())
    before, after = sizes_between(model), sizes_between(evened)
    assert before.max() / before.min() > 2 * after.max() / after.min()
    if depthwise:
        np.testing.assert_allclose(after, after.max(), rtol=0.1)
    for picture in pictures():
        (whole,), (rounded,) = run(model, picture), run(evened, picture)
        assert np.linalg.norm(whole - rounded) < 0.02 * np.linalg.norm(whole)


def test_biases_take_up_what_rounding_changes_on_average():
    model = network("Relu", depthwise=False)
    seen = [picture[:1] + np.float32(2) for picture in pictures(8)]
    evened = even_out(model, "image", seen)
    gaps = [run(evened, picture)[0] - run(model, picture)[0] for picture in seen]
    means, spread = np.mean(gaps, axis=(0, 1, 3, 4)), np.std(gaps, axis=(0, 1, 3, 4))
    assert (np.abs(means) < 0.2 * spread).all()


def test_weights_are_on_seven_bits():
    evened = even_out(network("Relu", depthwise=False), "image", pictures())
    weights = onnx.numpy_helper.to_array(
        next(c for c in evened.graph.initializer if c.name == "given/weights")
    )
    levels = weights / np.abs(weights).max(axis=(1, 2, 3), keepdims=True) * 64
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)


def test_a_convolution_in_floats_is_not_rounded():
    model = network("Relu", depthwise=False)
    weights = {}
    for in_floats in (None, "first"):
        evened = even_out(model, "image", pictures(), in_floats=in_floats)
        constants = {c.name: onnx.numpy_helper.to_array(c) for c in evened.graph.initializer}
        node = next(node for node in evened.graph.node if node.output[0] == "first")
        weights[in_floats] = constants[node.input[1]]
    largest = np.abs(weights["first"]).max(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(weights["first"], weights[None], atol=largest.max() / 64)
    levels = weights["first"] / largest * 64
    assert np.abs(levels - levels.round()).max() > 0.1


def test_channels_that_somebody_else_reads_stay():
    model = network("Relu", depthwise=True, read_twice=True)
    evened = even_out(model, "image", pictures())
    whole, rounded = (run(m, pictures()[0], "between")[0] for m in (model, evened))
    assert np.linalg.norm(whole - rounded) < 0.02 * np.linalg.norm(whole)


def test_weights_that_are_no_constants_stay():
    backbone = load_backbone("embedded")  # halves, which are cast first
    evened = even_out(backbone.graph, backbone.entry, pictures())
    assert evened == backbone.graph
