from __future__ import annotations

import pytest

from blemish.cli.gates import read_gates
from blemish.errors import UsageError
from blemish.records.findings import Figures

FIGURES = Figures(
    image={"auroc": 0.95, "f1": None, "miss_rate": 0.1, "recall_at_1": 0.8},
    pixel={"au_pro_30": 0.9, "aupimo": None, "region_recall": 0.5},
    undefined={"pixel.aupimo": "there is no good test image"},
)


@pytest.mark.parametrize(
    ("gate", "met"),
    [
        ("image.auroc=0.95", True),
        ("image.auroc=0.951", False),
        ("image.miss_rate=0.1", True),
        ("image.miss_rate=0.09", False),
        ("image.f1=0", False),
        ("image.recall_at_1=0.8", True),
        ("pixel.au_pro_30=0.9", True),
        ("pixel.au_pro_30=0.91", False),
        ("pixel.region_recall=0.6", False),
    ],
)
def test_scores_must_be_at_least_and_rates_at_most(gate, met):
    (found,) = read_gates([gate])
    assert (found.problem(FIGURES) is None) == met


def test_a_gate_of_an_undefined_figure_says_why_it_is():
    gates = read_gates(["pixel.aupimo=0", "image.f1=0"])
    problems = [gate.problem(FIGURES) for gate in gates]
    assert problems[0].endswith("pixel.aupimo is undefined: there is no good test image.")
    assert problems[1].endswith("image.f1 is undefined: these images do not tell.")


@pytest.mark.parametrize("figure", ["image.au_pro_30", "pixel.recall_at_0", "image.region_recall"])
def test_a_figure_of_the_other_level_is_unknown(figure):
    with pytest.raises(UsageError, match="Unknown figure"):
        read_gates([f"{figure}=0.5"])


def test_all_gates_that_cannot_be_read_are_told_at_once():
    with pytest.raises(UsageError) as caught:
        read_gates(["image.auruc=0.9", "image.f1", "pixel.ap=2"])
    assert "Did you mean 'image.auroc'?" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 3
