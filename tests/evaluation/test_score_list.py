"""Scores of images from CSV and JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blemish.data.sample import Sample
from blemish.errors import DataError
from blemish.evaluation.score_list import read_scores

SAMPLES = [
    Sample(f"test/{kind}/{name}.png", Path(name), "test", "defect", kind)
    for kind, name in [("good", "000"), ("crack", "000"), ("crack", "001")]
]
IDS = [sample.id for sample in SAMPLES]
SCORES = [1e-300, -1000.5, 0.9999999999999999]


def read(path: Path, text: str):
    path.write_text(text, encoding="utf-8")
    return read_scores(path, SAMPLES, "tile")


def csv_of(paths) -> str:
    return "path,score\n" + "".join(
        f"{path},{score!r}\n" for path, score in zip(paths, SCORES, strict=True)
    )


@pytest.mark.parametrize(
    "form",
    ["{id}", "tile/{id}", "./{id}", "/data/mvtec/tile/{id}", "C:\\data\\tile\\{back}", "{type}",
     "{type_stem}", " {id} "],
)  # fmt: skip
def test_a_line_names_its_image_in_any_usual_way(tmp_path, form):
    paths = [
        form.format(
            id=image,
            back=image.replace("/", "\\"),
            type=image.removeprefix("test/"),
            type_stem=image.removeprefix("test/").removesuffix(".png"),
        )
        for image in IDS
    ]
    scores, problems = read(tmp_path / "scores.csv", csv_of(paths))
    assert scores == dict(zip(IDS, SCORES, strict=True))
    assert not problems


def test_columns_may_be_more_in_any_order_and_apart_by_semicolons(tmp_path):
    text = "\ufeffScore;label;Path\n" + "".join(f"1.5;x;{image}\n" for image in IDS)
    assert read(tmp_path / "scores.csv", text) == (dict.fromkeys(IDS, 1.5), [])


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        ("s.tsv", "image_path\tscore\n{}", "utf-16"),
        ("s.csv", "sep=|\r\nfile|path|Score\r\n{}", "utf-8-sig"),
        ("s.json", "", "utf-8"),
    ],
)
def test_lists_are_read_in_all_formats_of_manifests(tmp_path, name, text, encoding):
    rows = "".join(f"{image}\t1.5\n" if name == "s.tsv" else f"x|{image}|1.5\r\n" for image in IDS)
    text = text.format(rows) or json.dumps([{"file": image, "score": 1.5} for image in IDS])
    (tmp_path / name).write_bytes(text.encode(encoding))
    assert read_scores(tmp_path / name, SAMPLES, "tile") == (dict.fromkeys(IDS, 1.5), [])


def test_json_lines_keep_every_digit_and_may_hold_more(tmp_path):
    lines = [{"path": f"/x/{p}", "score": s, "verdict": "good"}
             for p, s in zip(IDS, SCORES, strict=True)]  # fmt: skip
    lines.append({"path": "/x/train/good/9.png", "error": "cannot be read"})
    text = "\n".join(map(json.dumps, lines)) + "\n\n"
    assert read(tmp_path / "s.jsonl", text) == (dict(zip(IDS, SCORES, strict=True)), [])


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    path = tmp_path / "scores.csv"
    text = f"path,score\n{IDS[0]},nan\n{IDS[1]},1\ncrack/000,2\n{IDS[1]},3\n"
    _, problems = read(path, text)
    missing, doubled, number = problems
    assert missing.startswith(f"1 of 3 test images have no score in '{path}': {IDS[2]}")
    assert doubled == f"{IDS[1]}: has 3 scores, line 3, line 4, line 5; leave one."
    assert number == f"{path}: line 2: {IDS[0]}: its score is 'nan', no number."


@pytest.mark.parametrize("score", ["", "high", "inf", "1,5"])
def test_a_score_that_is_no_finite_number_is_told(tmp_path, score):
    text = "path;score\n" + "".join(f"{image};{score}\n" for image in IDS)
    _, problems = read(tmp_path / "scores.csv", text)
    assert len(problems) == 3
    assert all("no number" in problem for problem in problems)


def test_a_line_of_two_images_is_told(tmp_path):
    _, problems = read(tmp_path / "s.csv", f"path,score\n000,1\n{IDS[2]},2\n")
    assert any("s.csv: line 2: could be the score of 2 images" in problem for problem in problems)
    assert any("whole path" in problem for problem in problems)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("s.csv", "name,score\na,1\n", "must name path and score"),
        ("s.csv", "file,image,score\na,b,1\n", "must name path and score"),
        ("s.csv", "path,score\na\n", "line 2: has 1 field"),
        ("s.csv", "", "must name path and score"),
        ("s.csv", "path,score\n", "lists no scores"),
        ("s.csv", 'path,score\n"a,1\n', "is no list of scores"),
        ("s.jsonl", '{"path": "a"', "is no list of scores"),
        ("s.jsonl", "[1]\n", "entry 1: must be a JSON object"),
    ],
)
def test_a_file_that_is_no_list_is_refused(tmp_path, name, text, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path / name, text)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_scores(tmp_path / "gone.csv", SAMPLES, "tile")
    (tmp_path / "s.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="UTF-16"):
        read_scores(tmp_path / "s.csv", SAMPLES, "tile")
