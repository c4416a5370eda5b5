"""A tiny backbone, data set and model, and a way to type commands."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.parallel import THREAD_VARIABLES
from tiny import LEVELS, SIDE, tiny_backbone, tiny_dataset


@dataclass
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def blemish(monkeypatch):
    """Type a command: its exit code, standard output and standard error."""
    for name in THREAD_VARIABLES:
        monkeypatch.setenv(name, "2")

    def type_command(*words):
        result = CliRunner().invoke(app, [str(word) for word in words], prog_name="blemish")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    return type_command


@pytest.fixture(scope="session")
def start():
    """Start a command as a process of its own, after some other statements."""

    def start_process(*words, first="", **options):
        program = f"{first}\nfrom blemish.cli.main import run; run()"
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        return subprocess.Popen([sys.executable, "-c", program, *map(str, words)], **streams)

    return start_process


@pytest.fixture(scope="session")
def backbone(tmp_path_factory) -> Path:
    return tiny_backbone(tmp_path_factory.mktemp("backbone") / "tiny.onnx")


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """24 good training images, 3 good and 3 defect test images. Not to be changed."""
    return tiny_dataset(tmp_path_factory.mktemp("data") / "tile", good=24)


@pytest.fixture(scope="session")
def fit_options(backbone) -> list[str]:
    return [
        *("--backbone", str(backbone), "--levels", ",".join(LEVELS), "--image-size", str(SIDE)),
        *("--set", "coreset_ratio=0.1", "--set", "calibration_folds=2", "--set", "smoothing=1.0"),
    ]


@pytest.fixture(scope="session")
def fitted(tmp_path_factory, data, fit_options) -> Path:
    """A model of `data`. Not to be changed."""
    path = tmp_path_factory.mktemp("model") / "tile.onnx"
    result = CliRunner().invoke(app, ["fit", str(data), "-o", str(path), *fit_options])
    assert result.exit_code == 0, result.stderr
    return path


@pytest.fixture
def good(data) -> Path:
    return data / "test" / "good" / "000.png"


@pytest.fixture
def spot(data) -> Path:
    return data / "test" / "spot" / "000.png"
