"""The README is true: its tables are those of the records, its commands and code exist."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from blemish.data import opening
from blemish.data.drawn import drawn_dataset

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]


def code_blocks():
    return re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_tables_are_those_of_the_newest_records():
    script = ROOT / "benchmarks" / "table.py"
    subprocess.run([sys.executable, str(script), "--check"], check=True)


def test_it_is_short_and_opens_with_an_image_and_the_two_commands():
    assert README.count("\n") <= 150
    opening = README[:900]
    assert opening.index("![") < opening.index("make demo") < opening.index("make test")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^    blemish (\w+)", README, re.M))))
def test_every_command_exists(command):
    program = Path(sys.executable).parent / "blemish"
    subprocess.run([str(program), command, "--help"], check=True, capture_output=True)


def test_python_blocks_run_as_they_are_printed(tmp_path, monkeypatch):
    """On smaller drawings than a reader's, so that it takes seconds."""
    monkeypatch.chdir(tmp_path)
    small = partial(drawn_dataset, size_px=96, good=110, test_good=4, defects_a_type=1)
    monkeypatch.setattr(opening, "drawn_dataset", small)
    names = {}
    for code in code_blocks():
        exec(compile(code, "README.md", "exec"), names)
    assert names["prediction"].score == pytest.approx(float(names["score"][0]), rel=1e-6)
