from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blemish.report.comparison import UNSURE, comparisons, sides
from blemish.report.page import write_report

DRAWS = 400


def draws(mean: float, spread: float, seed: int = 0) -> list[float]:
    rng = np.random.default_rng(seed)
    return [round(value, 5) for value in rng.normal(mean, spread, DRAWS).tolist()]


@pytest.fixture
def make_pair(make_record):
    """Records of two detectors whose image AUROC differs by `ahead`, of the second."""

    def make(ahead: float, *, category: str = "mtd", spread: float = 0.02):
        shared = np.array(draws(0.9, 0.05))
        noise = np.array(draws(ahead, spread, seed=1))
        one, other = (
            make_record(
                {"figures.image.auroc": value, "draws": {"image": {"auroc": drawn.tolist()}}},
                category=category,
                detector=detector,
                job=f"{category}-{detector}",
            )
            for detector, value, drawn in (
                ("patchcore", 0.9, shared),
                ("efficientad", 0.9 + ahead, shared + noise),
            )
        )
        seconds = replace(other.seconds, fit=184.0, predict_per_image=0.0131)
        return [one, replace(other, seconds=seconds)]

    return make


def duel(records, row: int = 0):
    """Cells of a row of the table of the first two detectors."""
    (comparison,) = comparisons(records)
    names = [column.name for column in comparison.table.columns]
    return dict(zip(names, comparison.table.rows[row].cells, strict=True)), comparison


def test_what_moves_both_alike_falls_out_of_the_difference(make_pair):
    cells, _ = duel(make_pair(0.05, spread=0.001))
    low, high = cells["difference"].interval
    assert cells["difference"].mean == pytest.approx(-0.05)
    assert -0.06 < low < high < -0.04  # each of the two figures has an interval of 0.2
    assert cells["ahead"] == "efficientad"
    assert cells["wins"].mean == 0.0


def test_a_difference_that_other_images_could_turn_around_is_no_lead(make_pair):
    cells, comparison = duel(make_pair(0.01, spread=0.03))
    assert cells["ahead"] == UNSURE
    assert f"Image AUROC: mtd is {UNSURE}." in comparison.told


def test_sentences_say_who_is_ahead_where_and_what_it_costs(make_pair):
    records = make_pair(0.05) + make_pair(-0.06, category="lgp")
    _, comparison = duel(records)
    assert comparison.told[0] == (
        "Image AUROC: patchcore is ahead on lgp (by 0.060); efficientad is ahead on mtd (by 0.050)."
    )
    assert comparison.told[-1] == (
        "Cost, on average: patchcore takes 3 times as long an image (39.3 ms against 13.1 ms); "
        "efficientad takes 10 times as long to fit (3.1 min against 18.4 s)."
    )


def test_seeds_are_averaged(make_pair, make_record):
    records = make_pair(0.05)
    again = [replace(record, seed=1, job=f"{record.job}-1") for record in make_pair(0.07)]
    cells, _ = duel(records + again)
    assert cells["difference"].mean == pytest.approx(-0.06)


def test_without_draws_there_is_a_row_and_no_verdict(make_pair):
    one, other = make_pair(0.05)
    cells, comparison = duel([replace(one, draws={}), other])
    assert cells["difference"] is None
    assert cells["ahead"] == ""
    assert all(told.startswith("Cost") for told in comparison.told)


def test_other_images_are_not_compared(make_pair):
    one, other = make_pair(0.05)
    elsewhere = replace(other, dataset=replace(other.dataset, fingerprint="00" * 32))
    assert comparisons([one, elsewhere]) == []


def test_one_detector_is_compared_with_nothing(make_record):
    assert comparisons([make_record()]) == sides([make_record()]) == []
    assert comparisons([]) == []


def test_each_detector_has_the_table_that_was_asked_for(make_pair):
    tables = sides(make_pair(0.05))
    assert [table.title for table in tables] == ["patchcore", "efficientad"]
    titles = ["Category", "Image AUROC", "Image F1-max", "Pixel AUROC", "Pixel F1-max"]
    assert [[column.full_title for column in table.columns] for table in tables] == [titles] * 2


def test_page_and_markdown_hold_tables_and_sentences(make_pair, tmp_path):
    files = write_report(tmp_path, make_pair(0.05))
    for path in (files.html, files.markdown):
        text = path.read_text()
        assert "patchcore against efficientad" in text
        assert "efficientad is ahead on mtd (by 0.050)" in text
    assert "Side by side" in files.html.read_text()
