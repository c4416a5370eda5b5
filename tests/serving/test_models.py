"""Several models, warm: swapped as a whole or not at all."""

from __future__ import annotations

import gc
import shutil
import threading
import weakref

import numpy as np
import pytest
from PIL import Image

import blemish
from blemish.errors import ImageError, ModelFileError, SettingError, UsageError
from blemish.serving.models import Models, UnknownModelError, names_of


@pytest.fixture(scope="module")
def second(model, tmp_path_factory):
    """Another file of the same detector."""
    path = tmp_path_factory.mktemp("second") / "second.onnx"
    image = np.zeros((64, 64, 3), np.uint8)
    golden = tmp_path_factory.mktemp("golden")
    Image.fromarray(image).save(golden / "black.png")
    blemish.keep_golden(model, golden).save(path)
    return path


def test_one_image_gives_what_predict_gives_alone_and_beside_others(models, model, image):
    expected = model.predict(image)
    alone = models.judge("noise", image, file_name="a.png")
    assert alone.prediction.path == "a.png"
    assert alone.served.model.sha256 == model.sha256
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(models.judge(None, image).prediction))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for prediction in (alone.prediction, *found):
        assert prediction.score == pytest.approx(expected.score, abs=1e-6)
        assert prediction.verdict == expected.verdict
    assert len(found) == 8
    assert models.running == 0


def test_pixels_are_judged_as_their_file_is(models, model, image):
    pixels = model.read(image)
    judged = models.judge("noise", pixels)
    assert judged.prediction.score == pytest.approx(model.predict(image).score, abs=1e-6)
    assert np.array_equal(judged.pixels, pixels)


def test_a_name_that_is_not_there_is_told_with_those_that_are(models):
    with pytest.raises(UnknownModelError, match="Did you mean 'noise'"):
        models.get("noisy")
    with pytest.raises(UnknownModelError, match="none yet"):
        Models().get()
    models = Models.load({"noise": models.get().path, "other": models.get().path})
    with pytest.raises(UnknownModelError, match="Say which model; there are noise, other"):
        models.get()


def test_names_are_those_of_files_or_as_they_are_told(tmp_path):
    found = names_of(["a/tile.onnx", f"line={tmp_path}/x.onnx", "b.onnx"])
    assert list(found) == ["tile", "line", "b"]
    for words in (["a/t.onnx", "b/t.onnx"], ["my tile.onnx"], ["=a.onnx"], ["../.onnx"]):
        with pytest.raises(UsageError):
            names_of(words)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "ä", "x" * 101, "a\0b"])
def test_a_name_leads_nowhere(models, name):
    with pytest.raises(UsageError):
        models.reload(name, models.get().path)


def test_what_is_no_sound_model_leaves_the_old_one(models, model_file, tmp_path, image):
    before = models.get("noise")
    damaged = bytearray(model_file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    for content in (bytes(damaged), b"", b"no model"):
        path = tmp_path / "broken.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelFileError):
            models.reload("noise", path)
    with pytest.raises(ModelFileError):
        models.reload("noise", tmp_path / "none.onnx")
    with pytest.raises(UsageError, match="has the hash"):
        models.reload("noise", model_file, sha256="0" * 64)
    assert models.get("noise") is before
    assert models.judge("noise", image)


def test_those_before_come_back_by_their_hash_even_when_their_file_is_gone(
    model_file, second, tmp_path, image
):
    path = tmp_path / "line.onnx"
    shutil.copy(model_file, path)
    models = Models.load({"line": path})
    first = models.get().model.sha256
    shutil.copy(second, path)
    other = models.reload("line", path).model.sha256
    assert first != other
    path.unlink()
    assert models.roll_back("line").model.sha256 == first
    assert [one.sha256 for one in models.before("line")] == [other]
    assert models.roll_back("line", other[:12]).model.sha256 == other
    assert models.judge("line", image).served.model.sha256 == other
    for sha256 in ("0" * 12, other):
        with pytest.raises(UnknownModelError, match="there are"):
            models.roll_back("line", sha256)


def test_a_model_that_is_replaced_ends_what_it_began_and_is_freed(model_file, second, image):
    models = Models.load({"line": model_file})
    held = models.get("line")
    models.reload("line", second)
    assert held.model.predict(image)
    gone = weakref.ref(held.model)
    del held
    gc.collect()
    assert gone() is None


def test_models_are_swapped_while_images_are_judged(model_file, second, image):
    models = Models.load({"line": model_file})
    scores = {file: blemish.load(file).predict(image).score for file in (model_file, second)}
    errors, stop = [], threading.Event()

    def judge():
        while not stop.is_set():
            try:
                found = models.judge("line", image)
                expected = scores[found.served.path]
                assert found.prediction.score == pytest.approx(expected, abs=1e-6)
            except Exception as error:
                errors.append(error)
                return

    threads = [threading.Thread(target=judge) for _ in range(3)]
    for thread in threads:
        thread.start()
    for file in (second, model_file):
        models.reload("line", file)
    stop.set()
    for thread in threads:
        thread.join(60)
    assert not errors


def test_what_an_image_may_cost_is_bounded(model_file, image):
    models = Models.load({"line": model_file}, limits=blemish.ReadLimits(max_pixels=64 * 63))
    with pytest.raises(ImageError, match="max_pixels"):
        models.judge("line", image)
    with pytest.raises(SettingError, match="memory_bytes"):
        Models.load({"line": model_file}, memory_bytes=1000)
