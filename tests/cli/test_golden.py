from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from blemish.model.model import load
from blemish.model.variants import with_golden


@pytest.fixture
def folder(data, tmp_path):
    return shutil.copytree(data / "test", tmp_path / "golden")


@pytest.fixture
def kept(blemish, fitted, folder, tmp_path):
    path = tmp_path / "kept.onnx"
    assert blemish("golden", fitted, folder, "-o", path).code == 0
    return path


def test_scores_are_kept_and_shown(blemish, fitted, folder, tmp_path):
    new = tmp_path / "new.onnx"
    found = blemish("golden", fitted, folder, "-o", new)
    assert found.code == 0
    assert "golden samples  6" in found.out
    assert "from threshold" in found.out
    assert f"next: blemish verify {new} {folder}" in found.err
    assert "6 images (blemish verify checks them)" in blemish("inspect", new).out
    assert "golden" not in blemish("inspect", fitted).out
    told = blemish("golden", fitted, folder, "-o", new, "--force", "--json").json
    assert told["sha256"] == load(new).sha256
    assert [image["id"] for image in told["golden"]] == [i.id for i in load(new).facts.golden]
    assert blemish("inspect", new, "--json").json["golden"] == told["golden"]


def test_verify_says_that_all_is_as_it_was(blemish, kept, folder):
    found = blemish("verify", kept, folder)
    assert found.code == 0
    for told in ("6 of 6 images ok", "0.0001 of the threshold", "kept by", "here", "cpu"):
        assert told in found.out
    assert "error" not in found.err
    told = blemish("verify", kept, folder, "--json").json
    assert told["ok"] is True
    assert told["here"]["provider"] == "cpu"
    assert {image["outcome"] for image in told["images"]} == {"ok"}


def test_a_score_outside_the_tolerance_is_exit_code_4(blemish, kept, folder, tmp_path):
    model = load(kept)
    first, *others = model.facts.golden
    off = replace(first, score=first.score + 0.01 * model.calibration.image_threshold)
    with_golden(model, [off, *others]).save(tmp_path / "off.onnx")
    found = blemish("verify", tmp_path / "off.onnx", folder)
    assert found.code == 4
    assert "outside tolerance" in found.out
    assert "error: 1 golden image ('good/000.png') differs by more than 0.0001" in found.err
    told = blemish("verify", tmp_path / "off.onnx", folder, "--json")
    assert told.code == 4
    assert told.json["ok"] is False
    assert told.json["largest_score_difference"] == pytest.approx(0.01)
    assert blemish("verify", tmp_path / "off.onnx", folder, "--tolerance", "0.02").code == 0


def test_a_golden_image_that_is_missing_is_exit_code_1(blemish, kept, folder):
    (folder / "good/000.png").unlink()
    found = blemish("verify", kept, folder)
    assert found.code == 1
    assert "5 of 6 images ok" in found.out
    assert "('good/000.png') is missing" in found.err
    assert blemish("verify", kept, folder, "--json").json["complete"] is False


def test_thresholds_set_anew_keep_golden_samples(blemish, kept, data, folder, tmp_path):
    new = tmp_path / "new.onnx"
    words = ["calibrate", kept, data, "--false-alarm-rate", "0.2", "-o", new]
    assert blemish(*words).code == 0
    assert load(new).facts.golden == load(kept).facts.golden
    assert blemish("verify", new, folder).code == 0


def test_golden_samples_are_replaced_or_added(blemish, kept, folder, tmp_path):
    (tmp_path / "more").mkdir()
    shutil.copy(folder / "good/000.png", tmp_path / "more/a.png")
    new = tmp_path / "new.onnx"
    found = blemish("golden", kept, tmp_path / "more", "-o", new)
    assert "note: 6 golden samples that the model had are replaced by these." in found.err
    assert len(load(new).facts.golden) == 1
    found = blemish("golden", kept, tmp_path / "more", "--add", "-o", new, "--force")
    assert f"next: blemish verify {new} DIR..." in found.err
    assert len(load(new).facts.golden) == 7


def test_nothing_is_written_where_something_is_wrong(blemish, fitted, kept, folder, tmp_path):
    new = tmp_path / "new.onnx"
    (tmp_path / "empty").mkdir()
    assert blemish("golden", fitted, tmp_path / "empty", "-o", new).code == 1
    (folder / "bad.png").write_text("no image")
    found = blemish("golden", fitted, folder, "-o", new)
    assert found.code == 1
    assert "bad.png" in found.err
    assert not new.exists()
    before = kept.read_bytes()
    found = blemish("golden", fitted, folder, "-o", kept)
    assert found.code == 2
    assert "--force" in found.err
    assert kept.read_bytes() == before
    assert blemish("golden", fitted, folder).code == 2


def test_what_cannot_be_checked_is_told(blemish, fitted, kept, folder, tmp_path):
    found = blemish("verify", fitted, folder)
    assert found.code == 1
    assert "keeps no golden samples" in found.err
    found = blemish("verify", kept, folder, "--tolerance", "2")
    assert found.code == 2
    assert "'--tolerance' must be in [0, 1)" in found.err
    assert blemish("verify", kept, tmp_path / "nowhere").code == 1
    assert blemish("verify", kept, folder, "--provider", "cudaa").code == 2
