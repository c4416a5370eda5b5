"""However often a station is killed, each file is judged once, and the record is whole."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from blemish.ledger.entry import Kind
from blemish.ledger.query import Query
from blemish.ledger.reader import Reader

PROGRAM = Path(__file__).with_name("killed.py")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_each_file_is_judged_once_however_often_the_station_is_killed(line):
    line.watch("whole_seconds = 20\n")
    text = (line.folder / "line.toml").read_text()
    text = text.replace('[[output]]\nname = "screen"\nkind = "screen"', "")
    (line.folder / "line.toml").write_text(
        text.replace("settle_seconds = 0", "settle_seconds = 0.1")
    )
    (line.folder / "good.png").write_bytes(line.good())
    (line.folder / "spot.png").write_bytes(line.bad())
    command = [sys.executable, PROGRAM, line.folder / "line.toml", line.folder, "30", "1"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    assert (said["kills"], said["left"]) == (30, 0), ended.stderr
    with Reader.open(line.folder / "ledger.db") as ledger:
        rows = ledger.rows(Query(kinds={Kind.INSPECTION}), most=10_000)
    names = Counter(row.entry.body["views"][0]["name"] for row in rows)
    assert names.total() == len(names) == said["files"]
    wrong = [
        row.entry.body["views"][0]
        for row in rows
        if (row.entry.verdict == "good") != row.entry.body["views"][0]["name"].startswith("good")
        or row.entry.verdict == "not inspected"
    ]
    assert not wrong
    judged = sorted(path.name for path in (line.folder / "in" / "judged").rglob("*.png"))
    assert judged == sorted(names)
    check_audit(line.folder / "ledger.db")


def check_audit(path):
    command = [sys.executable, "-m", "blemish", "audit", path]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr + ended.stdout
