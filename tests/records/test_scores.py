"""What was said of each image, as CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from blemish.data.sample import Sample
from blemish.evaluation.score_list import read_scores
from blemish.records.record import from_dict
from blemish.records.scores import scores_csv, write_scores
from made_records import made_failed_record, made_record, record_values


def with_metadata(*pairs_of, **top):
    values = record_values(**top)
    for row, pairs in zip(values["images"], pairs_of, strict=False):
        row["metadata"] = pairs
    return from_dict(values)


def rows_of(*records):
    return list(csv.DictReader(io.StringIO(scores_csv(records), newline="")))


def test_there_is_a_row_for_each_image_of_each_job():
    record, other = made_record(), made_record(detector="padim", job="other")
    rows = rows_of(record, made_failed_record(), other)
    assert len(rows) == len(record.images) + len(other.images)
    assert rows[0] == {
        "path": "good/0.png", "score": "1.0", "label": "good", "defect_type": "good",
        "verdict": "good", "p_value": "", "tail_p_value": "", "aupimo": "", "category": "mtd",
        "detector": "patchcore", "seed": "0", "job": "mtd-patchcore-0-1a2b3c4d", "run": "",
    }  # fmt: skip
    assert {row["detector"] for row in rows} == {"patchcore", "padim"}


def test_metadata_are_columns_at_the_end():
    one = with_metadata([["camera", "left"], ["Score", "7"]], [["camera", ""]])
    other = with_metadata([["operator", "=1+1"], ["shift", "-2.5"]])
    rows = rows_of(one, other)
    assert list(rows[0])[-4:] == ["camera", "meta.Score", "operator", "shift"]
    assert (rows[0]["camera"], rows[0]["meta.Score"], rows[0]["operator"]) == ("left", "7", "")
    assert (rows[8]["operator"], rows[8]["shift"]) == ("'=1+1", "-2.5")


def test_a_record_without_metadata_is_written_as_before():
    assert all("metadata" not in row for row in made_record().to_dict()["images"])
    record = with_metadata([["camera", "left"]])
    assert from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_of_one_job_they_are_a_list_of_scores(tmp_path):
    values = record_values()
    names = [
        "=a/1.png",
        "-2.png",
        "a, b.png",
        'c "d".png',
        " e.png",
        "'f.png",
        "'=g.png",
        "ü/h.png",
    ]
    for row, name in zip(values["images"], names, strict=True):
        row.update(
            path=name, score=row["score"] / 3, metadata=[["image", "x.png"], ["note", "a\nb"]]
        )
    path = write_scores(tmp_path, [from_dict(values)])
    samples = [Sample(name, Path(name), "test", "good", "good") for name in names]
    found, problems = read_scores(path, samples, "mtd")
    assert not problems
    assert found == {row["path"]: row["score"] for row in values["images"]}
