from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from blemish.backbones import Backbone, Level, annotate, load_backbone, read_backbone
from blemish.errors import BackboneError, UsageError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FREE = ("N", 3, "H", "W")


def network(
    strides: dict[str, int],
    *,
    shape: tuple[Any, ...] = FREE,
    opset: int = 18,
    inputs: tuple[str, ...] = ("image",),
) -> onnx.ModelProto:
    """Convolutions of the image, one a level; the level at stride s has s + 1 channels."""
    rng = np.random.default_rng(0)
    nodes, constants = [], []
    for name, stride in strides.items():
        kernel = rng.standard_normal((stride + 1, 3, stride, stride)).astype(np.float32)
        constants.append(numpy_helper.from_array(kernel, f"kernel_{name}"))
        nodes.append(
            helper.make_node("Conv", ["image", f"kernel_{name}"], [name], strides=[stride, stride])
        )
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in strides],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def write(model: onnx.ModelProto, path: Path, **metadata: str) -> Path:
    helper.set_model_props(model, {"mean": str(list(MEAN)), "std": str(list(STD))} | metadata)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def backbone(tmp_path: Path) -> Backbone:
    levels = {"layer1": 4, "early8": 8, "layer2": 8, "layer3": 16}
    return read_backbone(write(network(levels), tmp_path / "small.onnx"))


def test_levels_have_the_channels_and_strides_of_the_outputs(backbone: Backbone) -> None:
    assert backbone.levels == (
        Level("layer1", 5, 4),
        Level("early8", 9, 8),
        Level("layer2", 9, 8),
        Level("layer3", 17, 16),
    )


def test_name_licence_and_normalisation_come_from_the_metadata(tmp_path: Path) -> None:
    path = write(network({"a": 8}), tmp_path / "file.onnx", name="net", licence="MIT")
    backbone = read_backbone(path)
    assert (backbone.name, backbone.licence) == ("net", "MIT")
    assert (backbone.mean, backbone.std) == (MEAN, STD)
    assert backbone.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_without_name_and_licence_the_file_name_counts_and_the_licence_is_not_stated(
    backbone: Backbone,
) -> None:
    assert (backbone.name, backbone.licence) == ("small", "not stated")


def test_opset_17_is_converted_to_18(tmp_path: Path) -> None:
    backbone = read_backbone(write(network({"a": 8}, opset=17), tmp_path / "old.onnx"))
    assert [entry.version for entry in backbone.graph.opset_import] == [18]
    assert backbone.levels == (Level("a", 9, 8),)


def test_outputs_that_are_no_maps_are_no_levels(tmp_path: Path) -> None:
    model = network({"a": 8})
    model.graph.node.append(helper.make_node("ReduceMean", ["a"], ["mean_value"], keepdims=0))
    model.graph.output.append(helper.make_tensor_value_info("mean_value", TensorProto.FLOAT, []))
    backbone = read_backbone(write(model, tmp_path / "mixed.onnx"))
    assert [level.name for level in backbone.levels] == ["a"]


def test_a_file_without_maps_is_refused(tmp_path: Path) -> None:
    model = network({"a": 8})
    model.graph.node.append(helper.make_node("ReduceMean", ["a"], ["mean_value"], keepdims=0))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("mean_value", TensorProto.FLOAT, []))
    with pytest.raises(BackboneError, match="no output of the form N x C x H x W"):
        read_backbone(write(model, tmp_path / "number.onnx"))


@pytest.mark.parametrize("missing", ["mean", "std"])
def test_without_mean_or_std_the_error_says_how_to_write_them(tmp_path: Path, missing: str) -> None:
    path = write(network({"a": 8}), tmp_path / "plain.onnx", **{missing: "null"})
    with pytest.raises(BackboneError, match=rf"'{missing}' must be a JSON list.*annotate"):
        read_backbone(path)


def test_without_any_metadata_the_error_says_how_to_write_it(tmp_path: Path) -> None:
    path = tmp_path / "plain.onnx"
    path.write_bytes(network({"a": 8}).SerializeToString())
    with pytest.raises(BackboneError, match="'mean' must be a JSON list"):
        read_backbone(path)


def test_two_inputs_are_refused(tmp_path: Path) -> None:
    model = network({"a": 8}, inputs=("image", "second"))
    with pytest.raises(BackboneError, match="has 2 inputs"):
        read_backbone(write(model, tmp_path / "two.onnx"))


@pytest.mark.parametrize("shape", [("N", 3, 224, 224), (1, 3, 128, 128), ("N", 1, "H", "W")])
def test_a_fixed_size_or_another_depth_is_refused(tmp_path: Path, shape: tuple[Any, ...]) -> None:
    path = write(network({"a": 8}, shape=shape), tmp_path / "fixed.onnx")
    with pytest.raises(BackboneError, match="each of N, H and W free"):
        read_backbone(path)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = write(network({"a": 8}), tmp_path / "cut.onnx")
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(BackboneError, match="is not an ONNX model with its weights inside"):
        read_backbone(path)


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("no model at all")
    with pytest.raises(BackboneError, match="is not an ONNX model"):
        read_backbone(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"Cannot read backbone '.*absent\.onnx': No such file"):
        read_backbone(tmp_path / "absent.onnx")


def test_operators_of_other_domains_are_refused(tmp_path: Path) -> None:
    model = network({"a": 8})
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    with pytest.raises(BackboneError, match=r"operators outside ONNX \(com\.example\)"):
        read_backbone(write(model, tmp_path / "foreign.onnx"))


def test_without_names_the_last_level_at_strides_8_and_16_is_used(backbone: Backbone) -> None:
    assert [level.name for level in backbone.with_levels(None).levels] == ["layer2", "layer3"]


def test_named_levels_come_in_the_order_asked_for(backbone: Backbone) -> None:
    chosen = backbone.with_levels(["layer3", "layer1"])
    assert [level.name for level in chosen.levels] == ["layer3", "layer1"]


def test_an_unknown_level_is_answered_with_the_closest(backbone: Backbone) -> None:
    with pytest.raises(BackboneError, match=r"no level 'layer22'.*Did you mean 'layer2'\?"):
        backbone.with_levels(["layer22"])


def test_all_wrong_levels_are_told_at_once(backbone: Backbone) -> None:
    with pytest.raises(BackboneError) as caught:
        backbone.with_levels(["layer1", "layer1", "nowhere"])
    assert "'nowhere'" in str(caught.value)
    assert "'layer1' is named twice" in str(caught.value)


def test_without_levels_at_8_or_16_the_error_lists_what_there_is(tmp_path: Path) -> None:
    backbone = read_backbone(write(network({"fine": 4}), tmp_path / "fine.onnx"))
    with pytest.raises(BackboneError, match=r"name levels out of fine \(5, stride 4\)"):
        backbone.with_levels(None)


def test_annotate_makes_a_plain_file_readable_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    plain, annotated = tmp_path / "plain.onnx", tmp_path / "annotated.onnx"
    data = network({"a": 8}).SerializeToString()
    plain.write_bytes(data)
    annotate(plain, annotated, mean=MEAN, std=STD, licence="Apache-2.0", name="net")
    backbone = read_backbone(annotated)
    assert (backbone.mean, backbone.std) == (MEAN, STD)
    assert (backbone.name, backbone.licence) == ("net", "Apache-2.0")
    assert plain.read_bytes() == data


def test_annotate_keeps_other_metadata(tmp_path: Path) -> None:
    path = write(network({"a": 8}), tmp_path / "net.onnx", name="net", source="a paper")
    annotate(path, path, mean=(0.5, 0.5, 0.5), std=STD, licence="MIT")
    known = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert (known["name"], known["source"], known["mean"]) == ("net", "a paper", "[0.5, 0.5, 0.5]")


def test_load_backbone_takes_the_path_of_a_file(tmp_path: Path) -> None:
    path = write(network({"a": 8, "b": 16}), tmp_path / "net.onnx")
    assert load_backbone(str(path), levels=["b"]).levels == (Level("b", 17, 16),)


def test_weights_beside_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="timm:NAME"):
        load_backbone("net.onnx", weights=tmp_path / "weights.safetensors")


@pytest.mark.parametrize(
    ("file", "levels"),
    [
        ("mobilenetv2", {"block1": 4, "block4": 8, "block11": 16, "block14": 32}),
        ("resnet50v2", {"stage1": 4, "stage2": 8, "stage3": 16}),
        ("squeezenet1.1", {"fire3": 4, "fire5": 8, "fire7": 16, "fire9": 16}),
    ],
)
def test_real_networks_are_read(shared: Path, file: str, levels: dict[str, int]) -> None:
    backbone = read_backbone(shared / "backbones" / f"{file}.onnx")
    assert {level.name: level.stride for level in backbone.levels} == levels
    assert (backbone.mean, backbone.std) == (MEAN, STD)
