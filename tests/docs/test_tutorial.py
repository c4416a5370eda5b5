"""The tutorial runs from beginning to end, in its reduced size, on drawn and on other images."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import stage
from rendering import render

pytest.importorskip("matplotlib", reason="needs the extra 'docs'")
pytest.importorskip("torch", reason="needs the extra 'train'")
PROGRAM = Path(stage.__file__).with_name("run_tutorial.py")


def run(folder, **environment):
    command = [sys.executable, str(PROGRAM), "--small", "--output", str(folder)]
    subprocess.run(command, check=True, env=os.environ | environment, cwd=folder.parent)
    return {script.stem: (folder / f"{script.stem}.md").read_text() for script in stage.scripts()}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tutorial") / "run"
    return folder, run(folder)


@pytest.mark.slow
def test_all_parts_become_pages(drawn):
    folder, pages = drawn
    assert stage.is_current(folder)
    for name, text in pages.items():
        assert "A run in reduced size" in text
        page = render(text, str)
        assert page.problems == []
        for image in re.findall(r"!\[.+?\]\((.+?)\)", text):
            assert (folder / image).stat().st_size > 1000
        assert str(folder) not in text, name


@pytest.mark.slow
def test_the_experiment_has_both_tables_and_the_report(drawn):
    folder, pages = drawn
    head = "| Category | Image AUROC | Image F1 | Pixel AUROC | Pixel F1 |"
    assert pages["5_experiment"].count(head) == 2
    for name in ("tile", "leather", "grid"):
        assert (
            len(re.findall(rf"^\| {name} \| 0|^\| {name} \| 1", pages["5_experiment"], re.M)) == 2
        )
    assert (folder / "study" / "experiment" / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.long
def test_another_data_set_needs_no_line_changed(shared, tmp_path):
    pages = run(tmp_path / "run", BLEMISH_DATA=str(shared / "data" / "mvtec" / "bottle"))
    assert "| bottle | 209 | 20 | 63 |" in pages["1_data"]
    assert len(re.findall(r"^\| bottle \| [01]", pages["5_experiment"], re.M)) == 2
    assert "Roth et al., CVPR 2022" in pages["6_discussion"]
