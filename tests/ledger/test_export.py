"""Rows as tables for other programs."""

from __future__ import annotations

import csv
import json

import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.ledger.entry import Entry, Kind
from blemish.ledger.ledger import Ledger
from ledgers import NOON, inspection


@pytest.fixture
def path(tmp_path):
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.append([inspection(n, part=f"Pä{n}") for n in range(2500)])
        ledger.append([Entry(Kind.REVIEW, NOON, {"comment": 'a, "b"\n'}, refers_to=3, who="=1+1")])
    return tmp_path / "ledger.db"


def run(*words):
    return CliRunner().invoke(app, ["ledger", "export", *map(str, words)])


def test_csv_has_every_row_and_digit(path, tmp_path):
    assert run(path, "-o", tmp_path / "rows.csv").exit_code == 0
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["number"]) for row in rows] == list(range(1, 2502))
    assert float(rows[5]["score"]) == 5 / 7
    assert rows[5]["part"] == "Pä5"
    assert rows[5]["time"] == "2026-12-01T12:00:05+00:00"
    assert json.loads(rows[2500]["body"]) == {"comment": 'a, "b"\n'}
    assert rows[2500]["refers_to"] == "3"
    assert not rows[2500]["who"].startswith("=")


def test_parquet_has_types(path, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'parquet'")
    ended = run(path, "-o", tmp_path / "rows.parquet", "--kind", "inspection", "--json")
    assert json.loads(ended.stdout)["rows"] == 2500
    table = parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert table[5]["time"] == inspection(5).time
    assert table[5]["score"] == 5 / 7
    assert table[5]["threshold"] is None
    with Ledger.open(path) as ledger:
        assert table[5]["sha256"] == ledger.row(6).sha256


def test_rows_are_chosen_by_time_and_kind(path, tmp_path):
    words = ["--since", "2026-12-01T12:00:10+00:00", "--until", "2026-12-01T13:00:20+01:00"]
    ended = run(path, "-o", tmp_path / "rows.csv", *words, "--json")
    assert json.loads(ended.stdout)["rows"] == 10


@pytest.mark.parametrize(
    "words",
    [["-o", "rows.txt"], ["-o", "rows.csv", "--since", "noon"], ["-o", "a.csv", "--kind", "x"]],
)
def test_what_is_wrong_is_told(path, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert run(path, *words).exit_code == 2


def test_a_file_that_is_there_is_replaced_on_request_alone(path, tmp_path):
    (tmp_path / "rows.csv").write_text("mine")
    assert run(path, "-o", tmp_path / "rows.csv").exit_code == 2
    assert (tmp_path / "rows.csv").read_text() == "mine"
    assert run(path, "-o", tmp_path / "rows.csv", "--force").exit_code == 0
