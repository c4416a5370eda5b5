"""Parquet as rows."""

from __future__ import annotations

import sys
from datetime import date

import pytest

from blemish.data.tables.parquet import read_parquet
from blemish.errors import DataError, MissingExtraError


def write(path, columns):
    pa = pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'parquet'")
    pq.write_table(pa.table(columns), path)


def test_texts_numbers_times_and_lists_of_texts_are_read(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    path = tmp_path / "list.parquet"
    write(
        path,
        {
            "path": pa.array(["a.png", " b.png "]).dictionary_encode(),
            "label": [0.0, float("nan")],
            "masks": [["1.png", "2.png"], None],
            "day": [date(2026, 1, 2), None],
            "image": [{"bytes": b"x"}, {"bytes": b"y"}],
            "raw": [b"x", b"y"],
            "__index_level_0__": [0, 1],
        },
    )
    table = read_parquet(path)
    assert table.columns == ("path", "label", "masks", "day")
    assert [(row.place, row.cells) for row in table.rows] == [
        ("row 1", ("a.png", 0.0, ["1.png", "2.png"], date(2026, 1, 2))),
        ("row 2", ("b.png", None, None, None)),
    ]
    assert table.notes == ("Left out, as they hold no texts or numbers: image and raw.",)


def test_what_is_no_parquet_is_refused(tmp_path):
    pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    path = tmp_path / "list.parquet"
    path.write_text("path,label\n")
    with pytest.raises(DataError, match=r"list\.parquet cannot be read as Parquet"):
        read_parquet(path)
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_parquet(tmp_path / "gone.parquet")


def test_without_pyarrow_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'blemish\[parquet\]'"):
        read_parquet(tmp_path / "list.parquet")
