"""Figures of a shift: counted from the record, with limits that are exact."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from typer.testing import CliRunner

from blemish.binomial import hits_range
from blemish.cli.main import app
from blemish.ledger.entry import Entry, Kind
from blemish.ledger.ledger import Ledger
from blemish.station.inspection import Outcome
from blemish.station.statistics.p_chart import p_chart
from blemish.station.statistics.regions import pareto, region_heat_map
from blemish.station.statistics.shifts import shift_figures, shifts_of
from ledgers import NOON, inspection

HOUR = timedelta(hours=1)
END = NOON + 8 * HOUR


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path / "ledger.db") as opened:
        yield opened


def region(x, y, zone=None, side=10):
    return {"box_xyxy": [x, y, x + side, y + side], "zone": zone}


def defect(second, *regions, camera="top", size_hw=(320, 640), **values):
    view = {"camera": camera, "size_hw": list(size_hw), "prediction": {"regions": [*regions]}}
    return inspection(second, verdict="defect", body={"views": [view]}, **values)


def test_parts_are_counted_by_outcome_and_recipe(ledger):
    ledger.append([inspection(n) for n in range(8)])
    ledger.append([inspection(9, verdict=v, recipe="cap") for v in list(Outcome)[1:]])
    ledger.append([inspection(-1, verdict="defect"), inspection(8 * 3600, verdict="defect")])
    ledger.append([Entry(Kind.EVENT, NOON, verdict="defect")])
    found = shift_figures(ledger, NOON, END)
    assert (found.all.parts, found.all.rejects) == (11, 3)
    assert found.all.outcomes == dict.fromkeys(Outcome, 1) | {Outcome.GOOD: 8}
    assert {name: (p.parts, p.rejects) for name, p in found.recipes.items()} == {
        "cap": (3, 3), "lid": (8, 0),
    }  # fmt: skip
    json.dumps(found.to_dict(), allow_nan=False)


def test_what_nobody_knows_is_never_good(ledger):
    ledger.append([inspection(1, verdict=None), inspection(2, verdict="fine")])
    found = shift_figures(ledger, NOON, END).all
    assert (found.parts, found.rejects, found.outcomes[Outcome.NOT_INSPECTED]) == (2, 2, 2)


def test_limits_are_those_of_clopper_and_pearson(ledger):
    ledger.append([inspection(n, verdict="defect" if n < 3 else "good") for n in range(60)])
    found = shift_figures(ledger, NOON, END).all
    assert found.reject_rate == 0.05
    stats = pytest.importorskip("scipy.stats")
    exact = stats.binomtest(3, 60).proportion_ci(0.95, method="exact")
    assert found.reject_limits == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_a_shift_without_parts_has_no_rate(ledger):
    found = shift_figures(ledger, NOON, END).all
    assert (found.parts, found.reject_rate, found.reject_limits) == (0, None, (0.0, 1.0))
    assert p_chart(ledger, NOON, END).points == ()
    assert pareto(ledger, NOON, END) == []
    assert region_heat_map(ledger, NOON, END) is None


def test_the_last_word_on_each_part_counts(ledger):
    ledger.append([defect(1), defect(2), inspection(3), inspection(-5, verdict="defect")])

    def say(number, word):
        ledger.append([Entry(Kind.REVIEW, NOON, {"word": word}, refers_to=number)])

    for number, word in ((1, "confirmed"), (2, "confirmed"), (1, "overruled"), (3, "overruled"),
                         (4, "overruled")):  # fmt: skip
        say(number, word)
    found = shift_figures(ledger, NOON, END)
    assert (found.confirmed, found.false_rejects, found.missed) == (1, 1, 1)


def test_a_p_chart_has_a_point_for_each_time_with_parts(ledger):
    ledger.append([inspection(n * 60) for n in range(60)])
    ledger.append([inspection(7200 + n, verdict="defect" if n < 30 else "good") for n in range(40)])
    chart = p_chart(ledger, NOON, END, step=HOUR)
    assert [(p.start, p.parts, p.rejects, p.out) for p in chart.points] == [
        (NOON, 60, 0, True), (NOON + 2 * HOUR, 40, 30, True),
    ]  # fmt: skip
    assert chart.centre == 0.3
    assert p_chart(ledger, NOON, END, step=HOUR, rate=0.01).points[0].out is False
    json.dumps(chart.to_dict(), allow_nan=False)


@pytest.mark.parametrize("trials", [0, 1, 7, 50, 3000])
@pytest.mark.parametrize("rate", [0.0, 1e-4, 0.02, 0.3, 0.5, 0.9, 1.0])
def test_limits_of_a_p_chart_are_exact(trials, rate):
    stats = pytest.importorskip("scipy.stats")
    fewest, most = hits_range(trials, rate, chance=0.00135)
    below, above = stats.binom.cdf, stats.binom.sf
    assert below(fewest - 1, trials, rate) <= 0.00135
    assert above(most, trials, rate) <= 0.00135
    assert fewest == trials or below(fewest, trials, rate) > 0.00135 or fewest == most == 0
    assert most == 0 or above(most - 1, trials, rate) > 0.00135 or fewest == most == trials


def test_zones_are_in_the_order_of_their_parts(ledger):
    ledger.append([
        defect(1, region(0, 0, "rim"), region(9, 9, "rim"), region(5, 5, "seal")),
        defect(2, region(0, 0, "seal"), recipe="cap"),
        defect(3, region(0, 0)),
        inspection(4, body={"views": [{"prediction": {"regions": [region(0, 0, "rim")]}}]}),
    ])  # fmt: skip
    bars = pareto(ledger, NOON, END)
    assert [(b.zone, b.parts, b.regions, b.cumulative) for b in bars] == [
        ("seal", 2, 2, 0.5), (None, 1, 1, 0.75), ("rim", 1, 2, 1.0),
    ]  # fmt: skip
    assert [bar.zone for bar in pareto(ledger, NOON, END, recipe="cap")] == ["seal"]


def test_a_heat_map_lays_images_of_all_sizes_over_each_other(ledger):
    ledger.append([
        defect(1, region(0, 0, side=20), region(0, 0, side=20)),
        defect(2, region(0, 0), size_hw=(160, 320)),
        defect(3, region(620, 300, side=20)),
        defect(4, region(0, 0), camera="side"),
        defect(5, region(0, 0), size_hw=None or ()),
    ])  # fmt: skip
    found = region_heat_map(ledger, NOON, END)
    assert (len(found.counts), len(found.counts[0])) == (16, 32)
    assert found.parts == 3
    assert (found.counts[0][0], found.counts[15][31], found.counts[0][1]) == (2, 1, 0)
    assert sum(map(sum, found.counts)) == 3
    assert region_heat_map(ledger, NOON, END, camera="side").parts == 1
    assert region_heat_map(ledger, NOON, END, recipe="cap") is None


def test_shifts_follow_the_clock_on_the_wall_through_the_change_of_the_hour():
    now = datetime(2026, 3, 29, 10, tzinfo=UTC)  # the night before lacks an hour in Berlin
    shifts = shifts_of(["06:00", "14:00", "22:00"], "Europe/Berlin", now, 3)
    assert [(end - start) / HOUR for start, end in shifts] == [8, 8, 8]
    lengths = [end.astimezone(UTC) - start.astimezone(UTC) for start, end in shifts]
    assert [length / HOUR for length in lengths] == [8, 7, 8]
    assert all(start == end for (start, _), (_, end) in pairwise(shifts))


def test_the_report_is_one_page(ledger, tmp_path):
    pytest.importorskip("fpdf", reason="needs the extra 'station'")
    zones = [f"zone {n} ☃" for n in range(12)]
    ledger.append([
        defect(n * 60, region(n, n, zones[n % 12]), recipe=f"a very long name of a recipe {n % 9}")
        for n in range(300)
    ])  # fmt: skip
    out = tmp_path / "shift.pdf"
    words = ["ledger", "report", str(ledger.path), "-o", str(out), "--since", NOON.isoformat()]
    ended = CliRunner().invoke(app, [*words, "--name", "Linie 3 ☃ Ä", "--json"])
    assert ended.exit_code == 0, ended.stderr
    assert json.loads(ended.stdout)["rejects"] == 300
    content = out.read_bytes()
    assert content.startswith(b"%PDF")
    assert content.count(b"/Type /Page\n") == 1
    ended = CliRunner().invoke(app, [*words, "--until", "2026-01-01"])
    assert ended.exit_code == 2


def test_a_report_of_nothing_is_a_page_too(ledger):
    pytest.importorskip("fpdf", reason="needs the extra 'station'")
    from blemish.station.statistics.report import shift_report

    assert shift_report(ledger, NOON, END).startswith(b"%PDF")
