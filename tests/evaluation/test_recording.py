"""Records of models: what they hold, and what they never do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import blemish
from blemish.evaluation.recording import evaluate_into
from blemish.records.folder import read_records
from blemish.records.record import FitRequest
from tiny import tiny_dataset, tiny_settings

EXPECTED = {
    "schema", "job", "category", "detector", "seed", "date", "error", "dataset", "settings",
    "sources", "details", "request", "calibration", "figures", "curves", "draws", "images",
    "examples", "seconds", "bytes", "versions", "machine", "model_sha256", "maps_sha256",
}  # fmt: skip
MOST_POINTS = 500  # of a curve that is thinned for drawing


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> blemish.Dataset:
    return blemish.open_dataset(tiny_dataset(tmp_path_factory.mktemp("data") / "tile", seed=2))


@pytest.fixture(scope="module")
def model(dataset: blemish.Dataset, backbone: Path) -> blemish.Model:
    return blemish.fit(dataset, blemish.PatchCore(**tiny_settings(backbone, seed=7)))


def test_an_evaluation_leaves_a_record_and_its_images(
    model: blemish.Model, dataset: blemish.Dataset, tmp_path: Path
) -> None:
    evaluation, record = evaluate_into(model, dataset, tmp_path / "new" / "folder")
    assert set(record.to_dict()) == EXPECTED
    assert read_records(tmp_path / "new" / "folder") == [record]
    assert record.figures == evaluation.figures()
    assert 0.9 < record.figures.pixel["au_pro_30"] <= 1
    assert record.figures.regions.found == 3
    assert 1 < len(record.curves.pro.overlap) <= MOST_POINTS
    assert record.dataset.notes == ()
    assert record.seed == 7
    assert record.job.startswith("tile-patchcore-7-")
    assert record.seconds.fit is None
    assert record.dataset.train_good == 8
    assert (record.dataset.test_good, record.dataset.test_defect) == (3, 3)
    (shown,) = record.examples.caught
    assert (tmp_path / "new" / "folder" / shown.map).is_file()


def test_the_size_of_the_model_file_is_that_of_the_file(
    model: blemish.Model, dataset: blemish.Dataset, tmp_path: Path
) -> None:
    _, record = evaluate_into(model, dataset, tmp_path)
    model.save(tmp_path / "model.onnx")
    assert record.bytes.model_file == (tmp_path / "model.onnx").stat().st_size
    assert record.model_sha256 == blemish.inspect(tmp_path / "model.onnx").sha256


def test_evaluating_again_replaces_the_record(
    model: blemish.Model, dataset: blemish.Dataset, tmp_path: Path
) -> None:
    evaluate_into(model, dataset, tmp_path)
    evaluate_into(model, dataset, tmp_path)
    assert len(read_records(tmp_path)) == 1


def test_a_record_holds_no_path_of_the_machine(
    model: blemish.Model, dataset: blemish.Dataset, backbone: Path, tmp_path: Path
) -> None:
    _, record = evaluate_into(model, dataset, tmp_path)
    text = json.dumps(record.to_dict())
    for folder in (tmp_path, dataset.root, backbone.parent):
        assert str(folder) not in text


def test_the_rate_that_was_asked_for_is_kept_not_the_one_that_was_reached(
    model: blemish.Model, dataset: blemish.Dataset, backbone: Path, tmp_path: Path
) -> None:
    _, record = evaluate_into(model, dataset, tmp_path)
    assert record.calibration.false_alarm_rate == 1 / 9
    assert record.request == FitRequest(false_alarm_rate=None, alpha="refuse", smallest_region_px=1)
    detector = blemish.PatchCore(**tiny_settings(backbone))
    other = blemish.fit(dataset, detector, false_alarm_rate=0.2)
    assert evaluate_into(other, dataset, tmp_path)[1].request.false_alarm_rate == 0.2
