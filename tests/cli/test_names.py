"""Names of files and folders that are no UTF-8: shown escaped everywhere, and always found."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from blemish.cli.console import spell_command
from tiny import tiny_dataset

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")


def odd(path, *words):
    """A path below another whose parts are bytes."""
    return Path(os.fsdecode(os.path.join(os.fsencode(path), *words)))  # noqa: PTH118


@pytest.fixture(scope="module")
def odd_data(tmp_path_factory):
    """A category with such names of all kinds. Not to be changed."""
    folder = tiny_dataset(odd(tmp_path_factory.mktemp("data"), b"d\xff", b"cat\xfa"), good=12)
    for place, old, new in (
        ("train/good", "000.png", b"a\xff.png"),
        ("test/good", "000.png", b"b\xff.png"),
        ("test/spot", "000.png", b"c\xff.png"),
        ("ground_truth/spot", "000_mask.png", b"c\xff_mask.png"),
        ("test", "spot", b"s\xfd"),
        ("ground_truth", "spot", b"s\xfd"),
    ):
        (folder / place / old).rename(odd(folder / place, new))
    return folder


@pytest.fixture(scope="module")
def odd_model(tmp_path_factory, odd_data, fit_options):
    from typer.testing import CliRunner

    from blemish.cli.main import app

    path = odd(tmp_path_factory.mktemp("model"), b"m\xff.onnx")
    result = CliRunner().invoke(app, ["fit", str(odd_data), "-o", str(path), *fit_options])
    assert result.exit_code == 0, result.stderr
    return path


def check_text(data: bytes) -> str:
    """Text that a strict reader takes."""
    text = data.decode()
    assert "\\udc" not in text
    return text


def test_every_command_works_and_writes_what_strict_readers_take(
    blemish, odd_data, odd_model, fit_options, tmp_path
):
    out = odd(tmp_path, b"o\xff")
    for words in (
        ["check", odd_data, "--json"],
        ["plan", odd_data, *fit_options, "--json"],
        ["inspect", odd_model, "--json"],
        ["predict", odd_model, odd_data / "test", "-o", out / "p", "--maps", "--overlay"],
        ["evaluate", odd_model, odd_data, "-o", out / "e", "--json"],
        ["evaluate", odd_data, "--maps", out / "p", "--scores", out / "p" / "predictions.jsonl",
         "-o", out / "m", "--json"],
        ["calibrate", odd_model, odd_data, "-o", out / "c.onnx", "--json"],
        ["benchmark", odd_data.parent, "-o", out / "b", *fit_options, "--json"],
        ["report", out / "b"],
        ["report", out / "e", out / "m", "-o", out / "r"],
    ):  # fmt: skip
        found = blemish(*words)
        assert found.code == 0, found.err
        check_text(found.out.encode())
        assert "failed" not in found.err
    written = [
        path
        for path in out.rglob("*")
        if path.suffix in {".json", ".jsonl", ".html", ".md", ".csv"}
    ]
    assert len(written) > 8
    for path in written:
        check_text(path.read_bytes())
    assert r"s\xfd" in (out / "b" / "report.html").read_text()
    assert r"cat\xfa" in (out / "b" / "table.csv").read_text()
    (record,) = (out / "b" / "records").glob("*.json")
    assert json.loads(record.read_text())["category"] == r"cat\xfa"


def test_such_lines_are_found_again_when_it_goes_on(blemish, odd_data, odd_model, tmp_path):
    words = ["predict", odd_model, shutil.copytree(odd_data / "test", tmp_path / "in"), "-o",
             tmp_path / "out", "--resume"]  # fmt: skip
    assert len(blemish(*words).lines) == 6
    shown = [line["path"] for line in map(json.loads, (tmp_path / "out/predictions.jsonl").open())]
    assert str(tmp_path / "in" / r"s\xfd" / r"c\xff.png") in shown
    assert blemish(*words).out == ""


def test_check_tells_early(blemish, odd_data, data):
    (finding,) = [f for f in blemish("check", odd_data, "--json").json["findings"]
                  if f["code"] == "names"]  # fmt: skip
    assert finding["severity"] == "warning"
    assert {r"train/good/a\xff.png", r"ground_truth/s\xfd/c\xff_mask.png"} <= set(finding["ids"])
    assert "names" not in {f["code"] for f in blemish("check", data, "--json").json["findings"]}


def test_a_process_shows_them_on_any_terminal(start, odd_model, odd_data):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    gone = odd(odd_data, b"gone\xff\xc3\xa9.png")
    out, err = start("predict", odd_model, gone, env=environment).communicate()
    assert json.loads(out)["path"].endswith(r"gone\xffé.png")
    _, err = start(
        "predict", odd_model, gone, "--provider", os.fsdecode(b"\xff"), env=environment
    ).communicate()
    assert r"'\xff'" in err


def test_a_command_can_be_copied_back():
    parts = ["check", os.fsdecode(b"it's\xff\\x")]
    assert spell_command(parts) == r"check $'it\'s\xff\\x'"


def test_records_of_before_are_read_and_reported(blemish, odd_data, odd_model, tmp_path):
    assert blemish("evaluate", odd_model, odd_data, "-o", tmp_path).code == 0
    (path,) = (tmp_path / "records").glob("*.json")
    path.write_text(path.read_text().replace(r"\\xfa", r"\udcfa").replace(r"\\xff", r"\udcff"))
    assert blemish("report", tmp_path).code == 0
    assert r"cat\xfa" in (tmp_path / "report.html").read_text()
