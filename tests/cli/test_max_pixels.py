"""`--max-pixels` counts wherever a command reads an image, from its first look to its last."""

from __future__ import annotations

import pytest

from blemish.images.header import DEFAULT_LIMITS
from tiny import tiny_dataset

COMMANDS = {
    "check": ["check", "{data}"],
    "plan": ["plan", "{data}", "{fit}"],
    "fit": ["fit", "{data}", "-o", "{out}/m.onnx", "{fit}"],
    "predict": ["predict", "{model}", "{data}/test", "-o", "{out}/p", "--overlay", "--maps"],
    "evaluate": ["evaluate", "{model}", "{data}", "-o", "{out}/e"],
    "maps": ["evaluate", "{data}", "--maps", "{out}/maps", "-o", "{out}/e", "--threshold", "1",
             "--pixel-threshold", "1"],
    "calibrate": ["calibrate", "{model}", "{new}", "-o", "{out}/c.onnx"],
}  # fmt: skip


@pytest.fixture
def small_default(monkeypatch):
    """Whatever is read by the default is too large."""
    before = DEFAULT_LIMITS.max_pixels
    object.__setattr__(DEFAULT_LIMITS, "max_pixels", 100)
    yield
    object.__setattr__(DEFAULT_LIMITS, "max_pixels", before)


@pytest.mark.parametrize("command", COMMANDS)
def test_images_larger_than_the_default_are_read_where_the_user_allows_them(
    blemish, fitted, data, fit_options, tmp_path, command, small_default
):
    if command == "maps":
        words = ["predict", fitted, data / "test", "-o", tmp_path / "maps", "--maps"]
        assert blemish(*words, "--max-pixels", 5000).code == 0
    places = {"data": data, "model": fitted, "out": tmp_path}
    if command == "calibrate":  # those that the model knows it would not read again
        places["new"] = tiny_dataset(tmp_path / "new", seed=9)
    words = []
    for word in COMMANDS[command]:
        words += fit_options if word == "{fit}" else [word.format(**places)]
    assert blemish(*words).code != 0
    found = blemish(*words, "--max-pixels", 5000, *(["--force"] if "predict" in words else []))
    assert found.code == 0, found.err
