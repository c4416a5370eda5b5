"""Old rows go to an archive; both are audited together, and nothing goes that is still needed."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.errors import LedgerError, UsageError
from blemish.ledger.audit import audit
from blemish.ledger.ledger import Ledger
from blemish.ledger.reader import Reader
from blemish.ledger.retention import archive
from ledgers import NOON, forge, inspection, written


@pytest.fixture
def path(tmp_path):
    return written(tmp_path / "ledger.db")


def at(second):
    return NOON + timedelta(seconds=second)


def test_rows_move_and_the_chain_goes_on(path, tmp_path):
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    with Ledger.open(path) as ledger:
        known = ledger.head()
        assert archive(ledger, first, before=at(4), who="Ada").number == 4
        assert ledger.row(4) is None
        assert ledger.find("k3") is None
        (told,) = ledger.after(10, most=9)
        assert told.entry.body["last"] == 4
        assert told.entry.who == "Ada"
        assert archive(ledger, second, before=at(6)).number == 6
        ledger.append([inspection(20)])
    places = [str(path), str(second), str(first)]
    found = audit(places, heads=[known])
    assert (found.fault, found.first, found.rows, found.heads) == (None, 1, 13, (10,))
    assert audit([str(path)]).first == 7
    assert audit([str(first), str(second)]).rows == 6
    assert "goes on from row 6, which is not row 4" in audit([places[0], places[2]]).fault.what
    forge(second, "UPDATE row SET verdict = 'defect' WHERE number = 6")
    assert audit(places).fault.row == 6


def cut_beginning(path, last):
    forge(
        path,
        f"INSERT INTO anchor SELECT number, sha256, time FROM row WHERE number = {last}",
        f"DELETE FROM row WHERE number <= {last}",
    )


@pytest.mark.parametrize("beginning", ["here", "archived"])
def test_a_beginning_that_was_cut_off_is_found_without_a_head(path, beginning):
    cut_beginning(path, 4)
    fault = audit([str(path)], beginning=beginning).fault
    assert fault.row == 1
    assert "no row tells of an archive" in fault.what


def test_an_archive_that_a_row_tells_of_is_asked_for(path, tmp_path):
    with Ledger.open(path) as ledger:
        archive(ledger, tmp_path / "old.db", before=at(4))
    fault = audit([str(path)]).fault
    assert fault.row == 1
    assert "the last of which was 'old.db'" in fault.what
    assert audit([str(path)], beginning="archived").fault is None
    cut_beginning(path, 6)
    assert "cut off" in audit([str(path)], beginning="archived").fault.what
    assert "goes on from row 6" in audit([str(path), str(tmp_path / "old.db")]).fault.what


def test_an_archive_is_one_file_that_is_read_like_a_ledger(path, tmp_path):
    (tmp_path / "old").mkdir()
    with Ledger.open(path) as ledger:
        archive(ledger, tmp_path / "old" / "old.db", before=at(4))
    assert [*(tmp_path / "old").iterdir()] == [tmp_path / "old" / "old.db"]
    with Reader.open(tmp_path / "old" / "old.db") as reader:
        assert [row.number for row in reader.after(0, most=9)] == [1, 2, 3, 4]
        assert reader.find("k2").number == 3


def test_rows_that_were_not_handed_on_yet_stay(path, tmp_path):
    with Ledger.open(path) as ledger:
        ledger.set_marks({"forwarder/erp": "3", "forwarder/mail": "8", "monitor": "1"})
        assert archive(ledger, tmp_path / "old.db", before=at(99)).number == 3
        assert archive(ledger, tmp_path / "other.db", before=at(99)) is None
    assert not (tmp_path / "other.db").exists()


def test_all_rows_may_go(path, tmp_path):
    with Ledger.open(path) as ledger:
        archive(ledger, tmp_path / "old.db", before=at(99))
        assert [row.number for row in ledger.after(0, most=99)] == [11]
        assert ledger.append([inspection(50)])[0].number == 12
    assert audit([str(path), str(tmp_path / "old.db")]).rows == 12


def test_a_row_with_a_late_time_keeps_those_behind_it(path, tmp_path):
    with Ledger.open(path) as ledger:
        ledger.append([inspection(3)])
        assert archive(ledger, tmp_path / "old.db", before=at(5)).number == 5


def test_rows_that_were_changed_do_not_go(path, tmp_path):
    forge(path, "UPDATE row SET verdict = 'defect' WHERE number = 2")
    with pytest.raises(LedgerError, match="row 2 does not follow"):
        Ledger.open(path)
    long = written(tmp_path / "long.db", rows=1100)
    forge(long, "UPDATE row SET verdict = 'defect' WHERE number = 2")
    with Ledger.open(long) as ledger:
        with pytest.raises(LedgerError, match="no row goes"):
            archive(ledger, tmp_path / "old.db", before=at(5))
        assert ledger.row(1) is not None
    assert not (tmp_path / "old.db").exists()


def test_an_archive_that_is_there_is_not_replaced(path, tmp_path):
    (tmp_path / "old.db").write_text("mine")
    with Ledger.open(path) as ledger, pytest.raises(UsageError, match="exists"):
        archive(ledger, tmp_path / "old.db", before=at(5))


def test_what_was_ended_between_the_steps_is_gone_on_with(path, tmp_path, monkeypatch):
    class KilledError(Exception):
        pass

    def die(*_):
        raise KilledError

    with Ledger.open(path) as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "let_go", die)
            with pytest.raises(KilledError):
                archive(ledger, tmp_path / "unused.db", before=at(4))
        assert ledger.head().number == 10
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "take_out_archived", lambda self: None)
            archive(ledger, tmp_path / "first.db", before=at(4))
        assert ledger.row(2) is not None
        assert audit([str(path)]).first == 5
        assert archive(ledger, tmp_path / "second.db", before=at(6)).number == 6
        assert ledger.row(2) is None
    found = audit([str(path), str(tmp_path / "first.db"), str(tmp_path / "second.db")])
    assert (found.fault, found.first) == (None, 1)


def test_the_command_moves_rows(path, tmp_path):
    out = tmp_path / "old.db"
    words = ["ledger", "archive", str(path), "-o", str(out), "--older-than"]
    shutil.copy(path, tmp_path / "before.db")
    ended = CliRunner().invoke(app, [*words, "36500", "--json"])
    assert ended.exit_code == 0, ended.stderr
    assert json.loads(ended.stdout)["last"] is None
    assert not out.exists()
    with Ledger.open(path) as ledger:
        ledger.append([inspection(-(10**9))])
    ended = CliRunner().invoke(app, [*words, "0", "--json"])
    assert ended.exit_code == 0, ended.stderr
    told = CliRunner().invoke(app, ["audit", str(path)])
    assert told.exit_code == 4
    assert "Rows 1 to 11 are not here" in told.stderr
    for words in ([str(path), "--archived"], [str(out), str(path)]):
        assert CliRunner().invoke(app, ["audit", *words]).exit_code == 0
    words = ["ledger", "archive", str(path), "-o"]
    with Ledger.open(path):
        ended = CliRunner().invoke(app, [*words, str(tmp_path / "x.db"), "--older-than", "0"])
    assert ended.exit_code == 1
    assert "written by another process" in ended.stderr
