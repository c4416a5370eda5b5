from __future__ import annotations

import io
import re
import sys
import time

import pytest

from blemish.cli.bars import TerminalProgress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_in_a_log_a_stage_is_a_line_at_its_end(capsys):
    with TerminalProgress().stage("Features", 1200) as advance:
        advance(1200)
        assert not capsys.readouterr().err
    written = capsys.readouterr()
    assert written.err.split()[:2] == ["features", "1,200"]
    assert not written.out


def test_on_a_terminal_a_stage_is_a_bar_on_standard_error_and_notes_stay_whole(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    progress = TerminalProgress()
    with progress.stage("features", 3) as advance:
        progress.say("Patches go to disk.")
        print("data")
        advance(3)
    assert "3/3" in terminal.getvalue()
    assert "note: Patches go to disk." in terminal.getvalue()
    assert capsys.readouterr().out == "data\n"


@pytest.mark.parametrize(("bars", "total"), [(True, 0), (False, 5)])
def test_nothing_is_shown_where_there_is_nothing_to_show(capsys, bars, total):
    with TerminalProgress(bars=bars).stage("features", total):
        pass
    assert not capsys.readouterr().err


def test_a_stage_that_fails_does_not_look_done(capsys):
    with pytest.raises(ValueError), TerminalProgress().stage("features", 3):
        raise ValueError
    assert not capsys.readouterr().err


def test_the_time_left_of_all_stages_is_told_where_it_was_guessed(monkeypatch, capsys):
    for name in ("AT_ONCE_SECONDS", "FIRST_SECONDS"):
        monkeypatch.setattr(f"blemish.progress.{name}", 0.0)
    monkeypatch.setattr("blemish.cli.bars.LINE_SECONDS", 0.0)
    guessed = {"features": 3600.0, "coreset": 7200.0}
    with TerminalProgress(guessed=guessed).stage("features", 100) as advance:
        for _ in range(10):
            time.sleep(0.01)
            advance(1)
    assert re.search(r"features \d+ of 100, \d+ s left, \d+ min in all\n", capsys.readouterr().err)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with TerminalProgress(guessed=guessed).stage("features", 100) as advance:
        for _ in range(30):
            time.sleep(0.01)
            advance(1)
    assert re.search(r"\d s left, \d+ min in all", terminal.getvalue())


def test_a_note_stays_beside_the_bar_and_the_last_one_in_the_line(monkeypatch, capsys):
    with TerminalProgress().stage("training", 40) as advance:
        advance(20, "student 0.5")
        advance(20, "student 0.3")
        advance(0)
    assert "student 0.3" in capsys.readouterr().err
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with TerminalProgress().stage("training", 40) as advance:
        advance(20, "student 0.5")
        advance(20)
    assert "40/40" in terminal.getvalue()
    assert "student 0.5" in terminal.getvalue()
