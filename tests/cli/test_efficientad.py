"""EfficientAd from the command line: planned, interrupted, gone on with, inspected."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.model.model import load
from tiny import tiny_dataset
from tiny_efficientad import tiny_teacher

pytest.importorskip("torch", reason="needs the extra 'train'")

STEPS = 60


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return tiny_teacher(tmp_path_factory.mktemp("teacher") / "mine.onnx")


@pytest.fixture(scope="module")
def options(teacher):
    small = {
        "pdn": "extra_small", "batch_size": 2, "crop": 64, "steps": STEPS, "penalty_weight": 1,
        "penalty_images": 4, "autoencoder_width": 8, "unexplained": 0,
        "autoencoder_weight": 0.5, "checkpoint_seconds": 0, "precision": "float32", "device": "cpu",
    }  # fmt: skip
    settings = [word for name, value in small.items() for word in ("--set", f"{name}={value}")]
    return ["--detector", "efficientad", "--preset", "quick", "--teacher", str(teacher),
            "--image-size", "128", *settings]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory, data, options):
    """A model whose training nobody interrupted."""
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
        *("random, licence CC0-1.0", "PDN extra_small", f"{STEPS} steps (", "on cpu in float32"),
        *("20 good images of tile; 4 more were held out", "teacher=mine.onnx"),
    ):
        assert word in found.out


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGKILL", -9), ("SIGTERM", 143)])
def test_a_fit_that_was_ended_goes_on_to_the_same_model(
    blemish, start, data, options, whole, tmp_path, name, code
):
    path = tmp_path / "m.onnx"
    ended, err = ended_at_a_checkpoint(start, data, options, path, getattr(signal, name))
    assert ended == code
    assert not path.exists()
    assert ("m.onnx.unfinished" in err and "--resume" in err) is (name != "SIGKILL")
    found = blemish("fit", data, "-o", path, *options, "--resume")
    assert found.code == 0
    assert load(path).sha256 == load(whole).sha256
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


@pytest.fixture(scope="module")
def short(options):
    """Options of a fit that is soon done."""
    return [word.replace(f"steps={STEPS}", "steps=22") for word in options]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory, short):
    """What a fit of some images keeps: the folder of both. Not to be changed."""
    from blemish.detectors.efficientad import training

    folder = tmp_path_factory.mktemp("interrupted")
    images = tiny_dataset(folder / "tile", good=10, test_good=2, defects=1)
    take_step = training._Run.take_step

    def take_some(run):
        if run.step == 21:
            raise KeyboardInterrupt
        take_step(run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training._Run, "take_step", take_some)
        words = ["fit", str(images), "-o", str(folder / "m.onnx"), *short]
        result = CliRunner().invoke(app, words)
    assert result.exit_code == 130
    return folder


def copied(interrupted, tmp_path):
    """The images, the model's path and what is kept, to be changed."""
    folder = shutil.copytree(interrupted, tmp_path / "copy")
    return folder / "tile", folder / "m.onnx", folder / "m.onnx.unfinished"


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}


def test_what_is_kept_says_what_it_is_of(interrupted):
    kept = interrupted / "m.onnx.unfinished"
    assert {path.name for path in kept.iterdir()} == {"fit.json", "whole.safetensors"}
    claim = json.loads((kept / "fit.json").read_text())
    assert claim["detector"] == "efficientad"
    assert claim["settings"]["steps"] == 22
    assert len(claim["images"]) == 10


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "holds an unfinished fit of efficientad; go on with it (--resume"),
        (["--force"], "holds an unfinished fit of efficientad; go on with it (--resume"),
        (["--resume", "--set", "weight_decay=0.5"], "there, 0.5 here. Go on with it by"),
        (["--resume", "--seed", "3"], "not this one: seed 0 there, 3 here."),
        (["--resume", "--drop-suspicious"], "drop_suspicious false there, true here."),
        (["--resume", "--force", "--alpha", "flatten"], 'alpha "refuse" there, "flatten" here.'),
    ],
)
def test_an_unfinished_fit_is_neither_lost_nor_gone_on_with_by_another(
    blemish, short, interrupted, tmp_path, words, told
):
    images, model, kept = copied(interrupted, tmp_path)
    before = files_of(kept)
    found = blemish("fit", images, "-o", model, *short, *words)
    assert found.code == 2
    assert told in found.err
    assert files_of(kept) == before
    assert not model.exists()


def test_a_finished_model_beside_what_was_kept_of_it_is_told(blemish, short, interrupted, tmp_path):
    images, model, kept = copied(interrupted, tmp_path)
    model.write_bytes(b"written, and ended before the folder was taken away")
    found = blemish("fit", images, "-o", model, *short, "--resume")
    assert found.code == 2
    assert "all is done: delete the folder. Where it is to replace an older model, add" in found.err
    assert kept.is_dir()


@pytest.mark.parametrize("word", ["--resume", "--force"])
def test_patchcore_never_touches_an_unfinished_efficientad(
    blemish, fit_options, interrupted, tmp_path, word
):
    images, model, kept = copied(interrupted, tmp_path)
    before = files_of(kept)
    found = blemish("fit", images, "-o", model, *fit_options, word)
    assert found.code == 2
    assert ("detector efficientad there, patchcore here" in found.err) is (word == "--resume")
    assert files_of(kept) == before
    assert not model.exists()
    assert blemish("fit", images, "-o", model.with_name("p.onnx"), *fit_options).code == 0
    assert files_of(kept) == before


def test_images_that_came_went_or_changed_are_named(blemish, short, interrupted, tmp_path):
    images, model, kept = copied(interrupted, tmp_path)
    before = files_of(kept)
    good = images / "train" / "good"
    shutil.copy(images / "test" / "good" / "000.png", good / "new.png")
    shutil.copy(images / "test" / "good" / "001.png", good / "003.png")
    for number in range(5, 9):
        (good / f"{number:03}.png").unlink()
    found = blemish("fit", images, "-o", model, *short, "--resume")
    assert found.code == 2
    assert "1 image added (train/good/new.png); 4 images gone (train/good/005.png" in found.err
    assert "007.png, ...); 1 image changed (train/good/003.png)." in found.err
    assert files_of(kept) == before


def test_a_teacher_that_changed_is_named(blemish, short, interrupted, tmp_path):
    images, model, _ = copied(interrupted, tmp_path)
    other = list(short)
    other[other.index("--teacher") + 1] = str(tiny_teacher(tmp_path / "mine.onnx", seed=5))
    found = blemish("fit", images, "-o", model, *other, "--resume")
    assert found.code == 2
    assert "teacher: another file" in found.err


def test_going_on_takes_away_what_was_kept_and_no_file_of_others(
    blemish, short, interrupted, tmp_path
):
    images, model, kept = copied(interrupted, tmp_path)
    (kept / "notes.txt").write_text("precious")
    moved = [word.replace("checkpoint_seconds=0", "checkpoint_seconds=9") for word in short]
    assert blemish("fit", images, "-o", model, *moved, "--resume").code == 0
    assert files_of(kept) == {Path("notes.txt"): b"precious"}
    found = blemish("fit", images, "-o", model, *short, "--force", "--resume")
    assert found.code == 2
    assert "is no unfinished fit of this blemish" in found.err
    assert files_of(kept) == {Path("notes.txt"): b"precious"}


@pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
def test_two_fits_never_work_on_one_output(blemish, start, short, interrupted, tmp_path):
    images, model, kept = copied(interrupted, tmp_path)
    wait = """
import sys
from blemish.detectors.efficientad import fit
def wait(*_, **__):
    print("here", file=sys.stderr, flush=True)
    sys.stdin.read()
fit.train = wait
"""
    words = ["fit", images, "-o", model, *short, "--resume"]
    process = start(*words, first=wait, stdin=-1)
    while process.stderr.readline() not in ("here\n", ""):
        pass
    found = blemish(*words)
    assert found.code == 1
    assert "Another fit is at work in" in found.err
    process.communicate()
    assert (kept / "whole.safetensors").exists()


def test_what_is_no_checkpoint_is_named(blemish, short, interrupted, tmp_path):
    images, model, kept = copied(interrupted, tmp_path)
    (kept / "whole.safetensors").write_bytes(b"precious")
    found = blemish("fit", images, "-o", model, *short, "--resume")
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
    assert "Unknown setting '--preset' of patchcore" in found.err


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
