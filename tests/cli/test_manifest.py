"""From a manifest to `scores.csv`, and back."""

from __future__ import annotations

import csv
import json

import pytest

from blemish.records.folder import read_records


@pytest.fixture
def manifest(tmp_path, data):
    """A list in a folder of its own, as a spreadsheet would save it, with a column of its own."""
    path = tmp_path / "lists" / "parts.csv"
    path.parent.mkdir()
    lines = ["sep=;", "Image Path;Label;Ground Truth;Split;Camera"]
    lines += [f"{image};OK;;train;left" for image in sorted((data / "train").rglob("*.png"))]
    for image in sorted((data / "test").rglob("*.png")):
        good = image.parent.name == "good"
        mask = data / "ground_truth" / image.parent.name / f"{image.stem}_mask.png"
        kind = "OK" if good else image.parent.name
        lines.append(f"{image};{kind};{'' if good else mask};test;=right")
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-16")
    return path


def test_metadata_reach_scores_csv_which_is_a_list_of_scores(
    blemish, fitted, data, manifest, tmp_path
):
    out = tmp_path / "out"
    found = blemish("evaluate", fitted, manifest, "-o", out, "--json")
    assert found.code == 0
    rows = list(csv.DictReader((out / "scores.csv").open(newline="")))
    assert [row["path"] for row in rows] == sorted(
        path.relative_to(data).as_posix() for path in (data / "test").rglob("*.png")
    )
    assert {row["Camera"] for row in rows} == {"'=right"}
    (record,) = read_records(out)
    assert record.images[0].metadata == (("Camera", "=right"),)
    assert [float(row["score"]) for row in rows] == [image.score for image in record.images]
    maps = tmp_path / "maps"
    assert blemish("predict", fitted, data / "test", "-o", maps, "--maps").code == 0
    again = blemish(
        "evaluate", manifest, "--maps", maps, "--scores", out / "scores.csv", "-o", out, "--json"
    )
    assert again.code == 0
    assert again.json["image"]["auroc"] == found.json["image"]["auroc"]
    assert len((out / "scores.csv").read_text().splitlines()) == 1 + 2 * len(rows)


def test_figures_are_those_of_the_folders(blemish, fitted, data, manifest):
    one, other = (blemish("evaluate", fitted, where, "--json").json for where in (data, manifest))
    assert {**one, "notes": [], "seconds": {}} == {**other, "notes": [], "seconds": {}}


def test_what_is_wrong_with_it_is_told_at_once(blemish, tmp_path):
    path = tmp_path / "parts.jsonl"
    path.write_text("".join(json.dumps({"path": f"{n}.png", "label": n}) + "\n" for n in range(3)))
    found = blemish("check", path)
    assert found.code == 1
    assert "'label' holds 0, 1, 2, and only 0 (good) and 1 (defect) are understood" in found.err
    assert "line 1: 'path' does not exist: '0.png'" in found.err
