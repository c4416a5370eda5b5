"""PatchCore in whole numbers: close to float32, the same anywhere, no side effects."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from blemish.backbones import load_backbone
from blemish.backbones.backbone import Level
from blemish.detectors.conformance import check_detector
from blemish.detectors.conformance.images import DrawnImages, blotted, weave
from blemish.detectors.features.quantise import in_int8
from blemish.detectors.patchcore.detector import PatchCore
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.graph.session import Session
from blemish.progress import LoggedProgress
from blemish.quantisation import int8
from blemish.quantisation.equalisation import equalise
from blemish.quantisation.int8 import to_int8
from tiny import DISTANCES, tiny_settings

QUIET = LoggedProgress()


def weaves(count=12):
    return DrawnImages({f"{seed:02}": weave(seed) for seed in range(count)})


def fitted(backbone, **settings):
    detector = PatchCore(**tiny_settings(backbone, precision="int8", **settings))
    return detector.fit(weaves(), progress=QUIET)


def run(model, *images):
    return Session(model.SerializeToString()).run(["score", "score_map"], image=np.stack(images))


def working_images(count=8, hw=(96, 96)):
    rng = np.random.default_rng(0)
    return [rng.standard_normal((1, 3, *hw)).astype(np.float32) for _ in range(count)]


def test_it_keeps_the_contract_of_detectors(backbone):
    settings = tiny_settings(backbone, precision="int8", calibration_folds=5)
    check_detector(lambda seed: PatchCore(**settings, seed=seed))


def test_the_quantised_backbone_stays_close_on_any_size_and_batch():
    backbone = load_backbone("embedded")
    quantised = to_int8(backbone, working_images())
    assert quantised.levels == backbone.levels
    image = np.random.default_rng(1).standard_normal((2, 3, 64, 160)).astype(np.float32)
    sessions = [Session(b.graph.SerializeToString()) for b in (backbone, quantised)]
    for whole, rounded in zip(
        *(s.run(None, **{backbone.entry: image}) for s in sessions), strict=True
    ):
        assert whole.shape == rounded.shape
        assert np.linalg.norm(whole - rounded) < 0.07 * np.linalg.norm(whole)
    (first, *_) = sessions[1].run(None, **{backbone.entry: image[:1]})
    np.testing.assert_allclose(first, sessions[1].run(None, **{backbone.entry: image})[0][:1])


def with_large_kernel(backbone):
    """The same features, the first convolution's kernel with a border of zeros: 5 x 5."""
    graph = onnx.ModelProto()
    graph.CopyFrom(backbone.graph)
    makers = {node.output[0]: node for node in graph.graph.node}
    stem = next(node for node in graph.graph.node if node.op_type == "Conv")
    name = makers[stem.input[1]].input[0]  # weights are kept in 16 bits
    weights = next(constant for constant in graph.graph.initializer if constant.name == name)
    values = np.pad(onnx.numpy_helper.to_array(weights), [(0, 0), (0, 0), (1, 1), (1, 1)])
    weights.CopyFrom(onnx.numpy_helper.from_array(values, name))
    given = {a.name: onnx.helper.get_attribute_value(a) for a in stem.attribute}
    del stem.attribute[:]
    for attribute, value in (given | {"pads": [pad + 1 for pad in given["pads"]]}).items():
        if attribute != "kernel_shape":
            stem.attribute.append(onnx.helper.make_attribute(attribute, value))
    return replace(backbone, graph=graph)


def test_a_small_stem_stays_in_floats():
    backbone = load_backbone("embedded")
    quantised = to_int8(backbone, working_images(2), even_sides=True).graph.graph
    (stem,) = (node for node in quantised.node if backbone.entry in node.input)
    assert stem.op_type == "Conv"
    constants = {constant.name: constant.data_type for constant in quantised.initializer}
    assert constants[stem.input[1]] == onnx.TensorProto.FLOAT


def test_a_stem_over_blocks_of_pixels_comes_as_close():
    backbone, images = with_large_kernel(load_backbone("embedded")), working_images(2)
    plain, in_blocks = (to_int8(backbone, images, even_sides=even) for even in (False, True))
    assert "SpaceToDepth" in [node.op_type for node in in_blocks.graph.graph.node]
    image = np.random.default_rng(1).standard_normal((2, 3, 64, 160)).astype(np.float32)
    every = (
        Session(b.graph.SerializeToString()).run(None, **{backbone.entry: image})
        for b in (backbone, plain, in_blocks)
    )
    for exact, rounded, other in zip(*every, strict=True):
        error, expected = (np.linalg.norm(exact - level) for level in (other, rounded))
        assert error < 1.02 * expected


@pytest.mark.parametrize(
    ("size", "fit", "even"), [(64, "stretch", 1), (63, "stretch", 0), (63, "longer", 1)]
)
def test_only_even_images_meet_a_stem_over_blocks(size, fit, even):
    settings = PatchCore(
        backbone="embedded", precision="int8", image_size=size, resize=fit
    ).settings
    images = weaves(2)
    large = with_large_kernel(load_backbone("embedded"))
    size = PatchCoreGraph(settings, large, images.image_format).working_size
    quantised = in_int8(large, size, images, QUIET)
    kinds = [node.op_type for node in quantised.graph.graph.node]
    assert kinds.count("SpaceToDepth") == even


def normalising():
    """A backbone that normalises what convolutions add up, some channels a thousandth of others."""
    rng = np.random.default_rng(0)
    g = GraphBuilder()

    def convolution(x, outputs, inputs, scales=1.0):
        weights = rng.standard_normal((outputs, inputs, 3, 3)) * np.reshape(scales, (-1, 1, 1, 1))
        return g.op("Conv", x, g.constant(weights / inputs), pads=[1, 1, 1, 1])

    x = g.op("Relu", convolution("image", 16, 3))
    sizes = np.geomspace(0.01, 10, 16)
    x = g.op("Add", convolution(x, 16, 16, sizes), convolution(x, 16, 16, sizes))
    ones, none = g.constant(np.ones(16)), g.constant(np.zeros(16))
    x = g.op("BatchNormalization", x, ones, none, none, g.constant(sizes**2))
    g.op("Identity", convolution(g.op("Relu", x), 8, 16), name="given")
    sides = [tensor("image", FLOAT, "N", 3, "H", "W")], [tensor("given", FLOAT, "N", 8, "H", "W")]
    levels = (Level("given", 8, 1),)
    return replace(load_backbone("embedded"), graph=g.build(*sides), levels=levels)


def test_what_is_normalised_stays_in_floats():
    backbone = normalising()
    quantised = to_int8(backbone, working_images())
    graph = quantised.graph.graph
    makers = {name: node for node in graph.node for name in node.output}
    (normalisation,) = (node for node in graph.node if node.op_type == "BatchNormalization")
    assert makers[normalisation.input[0]].op_type == "Add"
    floats = {c.name for c in graph.initializer if c.data_type == onnx.TensorProto.FLOAT}
    assert floats >= set(normalisation.input[1:])
    image = working_images(9)[-1]
    whole, rounded = (
        Session(b.graph.SerializeToString()).run(None, **{b.entry: image})[0]
        for b in (backbone, quantised)
    )
    assert np.linalg.norm(whole - rounded) < 0.03 * np.linalg.norm(whole)


def test_weights_keep_seven_bits():
    quantised = to_int8(load_backbone("embedded"), working_images(2))
    weights = [
        onnx.numpy_helper.to_array(constant)
        for constant in quantised.graph.graph.initializer
        if constant.data_type == onnx.TensorProto.INT8 and len(constant.dims) == 4
    ]
    assert weights
    assert max(np.abs(values.astype(int)).max() for values in weights) <= 64


def test_ranges_come_from_images_that_there_can_be(backbone, monkeypatch):
    seen = []

    def look(found, images, **_):
        seen.extend(images)
        return found

    monkeypatch.setattr("blemish.detectors.features.quantise.to_int8", look)
    settings = PatchCore(**tiny_settings(backbone, precision="int8")).settings
    found, images = load_backbone(settings.backbone), weaves()
    in_int8(found, settings.working_size(8), images, QUIET)
    mean, std = (np.reshape(values, (3, 1, 1)) for values in (found.mean, found.std))
    values = np.stack(seen) * std + mean
    assert values.shape[:2] == (12, 3)
    assert values.min() > -1e-5
    assert values.max() < 1 + 1e-5
    np.testing.assert_allclose(values[:, 1], (2 * mean - values[:, 0]).clip(0, 1), atol=1e-5)


def test_quantising_leaves_logging_as_it_was(capfd):
    root = logging.getLogger()
    before = list(root.handlers), list(root.filters), root.level
    to_int8(load_backbone("embedded"), working_images(1))
    assert (list(root.handlers), list(root.filters), root.level) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"embedding": "pooled", "embedding_width": 16},
        {"resize": "shorter"},
        {"k": 3},
        {"reweight": 5, **DISTANCES},
    ],
)
def test_scores_are_close_to_those_in_float32(backbone, settings):
    images = [weave(100), blotted(101, 200.0)]
    model = fitted(backbone, **settings).graph
    onnx.checker.check_model(model, full_check=True)
    detector = PatchCore(**tiny_settings(backbone, **settings))
    whole = detector.fit(weaves(), progress=QUIET).graph
    (good, bad), maps = run(model, *images)
    (whole_good, whole_bad), whole_maps = run(whole, *images)
    assert bad > 2 * good  # what lies outside the good images' ranges is not cut down to them
    np.testing.assert_allclose([good, bad], [whole_good, whole_bad], rtol=0.2)
    assert np.abs(maps - whole_maps).max() < 0.25 * whole_maps.max()


def test_both_precisions_keep_the_same_patches(backbone):
    settings = tiny_settings(backbone)
    whole = PatchCore(**settings).fit(weaves(), progress=QUIET)
    rounded = PatchCore(precision="int8", **settings).fit(weaves(), progress=QUIET)
    picks = [fitted.images_left_out.coreset.picks for fitted in (whole, rounded)]
    np.testing.assert_array_equal(*picks)
    assert whole.bank.shape == rounded.bank.shape
    assert not np.array_equal(whole.bank, rounded.bank)


def test_the_same_images_give_the_same_bytes(backbone):
    one, other = (fitted(backbone).graph.SerializeToString() for _ in range(2))
    assert one == other


def test_runtimes_round_no_weights_that_were_left_in_floats(monkeypatch, tmp_path):
    def coarse_before_sums(*arguments):
        evened, _ = equalise(*arguments)
        summed = {name for n in evened.graph.node if n.op_type == "Add" for name in n.input}
        made = {n.output[0] for n in evened.graph.node if n.op_type == "Conv"}
        return evened, made & summed

    monkeypatch.setattr(int8, "equalise", coarse_before_sums)
    graph = to_int8(load_backbone("embedded"), working_images(2)).graph
    constants = {constant.name for constant in graph.graph.initializer}
    weights = [node.input[1] for node in graph.graph.node if node.op_type == "Conv"]
    in_floats = constants.intersection(weights)
    assert len(in_floats) > 1  # more than the first
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    providers = ["CPUExecutionProvider"]
    onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=providers)
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert kinds.count("QLinearConv") == len(weights) - len(in_floats)
