"""Keeping golden samples of a folder, and checking them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import blemish
from blemish.errors import DataError, ImageError, ModelFileError, SettingError
from blemish.model import golden as golden_module
from blemish.model.variants import with_golden
from blemish.predictions import golden as golden_samples
from blemish.predictions.golden_report import File

PLAIN = """
import hashlib, json, sys
import numpy as np, onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1])
facts = json.loads(session.get_modelmeta().custom_metadata_map["blemish"])
threshold = facts["calibration"]["image_threshold"]
found = []
for golden in facts["golden"]:
    image = np.asarray(Image.open(f"{sys.argv[2]}/{golden['id']}").convert("RGB"))
    head = f"{image.dtype.name} ({image.shape[0]}, {image.shape[1]}, 3) ".encode()
    assert hashlib.sha256(head + image.tobytes()).hexdigest() == golden["pixels"]
    score, score_map = session.run(["score", "score_map"], {"image": image[None]})
    found.append(abs(float(score[0]) - golden["score"]) / max(threshold, golden["score"]))
    found.append(abs(float(score_map.max()) - max(map(max, golden["grid"]))))
print(json.dumps(found))
"""


@pytest.fixture
def folder(category, tmp_path):
    """Three good images and three defects, in folders named for it."""
    return shutil.copytree(category / "test", tmp_path / "golden")


@pytest.fixture
def kept(model, folder):
    return blemish.keep_golden(model, folder)


def outcomes(report):
    return {check.kept.id: check.outcome(report.tolerance) for check in report.checks}


def save(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)


def test_a_folder_is_kept_and_found_as_it_was(model, kept, folder):
    ids = [image.id for image in kept.facts.golden]
    assert ids == [f"{kind}/00{n}.png" for kind in ("good", "spot") for n in range(3)]
    one = kept.facts.golden[3]
    found = model.predict(folder / one.id)
    assert one.score == found.score
    assert one.peak == found.score_map.max()
    assert one.sha256 == hashlib.sha256((folder / one.id).read_bytes()).hexdigest()
    assert one.verdict(kept.calibration.image_threshold) == "defect"
    report = blemish.verify_golden(kept, folder)
    assert report.ok
    assert report.complete
    assert report.largest == (0, 0)
    assert set(outcomes(report).values()) == {"ok"}
    assert list(report.problems()) == list(report.notes()) == []
    assert report.kept_by == (report.here,)
    assert report.here.runtime.startswith("onnxruntime ")
    json.dumps(report.to_dict(), allow_nan=False)


def test_plain_onnxruntime_can_check_what_is_kept(kept, folder, tmp_path):
    kept.save(tmp_path / "golden.onnx")
    plain = subprocess.run(
        [sys.executable, "-c", PLAIN, str(tmp_path / "golden.onnx"), str(folder)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(plain.stdout)
    assert len(found) == 12
    assert max(found) < 1e-5


def test_an_image_that_is_gone_changed_or_damaged_is_told_apart(kept, folder):
    (folder / "good/000.png").unlink()
    save(folder / "good/001.png", np.full((64, 64, 3), 50, np.uint8))
    (folder / "good/002.png").write_text("no image")
    pixels = np.asarray(Image.open(folder / "spot/000.png"))
    save(folder / "spot/000.png", pixels, compress_level=0)
    save(folder / "spot/other.png", pixels)
    report = blemish.verify_golden(kept, folder)
    assert [check.file for check in report.checks] == [
        *(File.MISSING, File.CHANGED, File.NOT_JUDGED),
        *(File.SAVED_ANEW, File.SAME, File.SAME),
    ]
    assert not report.ok
    assert not report.complete
    assert outcomes(report)["spot/000.png"] == "ok"
    missing, changed, damaged = report.problems()
    assert "('good/000.png') is missing" in missing
    assert "('good/001.png') is another image than when" in changed
    assert "002.png: is not an image" in damaged
    anew, others = report.notes()
    assert "('spot/000.png') was saved anew (other bytes, the same pixels)" in anew
    assert "'spot/other.png'" in others
    json.dumps(report.to_dict(), allow_nan=False)


def test_another_decoder_is_told_apart_from_another_runtime(kept, folder):
    old = replace(kept.facts.golden[0].by, decoder="pillow 1.0", runtime="onnxruntime 1.0")
    decoded, scored, mapped, *others = kept.facts.golden
    threshold = kept.calibration.image_threshold
    row = (decoded.grid[0][0] + 0.5 * threshold, *decoded.grid[0][1:])
    altered = with_golden(
        kept,
        [
            replace(decoded, pixels="0" * 64, score=decoded.score + 0.01 * threshold, by=old),
            replace(scored, score=scored.score - 0.02 * threshold, by=old),
            replace(mapped, grid=(row, *mapped.grid[1:]), by=old),
            *others,
        ],
    )
    report = blemish.verify_golden(altered, folder)
    assert report.complete
    assert not report.ok
    assert list(outcomes(report).values()) == ["outside tolerance"] * 3 + ["ok"] * 3
    assert report.checks[0].file == File.DECODED_OTHERWISE
    assert report.checks[0].score_difference == pytest.approx(0.01)
    assert report.checks[1].score_difference == pytest.approx(0.02)
    assert report.checks[2].score_difference == 0
    assert report.checks[2].map_difference > 0.1
    (far,) = report.problems()
    assert "3 golden images" in far
    assert "onnxruntime 1.0, cpu" in far
    (note,) = report.notes()
    assert "('good/000.png') is decoded otherwise here" in note
    assert "pillow 1.0 then" in note
    only = blemish.verify_golden(with_golden(altered, altered.facts.golden[:1]), folder)
    assert "Each of them is decoded otherwise here." in next(only.problems())
    wide = blemish.verify_golden(altered, folder, tolerance=0.9)
    assert set(outcomes(wide).values()) == {"ok"}


def test_a_verdict_that_turns_is_told_however_wide_the_tolerance(kept, folder):
    first, *others = kept.facts.golden
    high = replace(first, score=1.01 * kept.calibration.image_threshold)
    report = blemish.verify_golden(with_golden(kept, [high, *others]), folder, tolerance=0.99)
    assert outcomes(report)["good/000.png"] == "verdict differs"
    assert report.complete
    assert "gets another verdict here" in next(report.problems())


def test_golden_samples_are_replaced_or_added(model, kept, folder, tmp_path, caplog):
    more = tmp_path / "more"
    (more / "good").mkdir(parents=True)
    shutil.copy(folder / "good/001.png", more / "good/000.png")
    shutil.copy(folder / "good/001.png", more / "good/new.png")
    added = blemish.keep_golden(kept, more, add=True)
    assert len(added.facts.golden) == 7
    assert "1 golden sample that the model had is replaced by those of the same name." in (
        caplog.text
    )
    by_id = {image.id: image for image in added.facts.golden}
    assert by_id["good/000.png"].score == by_id["good/001.png"].score
    replaced = blemish.keep_golden(kept, more)
    assert [image.id for image in replaced.facts.golden] == ["good/000.png", "good/new.png"]
    assert "6 golden samples that the model had are replaced by these." in caplog.text
    assert replaced.facts.golden == blemish.keep_golden(model, more).facts.golden


def test_verdicts_against_their_folder_and_near_the_threshold_are_told(
    model, folder, tmp_path, caplog
):
    shutil.copy(folder / "spot/000.png", folder / "good/spot.png")
    shutil.copy(folder / "good/000.png", folder / "spot/good.png")
    blemish.keep_golden(model, folder)
    assert "in a folder of good ones judged defects, which is kept as it is: 'good/spot.png'" in (
        caplog.text
    )
    assert "in a folder of defects judged good, which is kept as it is: 'spot/good.png'" in (
        caplog.text
    )
    caplog.clear()
    shutil.copytree(folder / "good", tmp_path / "flat")
    blemish.keep_golden(model, tmp_path / "flat")  # no folder says what they are
    assert not caplog.messages
    close = replace(
        blemish.keep_golden(model, folder).facts.golden[0],
        score=model.calibration.image_threshold * (1 + 1e-6),
    )
    caplog.clear()
    from blemish.progress import LoggedProgress

    golden_samples._tell_of_close([close], model.calibration.image_threshold, LoggedProgress())
    assert "rounding alone may turn the verdict" in caplog.text


def test_pages_of_a_file_are_golden_images_each(model, tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    pages = [
        Image.fromarray(np.random.default_rng(n).integers(40, 80, (64, 64, 3)).astype(np.uint8))
        for n in range(2)
    ]
    pages[0].save(folder / "a.tif", save_all=True, append_images=pages[1:])
    kept = blemish.keep_golden(model, folder)
    assert [image.id for image in kept.facts.golden] == ["a.tif#1", "a.tif#2"]
    assert blemish.verify_golden(kept, folder).ok
    pages[0].save(folder / "a.tif")
    with pytest.raises(DataError, match="none of the model's golden images"):
        blemish.verify_golden(kept, folder)


def test_images_that_cannot_be_judged_are_told_all_at_once(model, folder):
    save(folder / "good/deep.png", np.full((64, 64), 4000, np.uint16))
    (folder / "spot/broken.png").write_text("no image")
    with pytest.raises(ImageError) as raised:
        blemish.keep_golden(model, folder)
    deep, broken = str(raised.value).splitlines()
    assert "deep.png" in deep
    assert "bit" in deep
    assert "broken.png" in broken


def test_a_folder_of_nothing_or_too_much_is_refused(model, folder, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no image"):
        blemish.keep_golden(model, tmp_path / "empty")
    with pytest.raises(DataError, match="There is no folder"):
        blemish.keep_golden(model, folder / "good/000.png")
    monkeypatch.setattr(golden_samples, "MOST_IMAGES", 5)
    with pytest.raises(DataError, match="makes 6 golden samples; a model file keeps at most 5"):
        blemish.keep_golden(model, folder)


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_no_text_is_refused(model, folder):
    try:
        shutil.copy(folder / "good/000.png", os.fsencode(folder) + b"/good/\xff.png")
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(DataError, match=r"'good/\\xff.png' has a name that is no text"):
        blemish.keep_golden(model, folder)


def test_a_model_without_golden_samples_and_a_folder_without_them_are_told(
    model, kept, folder, tmp_path
):
    with pytest.raises(ModelFileError, match="keeps no golden samples; blemish golden"):
        blemish.verify_golden(model, folder)
    (tmp_path / "others").mkdir()
    shutil.copy(folder / "good/000.png", tmp_path / "others/000.png")
    with pytest.raises(DataError, match=r"none of the model's golden images: 'good/000\.png', "):
        blemish.verify_golden(kept, tmp_path / "others")
    for tolerance in (-1, 1, float("nan")):
        with pytest.raises(SettingError, match="'tolerance' must be in"):
            blemish.verify_golden(kept, folder, tolerance=tolerance)


def test_models_in_8_bits_are_told_to_be_rounded_otherwise(kept, folder):
    first, *others = kept.facts.golden
    off = replace(first, score=first.score + 0.05 * kept.calibration.image_threshold)
    report = blemish.verify_golden(with_golden(kept, [off, *others]), folder)
    assert "int8" not in next(report.problems())
    assert "int8 are rounded otherwise" in next(replace(report, whole_numbers=True).problems())
    assert golden_samples._has_whole_numbers({"members": [{"precision": "int8"}]})
    assert not golden_samples._has_whole_numbers(kept.facts.detector.settings)


def test_the_version_of_the_runtime_is_that_of_the_module(monkeypatch):
    runtime = golden_module.onnxruntime()
    monkeypatch.setattr(runtime, "__version__", "9.9")
    found = golden_module.circumstances(blemish.Engine())
    assert found.runtime == "onnxruntime 9.9"
    assert found.provider == "cpu"
