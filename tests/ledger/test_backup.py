"""A backup is whole, alone in its folder, and can be gone on with."""

from __future__ import annotations

import json
import threading

import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.ledger.audit import audit
from blemish.ledger.ledger import Ledger
from ledgers import forge, inspection, written


def run(*words):
    return CliRunner().invoke(app, ["ledger", "backup", *map(str, words)])


@pytest.fixture
def out(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere" / "copy.db"


def test_a_backup_while_rows_are_appended_is_whole(tmp_path, out):
    path, stop = written(tmp_path / "ledger.db", rows=2000), threading.Event()
    with Ledger.open(path) as ledger:

        def append():
            while not stop.is_set():
                ledger.append([inspection(1)])

        thread = threading.Thread(target=append)
        thread.start()
        try:
            for _ in range(3):
                ended = run(path, "-o", out, "--force", "--json")
                assert ended.exit_code == 0, ended.stderr
        finally:
            stop.set()
            thread.join(timeout=60)
        head = json.loads(ended.stdout)["head"]
        assert ledger.row(head["number"]).sha256 == head["sha256"]
    assert [*out.parent.iterdir()] == [out]
    assert audit([str(out)]).head.number == head["number"]
    with Ledger.open(out) as restored:
        assert restored.append([inspection(5)])[0].number == head["number"] + 1


def test_a_ledger_that_was_changed_is_not_copied_over_a_good_backup(tmp_path, out):
    path = written(tmp_path / "ledger.db")
    assert run(path, "-o", out).exit_code == 0
    before = out.read_bytes()
    assert run(path, "-o", out).exit_code == 2
    forge(path, "UPDATE row SET verdict = 'defect' WHERE number = 3")
    ended = run(path, "-o", out, "--force")
    assert ended.exit_code == 1
    assert "Row 3" in ended.stderr
    assert out.read_bytes() == before
    assert [*out.parent.iterdir()] == [out]
