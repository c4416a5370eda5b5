from __future__ import annotations

import io
from pathlib import Path

from blemish.cli import console
from blemish.cli.command import with_option
from blemish.cli.console import columns, filled, spell_command


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_paragraphs_are_wrapped_on_a_terminal_and_whole_elsewhere(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    text = "one two three four five"
    assert filled(text, lead="note: ", stream=Terminal()) == (
        "note: one two three\n      four five"
    )
    assert filled(text, lead="note: ", stream=io.StringIO()) == f"note: {text}"


def test_columns_line_up():
    assert columns([("", "image"), ("AUROC", "1")]) == "       image\nAUROC      1\n"


def test_commands_can_be_pasted_into_a_shell():
    assert spell_command(["fit", "my data", "IMAGE..."]) == "fit 'my data' IMAGE..."


def test_a_path_that_begins_with_a_dash_is_no_option():
    assert spell_command(["fit", Path("-data"), "-o", Path("-m.onnx")]) == (
        "fit ./-data -o ./-m.onnx"
    )


def test_an_output_is_added_where_options_still_are_options():
    assert with_option(["a", "--", "-data"], "-o", Path("m")) == [
        "a",
        "-o",
        Path("m"),
        "--",
        "-data",
    ]
    assert with_option(["a"], "-o", Path("m")) == ["a", "-o", Path("m")]


def test_what_standard_output_cannot_hold_is_written_as_an_escape(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    console.write("a\u2013b \udcff\n")
    assert stream.buffer.getvalue() == b"a\\u2013b \\xff\n"
