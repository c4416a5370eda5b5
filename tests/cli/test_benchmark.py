from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("benchmark") / "out"


@pytest.fixture
def words(data, fit_options, folder):
    return ["benchmark", data, "-o", folder, *fit_options, "--seeds", "0,1"]


@pytest.mark.slow
def test_benchmark_prints_the_table_and_writes_the_report(blemish, words, folder):
    found = blemish(*words)
    assert found.code == 0, found.err
    assert found.out.startswith("Category")
    assert "tile" in found.out
    assert f"report: {folder / 'report.html'}" in found.err
    assert (folder / "report.html").is_file()


@pytest.mark.slow
def test_benchmark_goes_on_with_what_is_done_and_gives_records(blemish, words):
    found = blemish(*words, "--json")
    assert found.code == 0
    assert [record["seed"] for record in found.json] == [0, 1]
    assert all("pictures" not in record and "curves" not in record for record in found.json)


@pytest.mark.slow
def test_report_names_its_files(blemish, words, folder):
    blemish(*words)
    found = blemish("report", folder, "--json")
    assert found.json["records"] == 2
    assert all(Path(found.json[kind]).is_file() for kind in ("html", "markdown", "csv"))


@pytest.mark.slow
def test_a_job_that_fails_is_exit_code_1_and_the_rest_is_there(blemish, data, words, tmp_path):
    found = blemish(*words[:2], "-o", tmp_path, *words[4:], "--false-alarm-rate", "0.001", "--json")
    assert found.code == 1
    assert all("999 good pictures" in record["error"] for record in found.json)


def test_wrong_seeds_and_settings_are_wrong_usage(blemish, words, tmp_path):
    assert blemish(*words, "--seeds", "0,one").code == 2
    assert blemish(*words, "--set", "coreset=1").code == 2
    assert blemish(*words, "--categories", "til").code == 1


def test_a_folder_without_records_cannot_be_reported(blemish, tmp_path):
    found = blemish("report", tmp_path)
    assert found.code == 1
    assert "no records" in found.err
