"""A teacher from a file: either kind, either precision; and what is told of one that cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.detectors.efficientad import pdn_teacher as module
from blemish.detectors.efficientad.architecture import pdn
from blemish.detectors.efficientad.pdn_teacher import load_pdn
from blemish.detectors.efficientad.teacher import Statistics, statistics_of
from blemish.errors import BackboneError
from tiny_efficientad import random_teacher, tiny_teacher, write_teacher


def write_safetensors(path, weights):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    save_file(weights, path, metadata={"name": "mine", "licence": "MIT"})
    return path


def test_an_onnx_file_is_read_with_its_facts(tmp_path):
    teacher = load_pdn(str(tiny_teacher(tmp_path / "t.onnx")), "extra_small")
    wanted = random_teacher()
    assert teacher.weights.keys() == wanted.keys()
    for name, value in teacher.weights.items():
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, wanted[name].astype(np.float16))
    assert (teacher.name, teacher.licence, len(teacher.sha256)) == ("random", "CC0-1.0", 64)


@pytest.mark.parametrize("prefix", ["", "teacher."])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_safetensors_file_is_read_with_its_facts(tmp_path, prefix, dtype):
    weights = {f"{prefix}{name}": v.astype(dtype) for name, v in random_teacher("small").items()}
    path = write_safetensors(tmp_path / "t.safetensors", weights)
    teacher = load_pdn(str(path), "small")
    assert (teacher.name, teacher.licence) == ("mine", "MIT")
    np.testing.assert_array_equal(
        teacher.weights["conv3.bias"], weights[f"{prefix}conv3.bias"].astype(np.float32)
    )


def test_layers_numbered_as_in_a_chain_are_recognised(tmp_path):
    weights = random_teacher()
    numbers = {"conv1": 0, "conv2": 3, "conv3": 6, "conv4": 8}
    chained = {f"{numbers[name[:5]]}{name[5:]}": value for name, value in weights.items()}
    path = write_safetensors(tmp_path / "t.safetensors", chained)
    assert load_pdn(str(path), "extra_small").weights.keys() == weights.keys()


def test_a_teacher_of_another_size_is_told_with_the_setting_to_change(tmp_path):
    path = tiny_teacher(tmp_path / "t.onnx", kind="small")
    with pytest.raises(BackboneError, match="It is a 'small': set pdn=small"):
        load_pdn(str(path), "extra_small")


def test_missing_weights_and_wrong_shapes_are_told(tmp_path):
    weights = random_teacher()
    del weights["conv2.bias"]
    weights["conv4.weight"] = weights["conv4.weight"][:5]
    path = write_teacher(tmp_path / "t.onnx", weights)
    with pytest.raises(BackboneError) as error:
        load_pdn(str(path), "extra_small")
    assert "'conv2.bias' is missing." in str(error.value)
    assert "'conv4.weight' is 5 x 64 x 4 x 4, not 96 x 64 x 4 x 4." in str(error.value)


def test_weights_that_are_not_finite_are_told(tmp_path):
    weights = random_teacher()
    weights["conv3.bias"][0] = np.nan
    with pytest.raises(BackboneError, match=r"not finite, in 'conv3\.bias'"):
        load_pdn(str(write_teacher(tmp_path / "t.onnx", weights)), "extra_small")


@pytest.mark.parametrize("name", ["t.onnx", "t.safetensors"])
def test_a_file_of_another_kind_is_told(tmp_path, name):
    pytest.importorskip("safetensors")
    (tmp_path / name).write_text("no teacher")
    with pytest.raises(BackboneError, match="safetensors file"):
        load_pdn(str(tmp_path / name), "extra_small")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(BackboneError, match="Cannot read teacher"):
        load_pdn(str(tmp_path / "none.onnx"), "extra_small")


def test_where_the_package_has_no_teacher_a_file_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(module.resources, "files", lambda _: tmp_path)
    with pytest.raises(BackboneError, match="teacher=FILE"):
        load_pdn(None, "small")


def test_normalised_features_have_mean_0_and_spread_1(tmp_path):
    torch = pytest.importorskip("torch", reason="needs the extra 'train'")
    from blemish.detectors.nets.module import fixed_net

    teacher = load_pdn(str(tiny_teacher(tmp_path / "t.onnx")), "extra_small")
    images = torch.randn(3, 3, 64, 64)

    def features(weights):
        with torch.no_grad():
            return fixed_net(pdn("extra_small"), weights)(images).double().numpy()

    raw = features(teacher.weights)
    found = statistics_of(raw.mean((2, 3)), raw.var((2, 3)))
    np.testing.assert_allclose(found.mean, raw.mean((0, 2, 3)))
    np.testing.assert_allclose(found.std, raw.std((0, 2, 3)))
    normal = features(teacher._normalised(found))
    np.testing.assert_allclose(normal.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(normal.std((0, 2, 3)), 1, rtol=1e-5)


def test_a_feature_that_does_not_vary_is_not_divided():
    found = Statistics(np.array([3.0, 0.0, 1.0]), np.array([1e-9, 0.0, 0.5]))
    assert found.constant.tolist() == [True, True, False]
    assert found.divisor.tolist() == [1, 1, 0.5]


def test_what_does_not_vary_is_told_by_its_own_level():
    mean, std = np.array([1e9, 1e9, 3.0, 3.0]), np.array([1e8, 0.0, 1.0, 0.0])
    assert Statistics(mean, std, (2, 2)).constant.tolist() == [False, True, False, True]
    assert Statistics(mean, std).constant.tolist() == [False, True, True, True]
