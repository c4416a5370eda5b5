from __future__ import annotations

import pytest

from blemish.cli.gates import read_gates
from blemish.errors import UsageError

FIGURES = {"image": {"auroc": 0.95, "f1": None, "miss_rate": 0.1}, "pixel": {}}


@pytest.mark.parametrize(
    ("gate", "met"),
    [
        ("image.auroc=0.95", True),
        ("image.auroc=0.951", False),
        ("image.miss_rate=0.1", True),
        ("image.miss_rate=0.09", False),
        ("image.f1=0", False),
    ],
)
def test_scores_must_be_at_least_and_rates_at_most(gate, met):
    (found,) = read_gates([gate])
    assert (found.problem(FIGURES) is None) == met


def test_all_gates_that_cannot_be_read_are_told_at_once():
    with pytest.raises(UsageError) as caught:
        read_gates(["image.auruc=0.9", "image.f1", "pixel.ap=2"])
    assert "Did you mean 'image.auroc'?" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 3
