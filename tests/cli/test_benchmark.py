from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from blemish.errors import BlemishError
from clusters import needs_ray


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
    assert all("images" not in record and "curves" not in record for record in found.json)


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
    assert all("999 good images" in record["error"] for record in found.json)


def test_wrong_seeds_and_settings_are_wrong_usage(blemish, words, tmp_path):
    assert blemish(*words, "--seeds", "0,one").code == 2
    assert blemish(*words, "--set", "coreset=1").code == 2
    assert blemish(*words, "--categories", "til").code == 1


@pytest.mark.parametrize("option", ["--seeds", "--detectors", "--categories"])
def test_an_empty_list_is_wrong_usage(blemish, words, option):
    found = blemish(*words, option, "")
    assert found.code == 2
    assert f"'{option}' names nothing" in found.err


def test_folders_that_are_no_categories_are_told(blemish, data, fit_options, tmp_path, monkeypatch):
    planned = []

    def keep(jobs, *_, **__):
        planned.extend(jobs)
        raise BlemishError

    monkeypatch.setattr("blemish.benchmark.run.run_jobs", keep)
    root = tmp_path / "several"
    shutil.copytree(data, root / "tile")
    (root / "notes").mkdir()
    found = blemish("benchmark", root, "-o", tmp_path / "out", *fit_options, "--max-pixels", "5000",
                    "--alpha", "flatten", "--smallest-region", "7")  # fmt: skip
    assert f"note: No categories in '{root}', passed over: notes." in found.err
    (job,) = planned
    asked = job.request
    assert (job.max_pixels, asked.alpha, asked.smallest_region_px) == (5000, "flatten", 7)


def test_a_folder_without_records_cannot_be_reported(blemish, tmp_path):
    found = blemish("report", tmp_path)
    assert found.code == 1
    assert "no records" in found.err


@needs_ray
@pytest.mark.slow
def test_on_ray_it_prints_the_same_and_nothing_of_ray(blemish, words, tmp_path):
    there = [*words[:2], "-o", tmp_path, *words[4:], "--engine", "ray", "--json"]
    found = blemish(*there)
    assert found.code == 0, found.err
    assert [record["error"] for record in found.json] == [None, None]
    here = blemish(*words, "--json").json
    assert [one["figures"] for one in found.json] == [one["figures"] for one in here]
    assert [one["model_sha256"] for one in found.json] == [one["model_sha256"] for one in here]
    assert "ray" not in found.err.lower().replace(str(tmp_path), "")


@needs_ray
def test_a_cluster_that_cannot_be_reached_is_told_before_anything_is_read(blemish, words, tmp_path):
    nothing = [words[0], tmp_path / "nothing", *words[2:], "--engine", "ray"]
    found = blemish(*nothing, "--ray-address", "127.0.0.1:1")
    assert found.code == 1
    assert found.err.startswith("error: No Ray cluster answers at 127.0.0.1:1 ")
    found = blemish(*nothing, "--ray-address", "here")
    assert found.code == 2
    assert "'--ray-address' must be HOST:PORT or auto; got 'here'." in found.err


def test_an_address_without_its_engine_is_wrong_usage(blemish, words):
    found = blemish(*words, "--ray-address", "auto")
    assert found.code == 2
    assert found.err == "error: '--ray-address' goes with --engine ray.\n"
