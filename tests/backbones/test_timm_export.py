from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from blemish.backbones import load_backbone, read_backbone, timm_export
from blemish.backbones.timm_export import cache_folder, export_timm
from blemish.errors import BackboneError, BlemishError, MissingExtraError
from blemish.graph.session import Session


def save_weights(timm: ModuleType, name: str, path: Path, **changes: Any) -> Path:
    """A safetensors file of a whole model with random weights; `changes` replace or (None) drop.

    Batch norms get random scales (timm starts with zeros, which would hide the residual branches)
    and the statistics of a batch, as training would leave them, so that maps are of order one.
    """
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = timm.create_model(name).train()
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.uniform_(norm.bias, -0.5, 0.5)
        norm.momentum = 1.0
    if norms:
        with torch.no_grad():
            model(torch.randn(4, 3, 96, 96))
    tensors = model.state_dict() | changes
    save_file({key: value for key, value in tensors.items() if value is not None}, path)
    return path


@pytest.fixture(scope="module")
def weights(timm: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_weights(timm, "resnet18", tmp_path_factory.mktemp("weights") / "r18.safetensors")


@pytest.fixture(scope="module")
def resnet18(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_timm("resnet18", weights=weights, cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture
def exported_before(resnet18: Path, monkeypatch: pytest.MonkeyPatch) -> onnx.ModelProto:
    """Put an export made before in the place of the next ones, which saves their time."""
    model = onnx.load(resnet18)
    monkeypatch.setattr(timm_export, "_to_onnx", lambda network, name: model)
    return model


def metadata_of(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_levels_have_timms_names_up_to_stride_16(resnet18: Path) -> None:
    levels = {level.name: level.stride for level in read_backbone(resnet18).levels}
    assert levels == {"act1": 2, "layer1": 4, "layer2": 8, "layer3": 16}


def test_layers_beyond_the_levels_are_not_in_the_file(resnet18: Path) -> None:
    assert resnet18.stat().st_size < 12e6  # of 45 MB with layer4


def test_batch_norms_are_folded(resnet18: Path) -> None:
    kinds = {node.op_type for node in onnx.load(resnet18).graph.node}
    assert kinds == {"Conv", "Relu", "MaxPool", "Add"}


def test_the_file_says_how_to_normalise_and_where_it_is_from(resnet18: Path, weights: Path) -> None:
    backbone = read_backbone(resnet18)
    assert backbone.name == "resnet18"
    assert backbone.mean == (0.485, 0.456, 0.406)
    assert backbone.std == (0.229, 0.224, 0.225)
    assert metadata_of(resnet18)["source"].startswith(f"timm {metadata.version('timm')}, weights ")


def test_timms_licence_is_not_claimed_for_weights_from_elsewhere(resnet18: Path) -> None:
    assert read_backbone(resnet18).licence == "not stated"


def test_nothing_of_the_machine_is_in_the_file(resnet18: Path) -> None:
    data = resnet18.read_bytes()
    assert b"site-packages" not in data
    assert str(Path.cwd()).encode() not in data


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "mobilenetv3_small_050",
        pytest.param("efficientnet_b0", marks=pytest.mark.slow),
        pytest.param("convnext_atto", marks=pytest.mark.slow),
        pytest.param("wide_resnet50_2", marks=[pytest.mark.slow, pytest.mark.long]),
    ],
)
def test_maps_are_those_of_torch_for_any_size_and_batch(
    timm: ModuleType, tmp_path: Path, name: str
) -> None:
    """The twin loads the weights through timm's own way and computes in float64.

    In float32 torch itself is off by more than 1e-4 where 50 layers give maps of order ten, so the
    bound is taken of the largest value of a map.
    """
    import torch
    from safetensors.torch import load_file

    weights = save_weights(timm, name, tmp_path / "weights.safetensors")
    session = Session(export_timm(name, weights=weights, cache=tmp_path).read_bytes())
    twin = timm.create_model(
        name,
        features_only=True,
        pretrained=True,
        pretrained_cfg_overlay={"state_dict": load_file(weights)},
    )
    twin = twin.eval().double()
    for shape in [(1, 3, 100, 130), (3, 3, 256, 256), (2, 3, 64, 512)]:
        image = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            wanted = dict(zip(twin.feature_info.module_name(), twin(image.double()), strict=True))
        maps = dict(zip(session.outputs, session.run(None, image=image.numpy()), strict=True))
        assert len(maps) >= 3
        for level, ours in maps.items():
            theirs = wanted[level].numpy()
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * np.abs(theirs).max())


def test_same_weights_give_the_same_bytes(resnet18: Path, weights: Path, tmp_path: Path) -> None:
    again = export_timm("resnet18", weights=weights, cache=tmp_path)
    assert again.name == resnet18.name
    assert again.read_bytes() == resnet18.read_bytes()


def test_other_weights_get_another_file(resnet18: Path, timm: ModuleType, tmp_path: Path) -> None:
    import torch

    bias = torch.ones(64)
    other = save_weights(timm, "resnet18", tmp_path / "other.safetensors", **{"bn1.bias": bias})
    path = export_timm("resnet18", weights=other, cache=resnet18.parent)
    assert path != resnet18
    assert read_backbone(path).sha256 != read_backbone(resnet18).sha256


def test_a_file_in_the_cache_is_found_without_torch(resnet18: Path, weights: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from blemish.backbones.timm_export import export_timm\n"
        "weights, cache = map(Path, sys.argv[1:])\n"
        "print(export_timm('resnet18', weights=weights, cache=cache))\n"
        "assert not {'torch', 'timm', 'safetensors'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, weights, resnet18.parent],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == str(resnet18)


def test_load_backbone_exports_into_the_users_cache(
    exported_before: onnx.ModelProto,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timm_export, "cache_folder", lambda: tmp_path / "new" / "folder")
    backbone = load_backbone("timm:resnet18", weights=weights)
    assert [level.name for level in backbone.levels] == ["layer2", "layer3"]
    assert [path.suffix for path in (tmp_path / "new" / "folder").iterdir()] == [".onnx"]


def test_weights_without_classifier_and_last_stage_are_enough(
    timm: ModuleType, resnet18: Path, tmp_path: Path
) -> None:
    keys = timm.create_model("resnet18").state_dict()
    left_out = {key: None for key in keys if key.startswith(("fc.", "layer4."))}
    cut = save_weights(timm, "resnet18", tmp_path / "cut.safetensors", **left_out)
    ours, whole = (
        onnx.load(path).graph.SerializeToString(deterministic=True)
        for path in (export_timm("resnet18", weights=cut, cache=tmp_path), resnet18)
    )
    assert ours == whole


def test_weights_that_lack_a_layer_are_refused_and_the_layer_named(
    timm: ModuleType, tmp_path: Path
) -> None:
    lacking = {"layer2.0.conv1.weight": None}
    path = save_weights(timm, "resnet18", tmp_path / "lacking.safetensors", **lacking)
    with pytest.raises(BackboneError, match=r"does not fit .*lacks layer2\.0\.conv1\.weight\."):
        export_timm("resnet18", weights=path, cache=tmp_path)


def test_weights_of_another_model_are_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(BackboneError) as caught:
        export_timm("resnet50", weights=weights, cache=tmp_path)
    assert "it lacks layer1.0.conv3.weight" in str(caught.value)
    assert "other shapes have layer1.0.conv1.weight ([64, 64, 3, 3] instead of" in str(caught.value)


def test_a_file_that_is_no_safetensors_is_refused(timm: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"a pickle, say")
    with pytest.raises(BackboneError, match="is not a safetensors file"):
        export_timm("resnet18", weights=path, cache=tmp_path)


def test_missing_weights_are_named(timm: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"Cannot read weights '.*absent\.safetensors'"):
        export_timm("resnet18", weights=tmp_path / "absent.safetensors", cache=tmp_path)


def test_a_refused_download_asks_for_a_file(
    timm: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("connection refused")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", refuse)
    with pytest.raises(BackboneError, match=r"connection refused.*weights=FILE\.safetensors"):
        export_timm("resnet18", cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_downloaded_weights_carry_timms_licence_and_origin(
    exported_before: onnx.ModelProto,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from safetensors.torch import load_file

    monkeypatch.setattr(
        "timm.models._builder.load_state_dict_from_hf", lambda *_, **__: load_file(weights)
    )
    path = export_timm("resnet18.a1_in1k", cache=tmp_path)
    assert path.name.startswith("resnet18.a1_in1k-")
    assert read_backbone(path).licence == "apache-2.0"
    assert metadata_of(path)["source"].endswith("weights timm/resnet18.a1_in1k")


def test_an_unknown_model_is_answered_with_the_closest(timm: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"no model 'resnet19'\. Did you mean 'resnet1"):
        export_timm("resnet19", cache=tmp_path)


def test_a_model_of_one_fixed_size_is_refused(timm: ModuleType, tmp_path: Path) -> None:
    name = "vit_tiny_patch16_224"
    weights = save_weights(timm, name, tmp_path / "vit.safetensors")
    with pytest.raises(BackboneError, match="cannot be exported with free height and width"):
        export_timm(name, weights=weights, cache=tmp_path)
    assert list(tmp_path.glob("*.onnx")) == []


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_an_export_that_differs_from_torch_is_refused(
    exported_before: onnx.ModelProto, weights: Path, tmp_path: Path, value: float
) -> None:
    bias = next(tensor for tensor in exported_before.graph.initializer if len(tensor.dims) == 1)
    bias.CopyFrom(numpy_helper.from_array(np.full(bias.dims, value, np.float32), bias.name))
    with pytest.raises(BackboneError, match="gives other maps than torch"):
        export_timm("resnet18", weights=weights, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(
    exported_before: onnx.ModelProto,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BlemishError, match=r"Cannot write .*No space left on device"):
        export_timm("resnet18", weights=weights, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_made_is_told(
    exported_before: onnx.ModelProto, weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackboneError, match="Cannot make"):
        export_timm("resnet18", weights=weights, cache=tmp_path / "file" / "cache")


def test_an_interrupt_leaves_nothing(
    exported_before: onnx.ModelProto,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_timm("resnet18", weights=weights, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_the_error_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", absent)
    with pytest.raises(MissingExtraError, match=r"'timm:resnet18'.*blemish\[train\]"):
        export_timm("resnet18", cache=tmp_path)


def test_a_torchvision_of_another_build_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "timm.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    monkeypatch.setattr(metadata, "version", lambda _: "1.2.3")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    with pytest.raises(BackboneError, match=r"torchvision that is installed does not fit torch"):
        export_timm("resnet18", cache=tmp_path)


@pytest.mark.parametrize(
    ("platform", "variable", "default"),
    [
        ("linux", "XDG_CACHE_HOME", ".cache"),
        ("win32", "LOCALAPPDATA", "AppData/Local"),
    ],
)
def test_the_cache_is_where_the_system_keeps_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, variable: str, default: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert cache_folder() == tmp_path / "blemish" / "backbones"
    monkeypatch.delenv(variable)
    assert cache_folder() == Path.home() / default / "blemish" / "backbones"


def test_the_cache_on_macos_is_in_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "blemish" / "backbones"
