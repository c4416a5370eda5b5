from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

import blemish
from blemish.benchmark.plan import Job, plan_jobs
from blemish.benchmark.records import (
    evaluate_into,
    failed_record,
    read_records,
    write_record,
)
from blemish.errors import BlemishError, DataError
from blemish.report.page import write_report
from tiny import tiny_settings

EXPECTED = {
    "schema", "job", "category", "detector", "seed", "date", "error", "dataset", "settings",
    "sources", "details", "asked", "calibration", "figures", "curves", "draws", "images",
    "examples",
    "seconds",
    "bytes", "versions", "machine", "model_sha256",
}  # fmt: skip
MOST_POINTS = 500  # of a curve that is thinned for drawing


@pytest.fixture(scope="module")
def dataset(data: Path) -> blemish.Dataset:
    return blemish.open_dataset(data, category="tile")


@pytest.fixture(scope="module")
def model(dataset: blemish.Dataset, backbone: Path) -> blemish.Model:
    return blemish.fit(dataset, blemish.PatchCore(**tiny_settings(backbone, seed=7)))


def test_an_evaluation_leaves_a_record_and_its_images(
    model: blemish.Model, dataset: blemish.Dataset, tmp_path: Path
) -> None:
    evaluation, record = evaluate_into(model, dataset, tmp_path / "new" / "folder")
    assert set(record) == EXPECTED
    assert read_records(tmp_path / "new" / "folder") == [record]
    assert record["figures"] == evaluation.figures()
    assert set(record["figures"]) >= {"intervals", "regions", "undefined"}
    assert 0.9 < record["figures"]["pixel"]["au_pro_30"] <= 1
    assert record["figures"]["regions"]["found"] == 3
    assert 1 < len(record["curves"]["pro"]["overlap"]) <= MOST_POINTS
    assert record["dataset"]["notes"] == []
    assert record["seed"] == 7
    assert record["job"].startswith("tile-patchcore-7-")
    assert record["seconds"]["fit"] is None
    assert record["dataset"]["train_good"] == 8
    assert (record["dataset"]["test_good"], record["dataset"]["test_defect"]) == (3, 3)
    (shown,) = record["examples"]["caught"]
    assert (tmp_path / "new" / "folder" / shown["map"]).is_file()


def test_the_size_of_the_model_file_is_that_of_the_file(
    model: blemish.Model, dataset: blemish.Dataset, tmp_path: Path
) -> None:
    _, record = evaluate_into(model, dataset, tmp_path)
    model.save(tmp_path / "model.onnx")
    assert record["bytes"]["model_file"] == (tmp_path / "model.onnx").stat().st_size
    assert record["model_sha256"] == blemish.inspect(tmp_path / "model.onnx").sha256


def test_evaluating_again_replaces_the_record(
    model: blemish.Model, dataset: blemish.Dataset, tmp_path: Path
) -> None:
    evaluate_into(model, dataset, tmp_path)
    evaluate_into(model, dataset, tmp_path)
    assert len(read_records(tmp_path)) == 1


def test_a_record_holds_no_path_of_the_machine(
    model: blemish.Model, dataset: blemish.Dataset, jobs: list[Job], tmp_path: Path
) -> None:
    _, record = evaluate_into(model, dataset, tmp_path)
    folders = [str(tmp_path), str(dataset.root), str(Path(jobs[0].settings["backbone"]).parent)]
    for text in (json.dumps(record), json.dumps(failed_record(jobs[0], "Too bad."))):
        assert not [folder for folder in folders if folder in text]


def test_the_report_takes_records_of_both_kinds(
    model: blemish.Model, dataset: blemish.Dataset, jobs: list[Job], tmp_path: Path
) -> None:
    evaluate_into(model, dataset, tmp_path)
    write_record(tmp_path, failed_record(jobs[0], "Too bad."))
    files = write_report(tmp_path, read_records(tmp_path))
    assert "Too bad." in files.markdown.read_text()


def test_records_are_sorted_by_job_and_replaced_by_job(jobs: list[Job], tmp_path: Path) -> None:
    for job, error in ((jobs[1], "first"), (jobs[0], "first"), (jobs[1], "second")):
        path = write_record(tmp_path, failed_record(job, error))
        assert path == tmp_path / "records" / f"{job.id}.json"
    records = read_records(tmp_path)
    assert [record["job"] for record in records] == [job.id for job in jobs]
    assert [record["error"] for record in records] == ["first", "second"]


def test_without_records_there_are_none(tmp_path: Path) -> None:
    assert read_records(tmp_path) == []
    assert read_records(tmp_path / "missing") == []


def test_hidden_and_temporary_files_are_passed_over(jobs: list[Job], tmp_path: Path) -> None:
    write_record(tmp_path, failed_record(jobs[0], "error"))
    (tmp_path / "records" / "._x.json").write_bytes(b"\x00\x05")
    (tmp_path / "records" / ".x.json.12.tmp").write_text('{"schema"')
    assert len(read_records(tmp_path)) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"schema": 1, "jo', "damaged"),
        (b"\xff\xfe\x00", "damaged"),
        (b"[1, 2]", "no record"),
        (b'{"name": "x"}', "no record"),
        (b'{"schema": 2, "job": "x"}', "newer"),
        (b'{"schema": "1", "job": "x"}', "schema '1'"),
    ],
)
def test_a_damaged_or_foreign_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "odd.json").write_bytes(content)
    with pytest.raises(DataError, match=said) as told:
        read_records(tmp_path)
    assert "odd.json" in str(told.value)


def test_a_folder_that_cannot_be_made_is_named(jobs: list[Job], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BlemishError, match="file/records"):
        write_record(tmp_path / "file", failed_record(jobs[0], "error"))


def test_the_rate_that_was_asked_for_is_kept_not_the_one_that_was_reached(
    model: blemish.Model, dataset: blemish.Dataset, backbone: Path, data: Path, tmp_path: Path
) -> None:
    _, record = evaluate_into(model, dataset, tmp_path)
    assert record["calibration"]["false_alarm_rate"] == 1 / 9
    assert record["asked"] == {"false_alarm_rate": None, "alpha": "refuse", "smallest_region_px": 1}
    settings = tiny_settings(backbone)
    job = plan_jobs([data / "tile"], settings=settings, false_alarm_rate=0.2, alpha="flatten")[0]
    assert failed_record(job, "no")["asked"] == job.asked
    assert job.asked["false_alarm_rate"] == 0.2
    asked = blemish.fit(dataset, job.make_detector(), false_alarm_rate=0.2)
    assert evaluate_into(asked, dataset, tmp_path)[1]["asked"]["false_alarm_rate"] == 0.2


def test_a_folder_of_records_that_cannot_be_listed_is_an_error_not_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    assert read_records(tmp_path) == []
    monkeypatch.setattr(Path, "iterdir", locked)
    with pytest.raises(DataError, match="records' cannot be listed: Permission denied"):
        read_records(tmp_path)
