"""The type of a record: what it takes, what it refuses, what it gives back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from blemish.records.record import FailedRecord, Record, from_dict
from made_records import FAILED, RECORD, made_failed_record, made_record, record_values


def test_what_was_written_is_read_as_it_was() -> None:
    record = made_record()
    assert isinstance(record, Record)
    assert from_dict(json.loads(json.dumps(record.to_dict()))) == record
    assert record.figures.intervals["image"]["auroc"] == (0.75, 1.0)
    failed = made_failed_record()
    assert isinstance(failed, FailedRecord)
    assert from_dict(json.loads(json.dumps(failed.to_dict()))) == failed


@pytest.mark.parametrize("outline", [None, [[[0, 0], [2, 0], [2, 1], [0, 1]]]])
def test_regions_are_read_with_their_outlines_or_without(outline: list | None) -> None:
    region = {"area_px": 2, "box_xyxy": [0, 0, 2, 1], "peak_score": 4.0, "peak_xy": [0, 0]}
    values = record_values()
    values["images"][0]["regions"] = [region | ({"outline_xy": outline} if outline else {})]
    record = from_dict(values)
    assert record.images[0].regions[0].to_dict() == values["images"][0]["regions"][0]
    assert from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_every_value_of_a_file_is_read() -> None:
    def left_out(wanted, found, place=""):
        if isinstance(wanted, dict):
            for name, value in wanted.items():
                yield from left_out(value, found.get(name), f"{place}.{name}")
        elif isinstance(wanted, list) and wanted and isinstance(wanted[0], dict):
            for one, other in zip(wanted, found, strict=True):
                yield from left_out(one, other, place)
        elif wanted != found:
            yield place

    for values in (RECORD, FAILED):
        assert list(left_out(values, json.loads(json.dumps(from_dict(values).to_dict())))) == []


def test_which_of_several_runs_a_record_is_from_stays_out_of_its_file() -> None:
    assert replace(made_record(), run="monday").to_dict() == made_record().to_dict()


def test_fields_of_later_versions_are_passed_over() -> None:
    record = from_dict(record_values({"figures.tomorrow": 1}, tomorrow={"a": [1]}))
    assert record == made_record()


@pytest.mark.parametrize(
    "field",
    ["dataset", "settings", "figures", "curves", "images", "examples", "seconds", "bytes",
     "versions", "machine", "date", "seed", "category", "detector"],
)  # fmt: skip
def test_what_every_record_has_must_be_there(field: str) -> None:
    values = record_values()
    del values[field]
    with pytest.raises(ValueError, match=rf"no whole record: .* field '{field}'"):
        from_dict(values)
    with pytest.raises(ValueError, match=rf"no whole record: .*'\$\.{field}'"):
        from_dict({**values, field: None})


@pytest.mark.parametrize("field", ["request", "calibration", "model_sha256"])
def test_what_a_detector_or_tool_need_not_have_may_be_null(field: str) -> None:
    assert getattr(made_record({field: None}), field) is None


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("figures.image.auroc", "0.9", "figures.image"),
        ("figures.intervals.image.auroc", [0.5], "figures.intervals"),
        ("figures.regions", {"regions": 2}, "figures.regions"),
        ("calibration.image_threshold", [3], "calibration.image_threshold"),
        ("machine.cores", "two", "machine.cores"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_its_place(path, value, place) -> None:
    with pytest.raises(ValueError, match=place):
        made_record({path: value})


def test_images_are_counted_by_label_and_verdict() -> None:
    record = made_record()
    assert record.flagged("good") == (1, 4)
    assert record.flagged("defect") == (3, 4)
    assert record.scores("good") == [1.0, 1.5, 2.0, 3.1]


def test_what_is_not_inspectable_is_no_good_image() -> None:
    rows = [{**row, "verdict": "not inspectable"} for row in RECORD["images"][:1]]
    reasons = [{"code": "dark", "message": "It is dark."}]
    record = made_record(images=[{**rows[0], "reasons": reasons}, *RECORD["images"][1:]])
    assert record.flagged("good") == (2, 4)
    assert (record.not_inspectable("good"), record.not_inspectable("defect")) == (1, 0)
    told = record.to_dict()["images"]
    assert list(told[0]["reasons"]) == reasons
    assert "reasons" not in told[1]


def test_without_verdicts_nothing_is_counted() -> None:
    record = made_record(images=[{**RECORD["images"][0], "verdict": None}])
    assert record.flagged("good") is None
