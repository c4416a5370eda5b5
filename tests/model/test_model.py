"""Model files: the same score everywhere, and nothing but a sound file is accepted."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import blemish
from blemish.errors import BlemishError, ImageError, ModelFileError, UsageError
from blemish.graph.engine import Engine
from blemish.images.regions import find_regions
from blemish.model.facts import SCHEMA
from blemish.model.file import sign
from blemish.model.model import Model
from blemish.result import Failure
from tiny import SIDE

MODELS = Path(__file__).parent / "models"

PLAIN = """
import json, sys
import numpy as np, onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1])
image = np.asarray(Image.open(sys.argv[2]).convert("RGB"))
score, score_map = session.run(["score", "score_map"], {"image": image[None]})
facts = json.loads(session.get_modelmeta().custom_metadata_map["blemish"])
threshold = facts["calibration"]["image_threshold"]
print(json.dumps([float(score[0]), float(score_map.max()), threshold]))
"""
ODD_SIZES = [(226, 282), (900, 900), (64, 512), (8, 8)]


def noise(size_hw, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (*size_hw, 3)).astype(np.uint8)


@pytest.fixture(scope="session")
def file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    model.save(path)
    return path


@pytest.mark.parametrize("size_hw", ODD_SIZES)
def test_a_score_is_the_same_by_path_array_batch_and_plain_onnxruntime(file, tmp_path, size_hw):
    loaded = blemish.load(file)
    images = [noise(size_hw, seed) for seed in range(8)]
    paths = [tmp_path / f"{i}.png" for i in range(8)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    by_array = loaded.predict(images[3])
    by_path = loaded.predict(str(paths[3]))
    in_batch = list(loaded.predict_each(paths, batch=8))[3]
    plain = subprocess.run(
        [sys.executable, "-c", PLAIN, str(file), str(paths[3])],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    score, peak, threshold = json.loads(plain.stdout)
    for found in (by_path.score, in_batch.score, score):
        assert found == pytest.approx(by_array.score, rel=1e-5)
    assert peak == pytest.approx(by_array.score_map.max(), rel=1e-5)
    assert threshold == loaded.calibration.image_threshold
    np.testing.assert_allclose(in_batch.score_map, by_array.score_map, rtol=1e-5, atol=1e-5)
    assert by_array.score_map.shape == size_hw


def test_a_saved_model_judges_to_the_bit_as_before(model, file):
    images = [noise((70, 90), seed) for seed in range(3)]
    loaded = blemish.load(file)
    for before, after in zip(model.predict(images), loaded.predict(images), strict=True):
        assert before.score == after.score
        assert before.p_value == after.p_value
        np.testing.assert_array_equal(before.score_map, after.score_map)


def test_verdict_and_regions_follow_from_the_thresholds(model, category):
    defect, good = (
        model.predict(next((category / "test" / kind).glob("*.png"))) for kind in ("spot", "good")
    )
    assert (defect.verdict, good.verdict) == ("defect", "good")
    assert defect.score > model.calibration.image_threshold >= good.score
    assert defect.p_value == pytest.approx(1 / 25)
    assert defect.regions
    region = defect.regions[0]
    x, y = region.peak_xy
    assert defect.score_map[y, x] == region.peak_score > model.calibration.pixel_threshold


@pytest.mark.parametrize("images", [1, 3])
def test_outlines_are_those_of_regions_in_the_original_image(model, category, images):
    spot = np.asarray(Image.open(next((category / "test" / "spot").glob("*.png"))))
    spot = spot[:50]  # of another size and shape than the working image
    results = model.predict([spot] * images, outlines=True)
    assert len(results) == images
    for result in results:
        assert result.regions
        expected = find_regions(result.score_map, model.calibration.pixel_threshold, outlines=True)
        assert result.regions == expected
        ((x, y), *_), *_ = result.regions[0].outline_xy
        assert y == result.regions[0].box_xyxy[1]
        assert result.score_map[y, x] > model.calibration.pixel_threshold


def test_images_in_other_forms_are_taken(model):
    grey = noise((40, 40))[:, :, 0]
    expected = model.predict(np.repeat(grey[..., None], 3, axis=2)).score
    assert model.predict(grey).score == expected
    assert model.predict(Image.fromarray(grey)).score == expected


def test_a_tuple_of_images_is_several(model):
    images = tuple(noise((30, 30), seed) for seed in range(2))
    assert len(model.predict(images)) == 2


@pytest.mark.parametrize("bad", [np.zeros((5, 5)), np.zeros((4, 40, 40, 3), np.uint8), "no.png"])
def test_what_is_no_image_is_an_image_error(model, bad):
    with pytest.raises(ImageError):
        model.predict(bad)


def test_sixteen_bit_images_are_refused_by_a_model_of_eight_bits(model):
    with pytest.raises(ImageError, match="fitted on 8-bit"):
        model.predict(np.zeros((40, 40), np.uint16))


def test_one_unreadable_image_is_a_failure_and_the_rest_go_on(model, tmp_path):
    Image.fromarray(noise((30, 30))).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no image")
    Image.fromarray(noise((30, 30))).save(tmp_path / "c.png")
    results = list(model.predict_each(sorted(tmp_path.glob("*.png"))))
    assert [isinstance(result, blemish.Failure) for result in results] == [False, True, False]
    assert "b.png" in results[1].to_dict()["error"]


def test_results_come_in_order_whatever_the_sizes(model, tmp_path):
    sizes = [(30, 30), (30, 30), (40, 30), (30, 30), (50, 50), (50, 50)]
    for i, size in enumerate(sizes):
        Image.fromarray(noise(size, i)).save(tmp_path / f"{i}.png")
    results = list(model.predict_each(sorted(tmp_path.glob("*.png"))))
    assert [r.score_map.shape for r in results] == sizes


def test_a_truncated_file_is_told(file, tmp_path):
    for share in (0.0, 0.3, 0.999):
        cut = tmp_path / f"{share}.onnx"
        cut.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
        with pytest.raises(ModelFileError, match="truncated"):
            blemish.load(cut)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_changed_byte_is_told(file, tmp_path, place):
    data = bytearray(file.read_bytes())
    data[int(place * len(data))] ^= 1
    (tmp_path / "changed.onnx").write_bytes(data)
    with pytest.raises(ModelFileError, match="changed or damaged"):
        blemish.load(tmp_path / "changed.onnx")


def test_a_changed_threshold_is_told(file, tmp_path, model):
    stated = str(model.calibration.image_threshold)[:6].encode()
    data = file.read_bytes()
    assert stated in data
    (tmp_path / "changed.onnx").write_bytes(data.replace(stated, b"9" * len(stated)))
    with pytest.raises(ModelFileError, match="changed or damaged"):
        blemish.load(tmp_path / "changed.onnx")


def test_a_foreign_model_is_told_apart_from_a_broken_one(backbone, tmp_path):
    with pytest.raises(ModelFileError, match="not one that blemish made"):
        blemish.load(backbone)
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ModelFileError, match="no ONNX model"):
        blemish.load(tmp_path / "text.onnx")
    with pytest.raises(ModelFileError, match="No such file"):
        blemish.load(tmp_path / "missing.onnx")


def test_a_newer_schema_says_to_upgrade(file, tmp_path):
    newer = sign(onnx.load(file), replace(blemish.inspect(file).facts, schema=99))
    (tmp_path / "newer.onnx").write_bytes(newer)
    with pytest.raises(ModelFileError, match=r"schema 99.*Upgrade"):
        blemish.load(tmp_path / "newer.onnx")


def test_a_file_of_an_earlier_schema_judges_as_it_did_and_can_be_calibrated_anew(category):
    earlier = blemish.load(MODELS / "schema_3.onnx")
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:20, 5:30] = 200
    assert earlier.predict(image).score == pytest.approx(10.387816, rel=1e-5)
    assert [note.code for note in earlier.predict(image).notes][:2] == ["size", "aspect"]
    assert len(earlier.facts.training.images) == 24  # said "pictures"
    anew = blemish.recalibrate(earlier, blemish.open_dataset(category), false_alarm_rate=0.1)
    assert anew.facts.schema == SCHEMA
    assert "verdict" in anew.session.outputs


def test_inspect_tells_where_a_model_comes_from_without_folders_of_this_machine(file, backbone):
    told = blemish.inspect(file)
    assert told.facts.detector.sources[0].licence == "CC0-1.0"
    assert told.facts.detector.settings["backbone"] == backbone.name
    assert len(told.facts.training.images) == 24
    assert told.outputs[:3] == ("score", "score_map", "nearest")
    assert told.outputs[3:] == ("departures", "threshold", "pixel_threshold", "verdict")
    assert str(backbone.parent) not in json.dumps(told.to_dict())


def test_an_output_that_exists_is_kept_unless_forced(model, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_text("precious")
    with pytest.raises(UsageError, match="force=True"):
        model.save(path)
    assert path.read_text() == "precious"
    model.save(path, force=True)
    blemish.load(path)


def test_a_full_disk_leaves_no_half_written_file(model, tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BlemishError, match="No space left"):
        model.save(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_provider_that_is_not_there_is_never_replaced_in_silence(file):
    with pytest.raises(UsageError, match=r"not in this build.*pip install onnxruntime-directml"):
        blemish.load(file, engine=Engine("directml"))
    with pytest.raises(UsageError, match=r"not in this build.*pip install onnxruntime-openvino"):
        blemish.load(file, engine=Engine("openvino"))
    with pytest.raises(UsageError, match="Did you mean 'cpu'"):
        blemish.load(file, engine=Engine("cpuu"))


def large(path, megapixels):
    Image.new("L", (1000 * megapixels, 1000)).save(path)
    return path


def test_large_images_wait_for_each_other_within_the_memory_allowed(
    model, tmp_path, monkeypatch
) -> None:
    pair = Model(model._data, engine=Engine(threads=2))
    at_once, most, lock = 0, 0, threading.Lock()

    def read(self, image, **_):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.01)
        with lock:
            at_once -= 1
        return np.zeros((SIDE, SIDE, 3), np.uint8)

    monkeypatch.setattr(Model, "read", read)
    names = [str(large(tmp_path / f"{number}.png", 6)) for number in range(4)]
    for megabytes, expected in ((500, 1), (4000, 2)):
        most = 0
        results = list(pair.predict_each(names, memory_bytes=megabytes * 10**6))
        assert [result.path for result in results] == names
        assert most == expected


@pytest.mark.parametrize("threads", [1, 2])
def test_an_image_too_large_for_the_memory_allowed_is_a_failure_and_the_rest_go_on(
    model, tmp_path, threads
) -> None:
    small, huge = tmp_path / "small.png", large(tmp_path / "huge.png", 20)
    Image.new("RGB", (SIDE, SIDE)).save(small)
    allowed = {"memory_bytes": 400 * 10**6}
    found = list(
        Model(model._data, engine=Engine(threads=threads)).predict_each(
            [small, huge, small], **allowed
        )
    )
    assert [isinstance(result, Failure) for result in found] == [False, True, False]
    assert found[1].path == str(huge)
    assert found[1].error.startswith(f"{huge}: is 20000 x 1000 pixels")
    assert "memory_bytes" in found[1].error


def test_bytes_and_file_objects_are_judged_as_their_file_is(model, category):
    path = sorted((category / "test" / "spot").iterdir())[0]
    expected = model.predict(path)
    with path.open("rb") as stream:
        found = model.predict([path.read_bytes(), stream, io.BytesIO(path.read_bytes())])
    assert [result.score for result in found] == [expected.score] * 3
    assert [result.path for result in found] == [None, str(path), None]
    (torn,) = model.predict_each([path.read_bytes()[:100]])
    assert "the image: cannot be decoded" in torn.error


@pytest.mark.parametrize("many", [False, True])
def test_a_file_object_that_cannot_be_read_is_a_failure_and_the_rest_go_on(
    model, category, tmp_path, many
):
    path = next((category / "test" / "good").iterdir())
    closed, text = path.open("rb"), path.open(encoding="latin-1")
    closed.close()
    with text, (tmp_path / "new").open("wb") as written:
        for broken, said in ((closed, "closed"), (written, "read"), (text, "open it as bytes")):
            given = [path, broken, path] if many else [broken]
            results = list(model.predict_each(given))
            (failure,) = (one for one in results if isinstance(one, Failure))
            assert said in failure.error
            assert len(results) == len(given)
            with pytest.raises(ImageError, match=said):
                model.predict(broken)


def test_a_closed_model_ends_its_threads_and_says_that_it_is_closed(file):
    before = set(threading.enumerate())
    images = np.zeros((4, SIDE, SIDE, 3), np.uint8)
    with blemish.load(file, engine=Engine(threads=2)) as used:
        used.raw(images)
        used.trace(images[0], "patch_scores")
        started = set(threading.enumerate()) - before
    assert started
    for thread in started:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in started)
    for use in (lambda: used.raw(images), lambda: used.predict(images[0])):
        with pytest.raises(UsageError, match="is closed; load it again"):
            use()
    used.close()  # once more does no harm


def test_threads_that_come_first_together_load_the_graph_once(file, monkeypatch):
    loaded = []
    load = Engine.load
    monkeypatch.setattr(Engine, "load", lambda *a, **k: loaded.append(1) or load(*a, **k))
    model = blemish.load(file)
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    with ThreadPoolExecutor(8) as pool:
        traces = list(pool.map(lambda _: model.trace(image, "patch_scores"), range(16)))
        scores = list(pool.map(lambda _: model.predict(image).score, range(16)))
    assert len(loaded) == 2
    assert len({trace["patch_scores"].tobytes() for trace in traces}) == len(set(scores)) == 1
