"""JSON as rows."""

from __future__ import annotations

import json

import pytest

from blemish.data.tables.json_rows import looks_like_rows, parse_json

ROWS = [{"path": "a.png", "label": "a\u2028b", "n": 3}, {"path": "b.png", "x": None}]
CELLS = [("a.png", "a\u2028b", 3, None), ("b.png", None, None, None)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS), "line 2"),
        ("\r\n\r\n".join(map(json.dumps, ROWS)) + "\r\n", "line 3"),
        (json.dumps(ROWS), "entry 2"),
        (json.dumps(ROWS, indent=1), "entry 2"),
        (json.dumps({"version": 1, "images": ROWS}), "entry 2"),
        (json.dumps({"samples": ROWS}, indent=1), "entry 2"),
    ],
)
def test_each_form_gives_the_same_rows(text, place):
    table = parse_json(text)
    assert table.columns == ("path", "label", "n", "x")
    assert [row.cells for row in table.rows] == CELLS
    assert table.rows[1].place == place
    assert not table.problems
    assert looks_like_rows(text, {"path"}.__contains__)


def test_what_is_no_row_is_told_and_the_rest_is_read():
    table = parse_json('{"a": 1}\n[1]\n{"a"\n{"a": 1, "a": 2}\n{"a": NaN}\n{"a": 2}\n')
    assert [row.cells for row in table.rows] == [(1,), (2,)]
    assert [problem.split(":")[0] for problem in table.problems] == [
        "line 2", "line 3", "line 4", "line 5",
    ]  # fmt: skip
    assert parse_json("[{}, 1]").problems == ("entry 2: must be a JSON object.",)
    assert "no JSON" in parse_json('[{"a": 1},').problems[0]


@pytest.mark.parametrize(
    "value",
    [
        {"images": [{"file_name": "a.png", "path": "a.png"}], "annotations": []},
        {"shapes": [], "path": "a.png"},
        {"path": "a.png", "label": "good"},
        [{"path": "a.png", "annotations": [{"label": "x"}]}],
        [{"id": 1, "data": {"image": "a.png"}}],
        ["a.png"],
        [],
        3,
    ],
)
def test_json_of_other_kinds_is_left_to_others(value):
    assert not looks_like_rows(json.dumps(value, indent=1), {"path"}.__contains__)


@pytest.mark.parametrize("text", ['[{"path": "a.png"', '{"path": "a.png"}\n{"path"'])
def test_damaged_rows_are_rows(text):
    assert looks_like_rows(text, {"path"}.__contains__)
    assert parse_json(text).problems
