"""What an archive is to judge: listed once, in order, from folders, globs and lists."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from blemish.errors import DataError, UsageError
from blemish.predictions import sources
from blemish.predictions.places import Folder, is_address, store_of
from blemish.predictions.sources import LIST, images_of, read_parts, write_list

NAMES = ("a/2.png", "a/1.PNG", "a/deep/3.jpg", "a/.hidden.png", "a/x.txt", "b/1.png")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "out").mkdir()
    return tmp_path


def listed(*named):
    told = write_list(named, Folder.named("out"))
    lines = Path("out", LIST).read_text().splitlines()
    assert len(lines) == told.images
    return [json.loads(line)["path"] for line in lines], told


def test_a_folder_a_file_and_a_glob_give_each_image_once_in_the_order_of_names(here):
    names, told = listed("b/1.png", "a", "*/*.png")
    assert names == ["a/1.PNG", "a/2.png", "a/deep/3.jpg", "b/1.png"]
    assert (told.repeated, told.passed_over) == (2, 1)
    assert listed("**/*.[pj]*g")[0] == ["a/2.png", "a/deep/3.jpg", "b/1.png"]


def test_what_lies_in_the_output_is_no_image_to_judge(here):
    (here / "out" / "map.png").touch()
    assert "out/map.png" not in listed(".")[0]
    with pytest.raises(UsageError, match="name another folder"):
        listed("out")


@pytest.mark.parametrize("run", [1, 2, 3, 1000])
def test_the_order_is_that_of_names_however_few_are_in_memory(here, monkeypatch, run):
    monkeypatch.setattr(sources, "RUN", run)
    rows = [f"{(7 * i) % 11}.png" for i in range(33)]
    (here / "list.jsonl").write_text("".join(json.dumps({"path": row}) + "\n" for row in rows))
    names, told = listed("list.jsonl")
    assert names == sorted({*rows})
    assert told.repeated == 22


def test_rows_of_a_list_are_relative_to_it_unless_they_say_where_they_are(here):
    pytest.importorskip("pyarrow", reason="needs the extra 'ray'")
    rows = [{"path": "2.png", "x": 1}, {"uri": "s3://bucket/a b?.png"}, {"path": "/else/3.png"},
            {"path": "file:///else/4%20.png"}]  # fmt: skip
    (here / "a" / "list.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    assert listed("a/list.jsonl")[0] == [
        "/else/3.png", "/else/4 .png", "a/2.png", "s3://bucket/a b?.png",
    ]  # fmt: skip


def test_a_parquet_list_is_read_and_one_without_its_column_refused(here):
    pa = pytest.importorskip("pyarrow", reason="needs the extra 'ray'")
    pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'ray'")
    pq.write_table(pa.table({"uri": ["1.png", os.fsencode("2\udcff.png")]},
                            schema=pa.schema({"uri": pa.binary()})), "l.parquet")  # fmt: skip
    assert listed("l.parquet")[0] == ["1.png", "2\udcff.png"]
    pq.write_table(pa.table({"image_path": ["3.png"], "label": ["good"]}), "l.parquet")
    assert listed("l.parquet")[0] == ["3.png"]
    pq.write_table(pa.table({"picture": ["1.png"], "label": ["good"]}), "l.parquet")
    with pytest.raises(DataError, match=r"no column 'path' \(or 'uri'\); it has picture, label"):
        listed("l.parquet")
    pq.write_table(pa.table({"path": ["1.png", None]}), "l.parquet")
    with pytest.raises(DataError, match="a value of 'path' is no text: None"):
        listed("l.parquet")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_list_may_be_in_any_encoding_of_unicode_and_have_the_columns_of_a_manifest(
    here, encoding
):
    rows = [{"image": "ü\u2028.png", "label": "good"}, {"Image Path": "2.png"}, {"uri": "1.png"}]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (here / "l.jsonl").write_bytes(text.encode(encoding))
    assert listed("l.jsonl")[0] == ["1.png", "2.png", "ü\u2028.png"]


def test_all_faults_of_a_list_are_told_with_their_lines(here):
    (here / "l.jsonl").write_text('{"path": "1.png"}\nno json\n{"picture": "2.png"}\n[1]\n')
    with pytest.raises(DataError) as found:
        listed("l.jsonl")
    assert [line.split(": ")[1] for line in str(found.value).splitlines()] == [
        "line 2", "line 3", "line 4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("none/*.png", "'none/\\*.png' names no image"),
        ("out", "name another folder"),
        ("a/deep/none.jsonl", "Cannot reach .*No such file"),
    ],
)
def test_a_source_that_names_nothing_is_an_error(here, source, said):
    with pytest.raises((DataError, UsageError), match=said):
        listed(source)


def test_a_folder_without_images_says_what_it_has(here):
    (here / "texts").mkdir()
    (here / "texts" / "a.txt").touch()
    with pytest.raises(DataError, match=r"names no image, only files like 'texts/a\.txt'"):
        listed("texts")


def test_parts_cover_the_list(here):
    folder = Folder.named("out")
    listed("**/*.png", "**/*.jpg")
    parts = read_parts(folder, 2)
    found = [images_of(folder, one["start"], one["stop"]) for one in parts.pieces()]
    assert found == [["a/2.png", "a/deep/3.jpg"], ["b/1.png"]]
    assert (len(parts), parts.images) == (2, 3)
    assert parts.sha256 == hashlib.sha256((here / "out" / LIST).read_bytes()).hexdigest()


def test_an_address_never_holds_a_key():
    pytest.importorskip("pyarrow", reason="needs the extra 'ray'")
    assert is_address("s3://bucket/a")
    assert not is_address("./s3:/bucket/a")
    with pytest.raises(UsageError, match="must not hold names or keys"):
        store_of("s3://name:key@bucket/a")


@pytest.mark.parametrize(
    ("wild", "matched", "others"),
    [
        ("s3://b/*/x.png", ["s3://b/a/x.png"], ["s3://b/a/c/x.png", "s3://b/x.png"]),
        ("s3://b/**/*.png", ["s3://b/x.png", "s3://b/a/c/x.png"], ["s3://b/x.jpg"]),
        ("s3://b/[!a]?.(png)", ["s3://b/bc.(png)"], ["s3://b/ac.(png)", "s3://b/b.(png)"]),
    ],
)
def test_a_glob_in_a_store_matches_as_one_on_a_disk(wild, matched, others):
    import re

    pattern = re.compile(sources._pattern(wild))
    assert all(pattern.fullmatch(name) for name in matched)
    assert not any(pattern.fullmatch(name) for name in others)
