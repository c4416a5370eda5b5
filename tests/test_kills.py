"""A few of the kills of `kills.py`; all of them are run by hand."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fit", "predict"])
def test_a_command_that_is_killed_leaves_whole_files_and_comes_to_the_same_end(name):
    from kills import go_through

    (command,) = go_through(2, seed=1, names={name})
    assert not command.faults, "\n".join(command.faults)
