"""EfficientAd from the command line: planned, interrupted, gone on with, inspected."""

from __future__ import annotations

import os
import signal
import time

import pytest

from blemish.model import load
from tiny_efficientad import tiny_teacher

pytest.importorskip("torch", reason="needs the extra 'train'")

STEPS = 60


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return tiny_teacher(tmp_path_factory.mktemp("teacher") / "mine.onnx")


@pytest.fixture(scope="module")
def options(teacher):
    small = {
        "batch": 2, "crop": 64, "steps": STEPS, "penalty_pictures": 4, "autoencoder_width": 8,
        "autoencoder_weight": 0.5, "checkpoint_seconds": 0, "precision": "float32", "device": "cpu",
    }  # fmt: skip
    settings = [word for name, value in small.items() for word in ("--set", f"{name}={value}")]
    return ["--detector", "efficientad", "--preset", "quick", "--teacher", str(teacher),
            "--image-size", "128", *settings]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory, data, options):
    """A model whose training nobody interrupted."""
    from typer.testing import CliRunner

    from blemish.cli.main import app

    path = tmp_path_factory.mktemp("whole") / "m.onnx"
    result = CliRunner().invoke(app, ["fit", str(data), "-o", str(path), *options])
    assert result.exit_code == 0, result.stderr
    return path


def ended_at_a_checkpoint(start, data, options, path, number):
    """Begin a fit, end it once it has been kept, and give its exit code and words."""
    process = start("fit", data, "-o", path, *options)
    kept = path.with_name(f"{path.name}.unfinished")
    while not list(kept.glob("*.safetensors")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate()
    return process.returncode, err


def test_a_fit_leaves_the_model_and_nothing_else(blemish, whole):
    assert [path.name for path in whole.parent.iterdir()] == ["m.onnx"]
    found = blemish("inspect", whole)
    for word in (
        *("random, licence CC0-1.0", "PDN extra_small", f"{STEPS} steps on cpu in float32"),
        *("20 good pictures of tile; 4 more were held out", "teacher=mine.onnx"),
    ):
        assert word in found.out


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGKILL", -9), ("SIGTERM", -15)])
def test_a_fit_that_was_ended_goes_on_to_the_same_model(
    blemish, start, data, options, whole, tmp_path, name, code
):
    path = tmp_path / "m.onnx"
    ended, err = ended_at_a_checkpoint(start, data, options, path, getattr(signal, name))
    assert ended == code
    assert not path.exists()
    assert ("m.onnx.unfinished" in err and "--resume" in err) is (name == "SIGINT")
    found = blemish("fit", data, "-o", path, *options, "--resume")
    assert found.code == 0
    assert load(path).sha256 == load(whole).sha256
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_an_unfinished_fit_is_neither_lost_nor_gone_on_with_unasked(
    blemish, data, options, tmp_path
):
    kept = tmp_path / "m.onnx.unfinished"
    kept.mkdir()
    (kept / "whole.safetensors").write_bytes(b"precious")
    found = blemish("fit", data, "-o", tmp_path / "m.onnx", *options)
    assert found.code == 2
    assert "go on with it (--resume), or begin anew (--force)" in found.err
    assert (kept / "whole.safetensors").read_bytes() == b"precious"


def test_what_is_no_checkpoint_is_named(blemish, data, options, tmp_path):
    kept = tmp_path / "m.onnx.unfinished"
    kept.mkdir()
    (kept / "whole.safetensors").write_bytes(b"precious")
    found = blemish("fit", data, "-o", tmp_path / "m.onnx", *options, "--resume")
    assert found.code == 1
    assert "is damaged, or no checkpoint" in found.err
    assert kept.exists()


def test_to_resume_nothing_is_to_begin(blemish, data, options, tmp_path):
    short = [*options, "--set", "held_out=0.2"]
    short[short.index(f"steps={STEPS}")] = "steps=2"
    found = blemish("fit", data, "-o", tmp_path / "m.onnx", *short, "--resume")
    assert found.code == 0
    assert "There is no unfinished fit" in found.err


def test_plan_says_what_a_training_will_take(blemish, data, options):
    found = blemish("plan", data, *options, "--set", "calibration_folds=3")
    assert found.code == 0
    assert "60 steps, 4 times" in found.out
    facts = blemish("plan", data, *options, "--json").json
    assert facts["trainings"] == 1
    assert facts["left_out"] == 4
    assert facts["lowest_false_alarm_rate"] == pytest.approx(1 / 5)
    stages = facts["estimated_seconds"]
    assert stages["total"] == pytest.approx(sum(v for k, v in stages.items() if k != "total"))
    assert min(stages.values()) > 0


def test_a_setting_of_another_detector_is_an_error_before_anything_starts(blemish, data, tmp_path):
    found = blemish("fit", data, "-o", tmp_path / "m.onnx", "--preset", "quick")
    assert found.code == 2
    assert "Unknown setting 'preset' of patchcore" in found.err


def test_benchmark_compares_both_detectors(blemish, data, options, fit_options, tmp_path):
    ours = options[options.index("--preset") :]
    words = ["benchmark", data, "-o", tmp_path, "--detectors", "patchcore,efficientad", *ours]
    backbone = fit_options[: fit_options.index("--image-size")]
    found = blemish(*words, *backbone, "--set", "patchcore.coreset_ratio=0.1")
    assert found.code == 0
    assert "patchcore against efficientad" in found.out
    assert "Cost, on average: " in found.out
    assert "Side by side" in (tmp_path / "report.html").read_text()
    assert not (tmp_path / "unfinished").exists()
