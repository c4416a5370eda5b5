"""The catalogue: every entry says what it must, and is a function that can be used anywhere."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.metrics.catalogue import FIGURES, LEVELS, RestsOn, figures_of
from blemish.metrics.decisions import Decisions
from blemish.metrics.evidence import Evidence, PixelEvidence, image_evidence
from blemish.metrics.formulas import Ranks

each = pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.key)


def evidence(level, positives, negatives, decisions):
    """Evidence of one set of images, or of many, from counts of each score, rising."""
    positives, negatives = np.asarray(positives), np.asarray(negatives)
    at_least = negatives[..., ::-1].cumsum(axis=-1)[..., ::-1]
    ranks = Ranks(
        positives=positives,
        above=at_least - negatives,
        at_least=at_least,
        negatives=negatives.sum(axis=-1),
    )
    caught, missed, alarms, passed = np.moveaxis(np.asarray(decisions), -1, 0)
    counts = Decisions(caught, missed, alarms, passed)
    if level == "image":
        return Evidence(ranks=ranks, decisions=counts)
    regions = caught + missed
    with np.errstate(invalid="ignore"):
        shares = positives / np.maximum(positives.sum(axis=-1, keepdims=True), 1)
        aupimo = np.divide(caught, regions)
    return PixelEvidence(
        ranks=ranks, decisions=counts, shares=shares, regions=regions, found=caught, aupimo=aupimo
    )


ONE = ([0, 1, 2, 3], [4, 3, 2, 1], [4, 2, 1, 9])
OTHER = ([5, 1, 0, 1], [1, 0, 7, 0], [3, 4, 6, 2])


def test_names_are_unique_at_their_level():
    keys = [figure.key for figure in FIGURES]
    assert len(keys) == len(set(keys))
    assert sum(len(figures_of(level)) for level in LEVELS) == len(FIGURES)


@each
def test_a_figure_is_defined_in_sentences(figure):
    assert figure.title
    assert figure.definition.endswith((".", ".)"))
    assert figure.better in ("higher", "lower")
    assert figure.level in LEVELS


@each
def test_figures_of_the_same_heading_share_their_definition(figure):
    heading = figure.term or figure.title
    assert {f.definition for f in FIGURES if (f.term or f.title) == heading} == {figure.definition}


@each
def test_many_draws_at_once_give_each_what_it_gives_alone(figure):
    together = figure.of(evidence(figure.level, *map(list, zip(ONE, OTHER, strict=True))))
    alone = [figure.value(evidence(figure.level, *one)) for one in (ONE, OTHER)]
    assert together.tolist() == pytest.approx(alone, abs=1e-12)
    assert all(0 <= value <= 1 for value in alone)


@each
def test_without_the_images_it_rests_on_a_figure_is_undefined_and_nothing_fails(figure):
    nothing = evidence(figure.level, np.zeros(0), np.zeros(0), [0, 0, 0, 0])
    assert figure.value(nothing) is None
    no_defect = evidence(figure.level, np.zeros(0), np.zeros(0), [0, 0, 1, 3])
    assert (figure.value(no_defect) is None) == (figure.rests_on is not RestsOn.GOOD)
    no_good = evidence(figure.level, [1, 2], [0, 0], [2, 1, 0, 0])
    if figure.rests_on is RestsOn.GOOD:
        assert figure.value(no_good) is None
    if figure.rests_on is RestsOn.DEFECTIVE:
        assert figure.value(no_good) is not None


@pytest.mark.parametrize("figure", figures_of("image"), ids=lambda figure: figure.name)
def test_without_a_threshold_what_it_does_is_undefined(figure):
    found = figure.value(image_evidence([1.0, 2.0, 3.0], [False, False, True], None))
    assert (found is None) == figure.at_threshold
