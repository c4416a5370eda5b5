"""Runs compared on one page."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data, fit_options):
    """Two evaluations of models that differ in a setting, each in a folder named `out`."""
    from typer.testing import CliRunner

    from blemish.cli.main import app

    folders = []
    for k in (1, 3):
        folder = tmp_path_factory.mktemp(f"k{k}")
        model = folder / "m.onnx"
        for words in (["fit", data, "-o", model, *fit_options, "--set", f"k={k}"],
                      ["evaluate", model, data, "-o", folder / "out"]):  # fmt: skip
            assert CliRunner().invoke(app, [str(word) for word in words]).exit_code == 0
        folders.append(folder / "out")
    return folders


def test_two_runs_are_compared_under_their_folders_names(blemish, runs, tmp_path):
    found = blemish("report", *runs, "-o", tmp_path / "page", "--json")
    assert found.code == 0
    assert found.json["records"] == 2
    page = Path(found.json["html"]).read_text()
    one, other = (f"{folder.parent.name}/out" for folder in runs)
    assert f"patchcore, k 1, run {one} against patchcore, k 3, run {other}" in page
    assert "no image" not in page


def test_several_folders_need_a_place(blemish, runs):
    found = blemish("report", *runs)
    assert found.code == 2
    assert "-o FOLDER" in found.err


def test_a_folder_is_not_compared_with_itself(blemish, runs, tmp_path):
    found = blemish("report", runs[0], runs[0], "-o", tmp_path)
    assert found.code == 2
    assert "named twice" in found.err


def test_a_folder_without_records_is_named(blemish, runs, tmp_path):
    found = blemish("report", runs[0], tmp_path, "-o", tmp_path / "page")
    assert found.code == 2
    assert f"no records in '{tmp_path}'" in found.err
    assert not (tmp_path / "page").exists()
