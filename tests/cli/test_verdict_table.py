from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from blemish.cli.verdict_table import VerdictTable
from blemish.result import Failure, Note, Prediction, Region, Verdict

MAP = np.zeros((8, 8), np.float32)


def test_a_line_says_verdict_score_and_place():
    table = VerdictTable(["a.png", "longer.png"], 3.104, width=100)
    region = Region(40, (2, 1, 7, 4), 5.3, (3, 2))
    defect = Prediction(5.322, MAP, verdict=Verdict.DEFECT, regions=(region, region), path="a.png")
    good = Prediction(1.2, MAP, verdict=Verdict.GOOD, path="longer.png")
    lines = [table.heading(), table.row(defect), table.row(good)]
    assert lines == [
        "image         verdict          score / threshold  where",
        "a.png         defect               5.322 / 3.104  5 x 3 px at 2, 1, and 1 more",
        "longer.png    good                   1.2 / 3.104",
    ]


def test_reasons_zones_and_errors_stand_in_the_last_column():
    table = VerdictTable(["a.png"], 1.0)
    dark = Prediction(
        0.2, MAP, verdict=Verdict.NOT_INSPECTABLE, reasons=(Note("dark", "It is dark."),), path="a"
    )
    rim = Prediction(
        2.0, MAP, regions=(Region(4, (0, 0, 2, 2), 2.0, (0, 0), zone="rim"),), path="a"
    )
    assert table.row(dark).endswith("It is dark.")
    assert table.row(rim).endswith("2 x 2 px at 0, 0 in rim")
    assert table.row(Failure("a", "It is no image.")).split() == [
        "a", "error", "It", "is", "no", "image."
    ]  # fmt: skip


def test_a_long_name_keeps_its_end_and_none_reaches_for_the_terminal():
    name = "far/" * 40 + "\x1b[31mred.png"
    table = VerdictTable([name], None, width=60)
    row = table.row(Prediction(0.5, MAP, path=name))
    assert "\x1b" not in row
    assert row.split()[0].endswith("red.png")
    assert len(row) <= 60


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("words", "first"), [((), "image "), (("--json",), '{"path"')])
def test_a_terminal_shows_the_table_and_json_where_it_is_asked_for(fitted, good, words, first):
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "blemish", "predict", fitted, good, *words]
    subprocess.run(
        list(map(str, command)), stdout=theirs, stderr=subprocess.PIPE, check=True, timeout=120
    )
    os.close(theirs)
    assert os.read(ours, 10_000).decode().startswith(first)
    os.close(ours)
