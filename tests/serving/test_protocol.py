"""The Open Inference Protocol, with a client that was not made for blemish."""

from __future__ import annotations

import json

import numpy as np
import pytest

import blemish
from blemish.serving.app import make_app
from blemish.serving.models import Models
from served import running


@pytest.fixture(scope="module")
def address(models):
    with running(make_app(models)) as address:
        yield address


@pytest.fixture(scope="module")
def triton(address):
    client = pytest.importorskip("tritonclient.http", reason="needs tritonclient[http]")
    with client.InferenceServerClient(address, network_timeout=60) as made:
        made.kinds = client
        yield made


@pytest.fixture(scope="module")
def images(models, category):
    paths = sorted(category.glob("test/*/*.png"))[:3]
    return np.stack([models.get().model.read(path) for path in paths])


def given(triton, images, *, binary):
    tensor = triton.kinds.InferInput("image", list(images.shape), "UINT8")
    tensor.set_data_from_numpy(images, binary_data=binary)
    return [tensor]


def test_triton_s_client_sees_a_server_and_its_model(triton, model):
    version = model.sha256[:12]
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("noise")
    assert triton.is_model_ready("noise", version)
    assert not triton.is_model_ready("nose")
    assert not triton.is_model_ready("noise", "2")
    assert triton.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    about = triton.get_model_metadata("noise", version)
    assert about["versions"] == [version]
    assert about["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}]


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("asked", [True, False])
def test_triton_s_client_has_the_scores_of_predict(triton, model, images, sent, asked):
    wanted = [
        triton.kinds.InferRequestedOutput(name, binary_data=asked)
        for name in ("score", "score_map", "verdict")
    ]
    result = triton.infer(
        "noise", given(triton, images, binary=sent), outputs=wanted, request_id="part 7"
    )
    expected = model.predict(list(images))
    np.testing.assert_allclose(result.as_numpy("score"), [p.score for p in expected], atol=1e-6)
    np.testing.assert_allclose(
        result.as_numpy("score_map"), [p.score_map for p in expected], atol=1e-6
    )
    verdicts = [v.decode() if isinstance(v, bytes) else v for v in result.as_numpy("verdict")]
    assert verdicts == [str(p.verdict) for p in expected]
    assert result.get_response()["id"] == "part 7"
    assert result.get_response()["model_version"] == model.sha256[:12]
    assert result.as_numpy("prediction") is None


def test_who_names_no_output_has_all(triton, model, images):
    result = triton.infer("noise", given(triton, images[:1], binary=True))
    (told,) = result.as_numpy("prediction")
    assert json.loads(told)["verdict"] == str(model.predict(images[0]).verdict)
    assert result.as_numpy("score_map").shape == (1, 64, 64)


def request(images, **changes):
    tensor = {"name": "image", "shape": list(images.shape), "datatype": "UINT8"}
    return {"inputs": [tensor | {"data": images.ravel().tolist()} | changes]}


def test_numbers_may_be_nested(client, model, images):
    nested = request(images, data=images.tolist()) | {"outputs": [{"name": "score"}]}
    answer = client.post("/v2/models/noise/infer", json=nested).json()
    (score,) = answer["outputs"]
    assert score["data"] == pytest.approx([p.score for p in model.predict(list(images))], abs=1e-6)
    assert "id" not in answer


WRONG = {
    "another name": {"name": "img"},
    "another type": {"datatype": "FP32"},
    "no type": {"datatype": "UINT9"},
    "three axes": {"shape": [64, 64, 3]},
    "four channels": {"shape": [1, 48, 64, 4]},
    "too few values": {"shape": [1, 64, 65, 3]},
    "a size of nothing": {"shape": [0, 64, 64, 3]},
    "a negative size": {"shape": [-1, 64, 64, 3]},
    "a huge size": {"shape": [1 << 30, 1 << 30, 1 << 30, 3]},
    "too many images": {"shape": [512, 8, 1, 3]},
    "beyond white": {"data": [256] * 64 * 64 * 3},
    "below black": {"data": [-1] * 64 * 64 * 3},
    "fractions": {"data": [0.5] * 64 * 64 * 3},
    "texts": {"data": ["0"] * 64 * 64 * 3},
    "nothing": {"data": None},
    "ragged": {"data": [[[[1, 2, 3], [1]]]]},
    "a number beyond all": {"data": [10**30] * 64 * 64 * 3},
    "bytes that do not follow": {"parameters": {"binary_data_size": 12288}},
    "bytes of no number": {"parameters": {"binary_data_size": "many"}},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told(client, images, name):
    response = client.post("/v2/models/noise/infer", json=request(images[:1], **WRONG[name]))
    assert response.status_code in (400, 422), response.text
    assert response.json()["error"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"inputs": []}', b"[" * 10**5, b"\xff"]
)
def test_what_is_no_request_is_told(client, body):
    response = client.post("/v2/models/noise/infer", content=body)
    assert response.status_code == 400
    assert response.json()["error"]


@pytest.mark.parametrize("length", ["x", "-1", "10000000", "1" * 30, "²"])
def test_a_head_of_another_length_is_told(client, images, length):
    content = json.dumps(request(images[:1])).encode()
    headers = {"Inference-Header-Content-Length": length.encode()}
    response = client.post("/v2/models/noise/infer", content=content, headers=headers)
    assert response.status_code == 400


def test_bytes_of_another_number_than_their_shape_takes_are_told(client, images):
    tensor = request(images[:1])["inputs"][0] | {"parameters": {"binary_data_size": 5}}
    del tensor["data"]
    head = json.dumps({"inputs": [tensor]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    for tail in (b"12345", b"123456", b""):
        response = client.post("/v2/models/noise/infer", content=head + tail, headers=headers)
        assert response.status_code == 400


def test_an_image_that_the_model_does_not_take_is_told(client, images):
    small = request(np.zeros((1, 4, 4, 3), np.uint8))
    response = client.post("/v2/models/noise/infer", json=small)
    assert response.status_code == 422
    assert "min_side_px" in response.json()["error"]


def test_a_map_too_large_for_json_is_to_be_asked_for_as_bytes(client, monkeypatch, images):
    monkeypatch.setattr("blemish.serving.tensors.MOST_JSON_VALUES", 4000)
    response = client.post("/v2/models/noise/infer", json=request(images[:1]))
    assert response.status_code == 400
    assert "binary data" in response.json()["error"]


def test_models_and_outputs_that_are_not_there_are_told_with_those_that_are(client, images):
    body = request(images[:1])
    assert client.post("/v2/models/nose/infer", json=body).status_code == 404
    assert client.post("/v2/models/noise/versions/2/infer", json=body).status_code == 404
    response = client.post("/v2/models/noise/infer", json=body | {"outputs": [{"name": "scores"}]})
    assert response.status_code == 400
    assert "score_map" in response.json()["error"]


def test_a_model_of_16_bits_takes_16_bits(tmp_path, backbone):
    from PIL import Image

    from tiny import tiny_settings

    rng = np.random.default_rng(0)
    for number in range(6):
        deep = rng.integers(0, 4096, (64, 64)).astype(np.uint16)
        path = tmp_path / "deep" / "train" / "good" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(deep).save(path)
    dataset = blemish.open_dataset(tmp_path / "deep")
    blemish.fit(dataset, blemish.PatchCore(**tiny_settings(backbone))).save(tmp_path / "deep.onnx")
    from fastapi.testclient import TestClient

    from served import HERE

    models = Models.load({"deep": tmp_path / "deep.onnx"})
    image = models.get().model.read(path)[None]
    body = request(image, datatype="UINT16") | {"outputs": [{"name": "score"}]}
    with TestClient(make_app(models), base_url=HERE) as client:
        (score,) = client.post("/v2/models/deep/infer", json=body).json()["outputs"]
        wrong = client.post("/v2/models/deep/infer", json=request(image))
    assert score["data"] == pytest.approx([models.get().model.predict(path).score], abs=1e-6)
    assert wrong.status_code == 400
