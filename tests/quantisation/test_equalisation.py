"""Evening out: what the network gives stays, what its channels hold becomes alike."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from blemish.backbones import load_backbone
from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.graph.session import Session
from blemish.quantisation.equalisation import equalise

SIZES = np.float32([1, 0.2, 0.05, 0.5])  # of the channels between the two layers
RNG_SEED = 0


def images(count=3):
    rng = np.random.default_rng(RNG_SEED)
    return [rng.standard_normal((2, 3, 32, 48)).astype(np.float32) for _ in range(count)]


def network(*between, reader="Conv", read_twice=None):
    """A convolution that gives channels of the sizes above, and what reads it.

    Args:
        between: kinds of the nodes before the reader.
        reader: "Conv", "depthwise" or "BatchNormalization"; "given" is what it gives.
        read_twice: by the kind of another node, whose output is "other".
    """
    rng = np.random.default_rng(RNG_SEED)
    g = GraphBuilder()

    def drawn(*shape):
        return g.constant(rng.standard_normal(shape))

    zeros = g.constant(np.zeros(4))
    first = rng.standard_normal((4, 3, 3, 3)) * SIZES[:, None, None, None]
    x = g.op("Conv", "image", g.constant(first), name="first")
    for kind in between:
        if kind == "Clip":
            x = g.op("Clip", x, g.number(0.0), g.number(6.0))
        elif kind == "MaxPool":
            x = g.op("MaxPool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        elif kind == "BatchNormalization":
            x = g.op(kind, x, g.constant(SIZES), zeros, zeros, g.constant(SIZES))
        else:
            x = g.op(kind, x)
    outputs = [tensor("given", FLOAT, "N", 4, "H", "W")]
    if read_twice is not None:
        more = [drawn(2, 4, 1, 1)] if read_twice == "Conv" else []
        g.op(read_twice, x, *more, name="other")
        outputs.append(tensor("other", FLOAT, "N", "C", "h", "w"))
    if reader == "BatchNormalization":
        g.op(reader, x, drawn(4), drawn(4), drawn(4), g.constant(1 + SIZES), name="given")
    else:
        inputs, group = (1, 4) if reader == "depthwise" else (4, 1)
        g.op("Conv", x, drawn(4, inputs, 3, 3), drawn(4), group=group, name="given")
    return g.build([tensor("image", FLOAT, "N", 3, "H", "W")], outputs)


def run(model, image, *names):
    return Session(model.SerializeToString()).run(list(names) or None, image=image)


def unlike(model):
    """How many times the largest peak of what the last layer reads is the smallest."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    entry = next(node.input[0] for node in shown.graph.node if node.output[0] == "given")
    shown.graph.output.append(tensor(entry, FLOAT, "N", 4, "h", "w"))
    found = [np.abs(run(shown, image, entry)[0]).max(axis=(0, 2, 3)) for image in images()]
    peaks = np.max(found, axis=0)
    return peaks.max() / peaks.min()


def assert_same(model, other):
    for image in images():
        for expected, actual in zip(run(model, image), run(other, image), strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("reader", ["Conv", "depthwise", "BatchNormalization"])
@pytest.mark.parametrize("between", [[], ["Relu"], ["Clip"], ["Relu", "MaxPool"]])
def test_channels_become_alike_and_what_is_given_stays(between, reader):
    model = network(*between, reader=reader)
    evened, _ = equalise(model, "image", images())
    assert unlike(model) > 2 * unlike(evened)
    if reader != "Conv":  # whose weights would become unlike
        assert unlike(evened) < 1.1
    assert_same(model, evened)


def test_a_normalisation_passes_on_what_it_gives():
    model = network("BatchNormalization", "Relu")
    evened, _ = equalise(model, "image", images())
    assert unlike(model) > 1.5 * unlike(evened)
    assert_same(model, evened)


def test_all_that_read_a_layer_follow():
    model = network("Relu", read_twice="Conv")
    evened, _ = equalise(model, "image", images())
    assert unlike(model) > 2 * unlike(evened)
    assert_same(model, evened)


def test_channels_that_somebody_else_reads_stay():
    model = network("Relu", reader="depthwise", read_twice="Identity")
    evened, _ = equalise(model, "image", images())
    assert unlike(evened) == pytest.approx(unlike(model))
    assert_same(model, evened)


@pytest.mark.parametrize(("sizes", "coarse"), [(1.0, set()), (0.003, {"first"})])
def test_what_stays_unlike_is_told_where_bytes_would_hold_too_little(sizes, coarse):
    model = network(read_twice="Identity")
    weights = next(c for c in model.graph.initializer if c.name == model.graph.node[0].input[1])
    values = onnx.numpy_helper.to_array(weights).copy()
    values[1:] *= sizes
    weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
    assert equalise(model, "image", images()).coarse == coarse


def test_convolutions_of_another_rank_stay():
    rng = np.random.default_rng(RNG_SEED)
    g = GraphBuilder()
    x = g.op("Reshape", "image", g.constant(np.array([2, 3, -1])))
    x = g.op("Relu", g.op("Conv", x, g.constant(rng.standard_normal((4, 3, 5)))))
    g.op("Conv", x, g.constant(rng.standard_normal((4, 4, 5))), name="given")
    sides = [tensor("image", FLOAT, "N", 3, "H", "W")], [tensor("given", FLOAT, "N", 4, "L")]
    model = g.build(*sides)
    evened, coarse = equalise(model, "image", images())
    assert evened == model
    assert not coarse


def test_weights_that_are_no_constants_stay():
    backbone = load_backbone("embedded")  # halves, which are cast first
    evened, coarse = equalise(backbone.graph, backbone.entry, images())
    assert evened == backbone.graph
    assert not coarse
