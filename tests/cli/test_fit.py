from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from blemish.model.model import load
from cli.broken import enormous, one_pixel, text_named_png, truncated_jpeg
from tiny import tiny_dataset


@pytest.fixture
def copy(data, tmp_path):
    return shutil.copytree(data, tmp_path / "tile")


def never(*_, **__):
    raise AssertionError("the fit has started")


def test_fit_writes_a_model_and_says_what_it_promises(blemish, data, fit_options, tmp_path):
    found = blemish("fit", data, "-o", tmp_path / "m.onnx", *fit_options)
    assert found.code == 0
    assert load(tmp_path / "m.onnx").sha256 in found.out
    for word in ("memory bank", "image threshold", "4.0% promised", "peak memory"):
        assert word in found.out
    assert "note: 24 good images cannot promise a false-alarm rate of 0.01" in found.err


def test_next_steps_are_the_users_own_arguments(blemish, copy, fit_options, tmp_path):
    model = tmp_path / "my model.onnx"
    found = blemish("fit", tmp_path, "--category", "tile", "-o", model, *fit_options)
    assert f"next: blemish predict '{model}' IMAGE..." in found.err
    assert f"      blemish evaluate '{model}' {tmp_path} --category tile" in found.err


def test_json_is_one_value_and_the_same_seed_gives_the_same_file(
    blemish, data, fit_options, fitted, tmp_path
):
    path = tmp_path / "again.onnx"
    found = blemish("fit", data, "-o", path, *fit_options, "--json")
    assert found.json["sha256"] == load(fitted).sha256
    assert path.read_bytes() == fitted.read_bytes()
    assert found.json["path"] == str(path)
    assert found.json["images"] == 24
    assert found.json["details"]["bank_vectors"] > 0
    assert found.json["calibration"]["images"] == 24
    assert found.json["seconds"] > 0


def test_options_become_settings_that_the_model_remembers(blemish, data, fit_options, tmp_path):
    config = tmp_path / "settings.toml"
    config.write_text("[settings]\nk = 3\nseed = 5\n")
    path = tmp_path / "m.onnx"
    found = blemish("fit", data, "-o", path, *fit_options, "--config", config, "--seed", "7",
                    "--false-alarm-rate", "0.2", "--smallest-region", "9", "--memory", "1GB",
                    "--threads", "1")  # fmt: skip
    assert found.code == 0
    model = load(path)
    settings = model.facts.detector.settings
    assert (settings["k"], settings["seed"], settings["memory_megabytes"]) == (3, 7, 1000)
    assert model.calibration.false_alarm_rate == 0.2
    assert model.calibration.smallest_region_px == 9


def test_notes_of_the_data_set_are_heard(blemish, data, fit_options, tmp_path):
    shutil.copytree(data / "train" / "good", tmp_path / "plain" / "good")
    shutil.copytree(data / "test" / "spot", tmp_path / "plain" / "spot")
    found = blemish("fit", tmp_path / "plain", "-o", tmp_path / "m.onnx", *fit_options)
    assert "are kept for testing" in found.err


@pytest.mark.parametrize("where", ["m.onnx", ".", "no/such/folder/m.onnx"])
def test_an_output_that_cannot_be_is_refused_before_the_fit(
    blemish, data, fit_options, tmp_path, monkeypatch, where
):
    monkeypatch.setattr("blemish.model.fitting.fit", never)
    (tmp_path / "m.onnx").write_text("precious")
    found = blemish("fit", data, "-o", tmp_path / where, *fit_options)
    assert found.code == 2
    assert "error: " in found.err
    assert (tmp_path / "m.onnx").read_text() == "precious"


def test_force_replaces_an_output(blemish, data, fit_options, tmp_path):
    (tmp_path / "m.onnx").write_text("old")
    assert blemish("fit", data, "-o", tmp_path / "m.onnx", *fit_options, "--force").code == 0
    load(tmp_path / "m.onnx")


def test_an_unwritable_folder_is_told_before_the_fit(
    blemish, data, fit_options, tmp_path, monkeypatch
):
    def locked(**_):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.TemporaryFile", locked)
    monkeypatch.setattr("blemish.model.fitting.fit", never)
    found = blemish("fit", data, "-o", tmp_path / "m.onnx", *fit_options)
    assert found.code == 1
    assert f"Cannot write to folder '{tmp_path}': Permission denied." in found.err


def test_a_full_disk_is_an_error_and_leaves_nothing(
    blemish, data, fit_options, tmp_path, monkeypatch
):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    found = blemish("fit", data, "-o", tmp_path / "m.onnx", *fit_options)
    assert found.code == 1
    assert "No space left on device" in found.err
    assert not list(tmp_path.iterdir())


def test_a_rate_that_cannot_be_promised_is_told_before_the_fit(
    blemish, data, fit_options, tmp_path, monkeypatch
):
    monkeypatch.setattr("blemish.detectors.patchcore.detector.PatchCore.fit", never)
    found = blemish(
        "fit", data, "-o", tmp_path / "m.onnx", *fit_options, "--false-alarm-rate", "0.01"
    )
    assert found.code == 1
    assert "takes at least 99 good images; there are 24" in found.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "coreset_ration=0.1"], "Did you mean '--coreset-ratio'?"),
        (["--set", "k=0"], "'--k' must be in [1, 50]; got 0."),
        (["--set", "k"], "must have the form NAME=VALUE"),
        (["--resize", "strech"], "Did you mean 'stretch'?"),
        (["--head", "Distance"], "got 'Distance'. Did you mean 'distance'?"),  # a setting, too
        (["--head", "seed"], "must be one of none, distance; got 'seed'."),
        (["--detector", "patchcor"], "Did you mean 'patchcore'?"),
        (["--memory", "lots"], "must be like 2GB"),
        (["--max-pixels", "0"], "'--max-pixels' must be in [1, inf)"),
        (["--test-fraction", "1.5"], "'--test-fraction' must be in [0, 1)"),
    ],
)
def test_a_wrong_setting_is_wrong_usage(blemish, data, fit_options, tmp_path, options, said):
    found = blemish("fit", data, "-o", tmp_path / "m.onnx", *fit_options, *options)
    assert found.code == 2
    assert said in found.err


def test_an_unknown_level_is_told_with_the_closest(blemish, data, backbone, tmp_path):
    output = tmp_path / "m.onnx"
    found = blemish("fit", data, "-o", output, "--backbone", backbone, "--levels", "fine,coarser")
    assert found.code == 1
    assert "Did you mean 'coarse'?" in found.err


def test_without_a_backbone_the_embedded_one_is_used(blemish, data, tmp_path):
    found = blemish("fit", data, "-o", tmp_path / "m.onnx", "--image-size", "64", "--json")
    assert found.code == 0, found.err
    assert "embedded, licence Apache-2.0" in blemish("inspect", tmp_path / "m.onnx").out


def test_an_empty_folder_is_an_error(blemish, fit_options, tmp_path):
    (tmp_path / "empty").mkdir()
    found = blemish("fit", tmp_path / "empty", "-o", tmp_path / "m.onnx", *fit_options)
    assert found.code == 1
    assert "it holds no images" in found.err


def test_one_image_is_not_enough(blemish, fit_options, tmp_path):
    (tmp_path / "one").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "one" / "a.png")
    found = blemish("fit", tmp_path / "one", "-o", tmp_path / "m.onnx", *fit_options,
                    "--test-fraction", "0")  # fmt: skip
    assert found.code == 1
    assert "at least 2 are needed" in found.err


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (text_named_png, "notes.png"),
        (truncated_jpeg, "cut.jpg"),
        (one_pixel, "dot.png"),
        (enormous, "bomb.png"),
    ],
)
def test_an_image_that_cannot_be_learned_from_is_named(
    blemish, copy, fit_options, tmp_path, make, name
):
    make(copy / "train" / "good" / name)
    found = blemish("fit", copy, "-o", tmp_path / "m.onnx", *fit_options)
    assert found.code == 1
    assert name in found.err
    assert "Traceback" not in found.err
    assert not (tmp_path / "m.onnx").exists()


def test_all_images_that_are_none_are_told_at_once(blemish, copy, fit_options, tmp_path):
    for name in ("a.png", "b.png"):
        text_named_png(copy / "train" / "good" / name)
    found = blemish("fit", copy, "-o", tmp_path / "m.onnx", *fit_options)
    assert [line for line in found.err.splitlines() if line.startswith("error: ")][1:]


def test_a_disk_without_room_for_the_model_is_told_before_the_fit(
    blemish, data, fit_options, tmp_path, monkeypatch
):
    monkeypatch.setattr("blemish.model.fitting.fit", never)
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    found = blemish("fit", data, "-o", tmp_path / "m.onnx", *fit_options)
    assert found.code == 1
    assert "has 1.00 kB free; make room" in found.err


def test_what_a_fit_reads_is_never_its_output(blemish, data, backbone, fit_options, tmp_path):
    copy = Path(shutil.copy(backbone, tmp_path / "b.onnx"))
    before = copy.read_bytes()
    (tmp_path / "link.onnx").symlink_to("b.onnx")
    for output in (copy, tmp_path / "link.onnx"):
        found = blemish("fit", data, "-o", output, *fit_options[2:], "--backbone", copy,
                        "--force")  # fmt: skip
        assert found.code == 2
        assert "what this command reads" in found.err
    assert copy.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_what_is_no_regular_file_is_refused_even_with_force(blemish, data, fit_options, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    found = blemish("fit", data, "-o", tmp_path / "pipe", *fit_options, "--force")
    assert found.code == 2
    assert "no regular file" in found.err
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("rate", ["0", "1", "1.5", "-0.1", "nan"])
@pytest.mark.parametrize("command", ["fit", "plan", "calibrate", "benchmark"])
def test_a_rate_that_is_no_rate_is_wrong_usage(blemish, data, tmp_path, command, rate):
    words = [data, data] if command == "calibrate" else [data]
    output = [] if command == "plan" else ["-o", tmp_path / "x"]
    found = blemish(command, *words, *output, "--false-alarm-rate", rate)
    assert found.code == 2
    assert "must be in (0, 1)" in found.err


def test_the_next_step_names_the_same_limit_of_pixels(blemish, data, fit_options, tmp_path):
    words = ["-o", tmp_path / "m.onnx", *fit_options, "--max-pixels", "5000"]
    assert f"evaluate {tmp_path / 'm.onnx'} {data} --max-pixels 5000" in (
        blemish("fit", data, *words).err
    )


def test_training_images_that_stand_out_are_listed_and_can_be_dropped(
    blemish, tmp_path, fit_options
):
    folder = tiny_dataset(tmp_path / "tile", good=24)
    shutil.copy(folder / "test" / "spot" / "000.png", folder / "train" / "good" / "strange.png")
    model = tmp_path / "tile.onnx"
    found = blemish("fit", folder, "-o", model, *fit_options)
    assert "of 25 training images stand" in found.err
    assert "--drop-suspicious" in found.err
    assert re.search(r"suspicious +train/good/strange\.png: score [\d.]+ \(typical", found.out)
    assert "train/good/strange.png" in blemish("inspect", model).out
    words = ["--drop-suspicious", "--force", "--json"]
    dropped = blemish("fit", folder, "-o", model, *fit_options, *words).json
    assert "train/good/strange.png" in {row[0] for row in dropped["dropped"]}
    assert dropped["calibration"]["rate_if_dropped_were_good"] > 1 / 25
    shown = blemish("inspect", model).out
    assert "were they good ones" in shown
    assert "dropped images" in shown
