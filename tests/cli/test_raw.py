"""`--raw` counts wherever a command reads an image."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from tiny import SIDE, tiny_dataset

RAW = f"{SIDE}x{SIDE}:bgr8"
COMMANDS = {
    "check": ["check", "{data}"],
    "plan": ["plan", "{data}", "{fit}"],
    "fit": ["fit", "{data}", "-o", "{out}/m.onnx", "{fit}"],
    "predict": ["predict", "{model}", "{data}/test", "-o", "{out}/p", "--overlay", "--maps"],
    "evaluate": ["evaluate", "{model}", "{data}", "-o", "{out}/e"],
    "benchmark": ["benchmark", "{data}", "-o", "{out}/b", "{fit}"],
    "export": ["export", "{data}", "--to", "coco", "-o", "{out}/exported"],
    "maps": ["evaluate", "{data}", "--maps", "{out}/maps", "-o", "{out}/e", "--threshold", "1",
             "--pixel-threshold", "1"],
    "calibrate": ["calibrate", "{model}", "{data}", "-o", "{out}/c.onnx"],
    "costs": ["calibrate", "{model}", "{data}", "-o", "{out}/c.onnx", "--defects", "{spots}",
              "--cost-miss", "9", "--cost-false-alarm", "1"],
}  # fmt: skip


def as_raw(folder):
    """Each image as a file without a header; masks stay as they are."""
    for path in folder.rglob("*.png"):
        if "ground_truth" not in path.parts:
            pixels = np.asarray(Image.open(path).convert("RGB"))[:, :, ::-1]
            path.with_suffix(".raw").write_bytes(pixels.tobytes())
            path.unlink()
    return folder


@pytest.fixture(scope="module")
def raw_data(data, tmp_path_factory):
    """The same images, and nothing in their files but pixels."""
    return as_raw(shutil.copytree(data, tmp_path_factory.mktemp("raw") / "tile"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_reads_images_reads_raw_files(
    blemish, fitted, raw_data, fit_options, tmp_path, command
):
    places = {"data": raw_data, "model": fitted, "out": tmp_path}
    if command == "maps":
        words = ["predict", fitted, raw_data / "test", "-o", tmp_path / "maps", "--maps"]
        assert blemish(*words, "--raw", RAW).code == 0
    if command in ("calibrate", "costs"):
        places["data"] = as_raw(tiny_dataset(tmp_path / "new", good=24, seed=9))
        places["spots"] = (
            as_raw(tiny_dataset(tmp_path / "other", seed=8, defects=6)) / "test" / "spot"
        )
    words = []
    for word in COMMANDS[command]:
        words += fit_options if word == "{fit}" else [word.format(**places)]
    assert blemish(*words).code != 0
    found = blemish(*words, "--raw", RAW, *(["--force"] if "predict" in words else []))
    assert found.code == 0, found.err
    if command in ("check", "plan", "fit", "calibrate"):
        assert f"--raw {RAW}" in found.err  # of what to type next


def test_raw_files_are_judged_as_the_same_images_in_any_other_file(blemish, fitted, data, raw_data):
    whole = blemish("predict", fitted, data / "test").lines
    raw = blemish("predict", fitted, raw_data / "test", "--raw", RAW).lines
    assert [line["score"] for line in raw] == [line["score"] for line in whole]


def test_a_file_of_another_size_is_an_error_row(blemish, fitted, raw_data):
    file = raw_data / "test" / "spot" / "000.raw"
    found = blemish("predict", fitted, file, "--raw", "64x64:mono16")
    assert found.code == 1
    assert "has 12,288 bytes; as '64x64:mono16' it would have 8,192" in found.lines[0]["error"]
    found = blemish("predict", fitted, file)
    assert "say how they lie, as in --raw 2448x2048:mono12packed" in found.lines[0]["error"]


def test_a_format_that_nobody_knows_is_wrong_usage(blemish, fitted, raw_data):
    found = blemish("predict", fitted, raw_data, "--raw", "64x64:mono13")
    assert found.code != 0
    assert "'--raw' has no format 'mono13'" in " ".join(found.err.split())
