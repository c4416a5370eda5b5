from __future__ import annotations

import json
from functools import partial

import pytest

from blemish.benchmark.plan import plan_jobs
from blemish.data import opening
from blemish.data.drawn import drawn_dataset
from blemish.surfaces.drawing import SURFACES
from tiny import tiny_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_surfaces_are_written_and_can_be_checked(blemish, tmp_path):
    words = ("--categories", "grid,tile", "--good", "2", "--size", "64", "--seed", "3")
    found = blemish("surfaces", "out", *words)
    assert found.code == 0
    assert found.out.split() == ["grid", "out/grid", "tile", "out/tile"]
    assert "next: blemish check out/grid" in found.err
    assert len(list((tmp_path / "out/tile/train/good").iterdir())) == 2
    facts = json.loads((tmp_path / "out/tile/.surface.json").read_text())
    assert (facts["seed"], facts["size_px"], facts["difficulty"]) == (3, 64, 0.5)
    assert blemish("check", "out", "--category", "tile", "--json").code == 0
    assert blemish("surfaces", "out", *words).code == 2
    again = blemish("surfaces", "out", *words, "--force", "--json")
    assert again.json == {"grid": "out/grid", "tile": "out/tile"}


def test_wrong_options_are_told(blemish):
    found = blemish("surfaces", "out", "--categories", "tyle", "--json")
    assert found.code == 2
    assert "Did you mean 'tile'" in found.json["error"]
    assert blemish("surfaces", "out", "--difficulty", "2").code == 2
    assert blemish("surfaces", "out", "--categories", ",").code == 2


def test_commands_take_surfaces_by_name(blemish, fit_options, monkeypatch):
    few = partial(drawn_dataset, good=8, test_good=2, defects_a_type=1, size_px=64)
    monkeypatch.setattr(opening, "drawn_dataset", few)
    assert blemish("check", "surfaces/grid").code == 0
    assert blemish("plan", "surfaces", "--category", "grid", *fit_options).code == 0
    assert blemish("fit", "surfaces/grid", "-o", "grid.onnx", *fit_options).code == 0
    found = blemish("evaluate", "grid.onnx", "surfaces/grid", "--json")
    assert set(found.json["per_type"]) == set(SURFACES["grid"])


def test_a_benchmark_has_a_job_for_each_surface_that_opens_it_again(backbone):
    settings = tiny_settings(backbone)
    jobs = plan_jobs(["surfaces"], settings=settings)
    assert [job.category for job in jobs] == sorted(SURFACES)
    assert [job.data for job in jobs] == [f"surfaces/{name}" for name in sorted(SURFACES)]
    assert [job.open_dataset().name for job in jobs] == sorted(SURFACES)
    assert jobs == plan_jobs(["surfaces"], settings=settings)
