"""Records of maps that another tool wrote: what they hold, and what tells them apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import blemish
from blemish.evaluation import ScoreMaps
from blemish.evaluation.recording import evaluate_into, evaluate_maps_into
from blemish.metrics.decisions import Thresholds
from blemish.records.folder import read_records
from blemish.report.page import write_report
from tiny import SIDE, tiny_dataset, tiny_settings


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> blemish.Dataset:
    return blemish.open_dataset(tiny_dataset(tmp_path_factory.mktemp("data") / "tile", seed=2))


@pytest.fixture
def folder(dataset: blemish.Dataset, tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for sample in dataset.test:
        path = tmp_path / "maps" / f"{sample.id}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rng.random((SIDE, SIDE)))
    return tmp_path / "maps"


def test_a_record_of_maps_holds_what_one_of_a_model_does(
    dataset: blemish.Dataset, folder: Path, backbone: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    model = blemish.fit(dataset, blemish.PatchCore(**tiny_settings(backbone)))
    _, ours = evaluate_into(model, dataset, out)
    evaluation, theirs = evaluate_maps_into(ScoreMaps(folder, dataset), dataset, out, name="peer")
    assert set(theirs.to_dict()) == set(ours.to_dict())
    assert theirs.maps_sha256 and not theirs.model_sha256
    assert theirs.figures == evaluation.figures()
    assert theirs.settings["image_score"] == "maximum of the map"
    assert theirs.seconds.fit is None
    assert len(theirs.draws["pixel"]["auroc"]) == len(ours.draws["pixel"]["auroc"])
    assert str(tmp_path) not in json.dumps(theirs.to_dict())
    assert read_records(out) == sorted([ours, theirs], key=lambda record: record.job)


def test_peers_and_models_are_compared_on_the_same_draws(
    dataset: blemish.Dataset, folder: Path, backbone: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    model = blemish.fit(dataset, blemish.PatchCore(**tiny_settings(backbone)))
    evaluate_into(model, dataset, out)
    evaluate_maps_into(ScoreMaps(folder, dataset), dataset, out, name="peer")
    page = write_report(out, read_records(out)).markdown.read_text()
    assert "patchcore against peer" in page
    assert "tile | Pixel AUROC" in page


def test_what_moves_figures_tells_records_apart(
    dataset: blemish.Dataset, folder: Path, tmp_path: Path
) -> None:
    ways = [
        ScoreMaps(folder, dataset),
        ScoreMaps(folder, dataset, resize=True),
        ScoreMaps(folder, dataset, thresholds=Thresholds(0.5, 0.5)),
    ]
    jobs = {
        evaluate_maps_into(maps, dataset, tmp_path, name="a peer/2", seed=3)[1].job
        for maps in [*ways, ways[0]]
    }
    assert len(jobs) == len(read_records(tmp_path)) == 3
    assert all(job.startswith("tile-a_peer_2-3-") for job in jobs)
    page = write_report(tmp_path, read_records(tmp_path)).markdown.read_text()
    assert "a peer/2, maps resized" in page
