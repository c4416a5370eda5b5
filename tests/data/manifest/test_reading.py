from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from blemish.data.manifest import read_manifest
from blemish.data.masks import MaskFile
from blemish.errors import DataError

Draw = Callable[..., Path]


@pytest.fixture
def images(draw: Draw, mask: Draw) -> None:
    draw("a/1.png")
    draw("a/2.png")
    mask("m/2.png")


@pytest.mark.usefixtures("images")
def test_csv_and_jsonl_give_the_same_entries(tmp_path: Path) -> None:
    rows = [
        {"path": "a/1.png", "label": "good", "group": "7"},
        {"path": "a/2.png", "label": "dent", "mask": "m/2.png", "split": "test"},
    ]
    (tmp_path / "list.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    (tmp_path / "list.csv").write_bytes(
        b"\xef\xbb\xbfPath, label,mask,split,group\r\n"
        b"a/1.png,Good,,,7\r\na\\2.png,dent,m/2.png,TEST,\r\n"
    )
    (tmp_path / "semicolon.csv").write_text(
        "path;label;mask;split;group\na/1.png;good;;;7\n./a/2.png;dent;m/2.png;test;\n"
    )
    entries = read_manifest(tmp_path / "list.jsonl")
    assert [(e.id, e.defect_type, e.split, e.group) for e in entries] == [
        ("a/1.png", "good", None, "7"),
        ("a/2.png", "dent", "test", None),
    ]
    assert entries[1].masks == (MaskFile(tmp_path / "m/2.png"),)
    assert read_manifest(tmp_path / "list.csv") == entries
    assert read_manifest(tmp_path / "semicolon.csv") == entries


@pytest.mark.usefixtures("images")
def test_all_problems_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(
        "path,label,mask,split,group\n"
        "a/1.png,good,m/2.png,,\n"
        "a/1.png,good,,,\n"
        "../1.png,good,,,\n"
        "/etc/1.png,good,,,\n"
        "a/9.png,good,,,\n"
        "a/notes.txt,good,,,\n"
        "a/2.png,,,,\n"
        "a/2.png,dent,,train,\n"
        "a/2.png,dent,,tests,\n"
        "a/2.png,dent,,test,x,y\n"
    )
    with pytest.raises(DataError) as caught:
        read_manifest(path)
    told = str(caught.value)
    for line, reason in {
        2: "a good image has no mask",
        3: "listed in line 2 already",
        4: "must be relative",
        5: "must be relative",
        6: "does not exist",
        7: "must be an image",
        8: "'label' is empty",
        9: "must not be in the training split",
        10: "must be train, test or empty",
        11: "more than 5 fields",
    }.items():
        assert any(f"line {line}: " in text and reason in text for text in told.splitlines()), line


def test_unknown_columns_are_errors_with_the_closest_name(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("path,lable\na/1.png,good\n")
    with pytest.raises(DataError, match=r"(?s)unknown column 'lable'.*Did you mean 'label'.*needs"):
        read_manifest(path)
    lines = tmp_path / "list.jsonl"
    lines.write_text('{"path": "a.png", "lable": "good"}\n[1]\n{"path"\n{"path": 3, "label": "x"}')
    with pytest.raises(DataError) as caught:
        read_manifest(lines)
    told = str(caught.value).splitlines()
    assert "line 1: unknown column 'lable'" in told[0]
    assert "line 2: must be a JSON object" in told[1]
    assert "line 3: it is no JSON" in told[2]
    assert "line 4: 'path' must be a text; got 3" in told[3]


def test_many_problems_are_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("path,label\n" + "".join(f"{n}.png,good\n" for n in range(100)))
    with pytest.raises(DataError, match="and 80 more problems"):
        read_manifest(path)


@pytest.mark.parametrize("content", [b"", b"path,label\n", b"\xff\xfe\x00path"])
def test_empty_and_binary_manifests_are_errors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"list\.csv"):
        read_manifest(path)


@pytest.mark.parametrize("value", ["[" * 100_000 + "]" * 100_000, "9" * 10_000, "NaN"])
def test_json_that_would_do_harm_is_told_with_its_line(tmp_path: Path, value: str) -> None:
    (tmp_path / "list.jsonl").write_text(f'{{"path": "a.png", "label": {value}}}\n')
    with pytest.raises(DataError, match=r"list\.jsonl: line 1: "):
        read_manifest(tmp_path / "list.jsonl")
