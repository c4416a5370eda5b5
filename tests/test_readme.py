"""The README is true: its tables are those of the records, its commands and code exist."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import blemish

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]


def code_blocks():
    return re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_tables_are_those_of_the_newest_records():
    script = ROOT / "benchmarks" / "table.py"
    subprocess.run([sys.executable, str(script), "--check"], check=True)


def test_it_is_short_and_opens_with_an_image_and_the_two_commands():
    assert README.count("\n") <= 200
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


def test_python_blocks_run(tmp_path, monkeypatch, category, backbone):
    """With the tiny data set and backbone in place of the reader's."""
    from shutil import copy, copytree

    monkeypatch.chdir(tmp_path)
    copytree(category, tmp_path / "data" / "tile")
    copy(next((category / "test" / "spot").iterdir()), tmp_path / "new.png")
    from tiny import tiny_settings

    real = blemish.PatchCore
    monkeypatch.setattr(blemish, "PatchCore", lambda: real(**tiny_settings(backbone)))
    monkeypatch.setattr(
        blemish, "fit", lambda *a, false_alarm_rate, fit=blemish.fit: fit(*a)
    )  # 24 images cannot promise 1 %
    for code in code_blocks():
        ast.parse(code)
        exec(compile(code, "README.md", "exec"), {})
