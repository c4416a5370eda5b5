"""Percent scripts are read as cells, and a result that was typed by hand is found."""

from __future__ import annotations

import pytest

import stage
from percent import cells_of, results_typed_by_hand


def script(tmp_path, text):
    path = tmp_path / "script.py"
    path.write_text(text)
    return path


def test_cells_are_text_and_code_with_their_lines(tmp_path):
    cells = cells_of(
        script(tmp_path, "# %% [markdown]\n# # T\n#\n# More.\n\n# %%\nx = 1\n\n# %%\n")
    )
    assert [(c.kind, c.text, c.line) for c in cells] == [
        ("markdown", "# T\n\nMore.", 2),
        ("code", "x = 1", 7),
    ]


@pytest.mark.parametrize(
    "cell",
    [
        "# %% [markdown]\n# The AUROC is 0.98.",
        "# %% [markdown]\n# It takes 12 s.",
        "# %% [markdown]\n# A share of 3 %",
        '# %%\nsay("The AUROC is 0.98.")',
        '# %%\nsay(f"{name} has 3 regions")',
    ],
)
def test_a_result_typed_by_hand_is_found(tmp_path, cell):
    assert len(results_typed_by_hand(script(tmp_path, cell))) == 1


@pytest.mark.parametrize(
    "cell",
    [
        "# %% [markdown]\n# # 3. A heading (Roth et al., CVPR 2022), F1 and `ratio=0.1`",
        "# %% [markdown]\n# [part two](2_patchcore.py#at-10)\n#\n# ```text\n# 000.png\n# ```",
        '# %%\nsay(f"{value:.3f} in all")\nx = 0.5',
    ],
)
def test_what_is_no_result_is_let_be(tmp_path, cell):
    assert results_typed_by_hand(script(tmp_path, cell)) == []


@pytest.mark.parametrize("path", stage.scripts(), ids=lambda path: path.stem)
def test_no_result_of_the_tutorial_was_typed_by_hand(path):
    assert results_typed_by_hand(path) == []
    assert cells_of(path)[0].text.startswith(f"# {path.name[0]}. ")


def test_a_page_is_only_taken_for_the_script_that_made_it(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "TUTORIALS", tmp_path)
    (tmp_path / "study.py").write_text("")
    path = tmp_path / "1_data.py"
    path.write_text("x = 1\n")
    run = tmp_path / "run"
    run.mkdir()
    assert not stage.is_current(run)
    (run / "1_data.md").write_text(stage.mark_of(path) + "\n# Page\n")
    assert stage.is_current(run)
    path.write_text("x = 2\n")
    assert not stage.is_current(run)
