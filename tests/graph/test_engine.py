from __future__ import annotations

from types import SimpleNamespace

import pytest

from blemish.errors import SettingError, UsageError
from blemish.graph.engine import Engine


def test_an_unknown_provider_is_refused_with_the_nearest_known():
    with pytest.raises(UsageError, match=r"Unknown provider 'cpuu'.*cpu"):
        Engine("cpuu")


def test_a_name_may_have_the_number_of_a_device():
    assert Engine.named("cuda:1") == Engine("cuda", device=1)
    assert Engine.named("cpu") == Engine()


@pytest.mark.parametrize("name", ["cuda:", "cuda:x", "cuda:-1", "cuda:1:2", "cuda:99999"])
def test_a_device_that_is_no_number_is_refused(name):
    with pytest.raises(UsageError, match="names no device: a number follows the colon"):
        Engine.named(name)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"threads": 0}, r"'threads' must be in \[1, 1024\]; got 0"),
        ({"threads": 10**6}, r"'threads' must be in \[1, 1024\]"),
        ({"threads": "2"}, "'threads' must be a whole number; got '2'"),
        ({"threads": True}, "'threads' must be a whole number; got True"),
        ({"device": 1.5}, "'device' must be a whole number; got 1.5"),
        ({"device": -1}, "'device' must be 0 or more; got -1"),
        ({"device": 1}, "cpu has no devices with numbers; cuda, tensorrt, directml have"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(values, said):
    with pytest.raises(SettingError, match=said):
        Engine(**values)


def test_a_provider_that_is_not_there_is_never_replaced(model):
    with pytest.raises(UsageError, match=r"'directml' is not in this build.*onnxruntime-directml"):
        Engine("directml").load(model._data)


def test_only_the_processor_runs_images_on_a_core_each():
    assert Engine(threads=3).at_once == 3
    assert Engine("cuda", threads=3).at_once == 1


def test_a_card_is_told_to_keep_float32(monkeypatch):
    """ONNX Runtime's own default would round products to 10 bits, where thresholds had 24."""
    cuda, given = "CUDAExecutionProvider", []

    def session(model, options, providers):
        given.extend(providers)
        return SimpleNamespace(get_providers=lambda: [cuda])

    fake = SimpleNamespace(
        get_available_providers=lambda: [cuda],
        SessionOptions=SimpleNamespace,
        InferenceSession=session,
    )
    monkeypatch.setattr("blemish.graph.engine.onnxruntime", lambda: fake)
    Engine("cuda", device=1).load(b"")
    assert given == [(cuda, {"use_tf32": "0", "device_id": 1})]
