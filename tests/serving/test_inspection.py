"""An image over HTTP is judged as `predict` judges it."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from blemish.images.score_map import read_score_map


def same(answer, prediction):
    expected = json.loads(json.dumps(prediction.to_dict()))
    for values in (answer, expected):
        values.pop("seconds")
    assert answer == expected


def test_the_answer_is_what_predict_says(client, model, image):
    response = client.post("/v1/inspect", content=image)
    assert response.status_code == 200
    same(response.json(), model.predict(image))
    assert response.headers["Blemish-Model"] == model.sha256
    assert response.headers["Blemish-Verdict"] == "defect"


def test_a_form_gives_the_image_its_name(client, model, image):
    response = client.post("/v1/inspect", files={"image": ("part 7.png", image)})
    assert response.json()["path"] == "part 7.png"
    assert response.json()["score"] == pytest.approx(model.predict(image).score, abs=1e-6)


def test_the_model_can_be_named_in_the_address_or_the_query(client, image):
    for address in ("/v1/models/noise/inspect", "/v1/inspect?model=noise"):
        assert client.post(address, content=image).status_code == 200
    for address in ("/v1/models/nose/inspect", "/v1/inspect?model=nose"):
        response = client.post(address, content=image)
        assert response.status_code == 404
        assert "Did you mean 'noise'?" in response.json()["error"]


@pytest.mark.parametrize(("answer", "suffix"), [("npy", "npy"), ("tiff", "tiff"), ("png16", "png")])
def test_the_map_is_given_as_a_file(client, model, image, tmp_path, answer, suffix):
    response = client.post(f"/v1/inspect?answer={answer}", content=image)
    path = tmp_path / f"map.{suffix}"
    path.write_bytes(response.content)
    expected = model.predict(image).score_map
    tolerance = 1e-6 if answer != "png16" else float(np.ptp(expected)) / 65535
    np.testing.assert_allclose(read_score_map(path), expected, atol=tolerance)
    assert float(response.headers["Blemish-Score"]) == pytest.approx(
        model.predict(image).score, abs=1e-6
    )


def test_the_overlay_is_a_drawing_of_the_image(client, image):
    response = client.post("/v1/inspect?answer=overlay&outlines=true", content=image)
    assert response.headers["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(response.content)).size == (64, 64)


@pytest.mark.parametrize("body", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"BM" + b"\0" * 60])
def test_what_is_no_image_is_refused_in_a_sentence(client, body):
    response = client.post("/v1/inspect", content=body)
    assert response.status_code == 422
    assert response.json()["error"].startswith("the image: ")


def test_a_form_without_the_image_is_refused(client, image):
    for files in ({"picture": ("a.png", image)}, [("image", ("a", image)), ("b", ("b", image))]):
        assert client.post("/v1/inspect", files=files).status_code == 400
    broken = {"Content-Type": "multipart/form-data"}
    assert client.post("/v1/inspect", content=b"--x", headers=broken).status_code == 400
