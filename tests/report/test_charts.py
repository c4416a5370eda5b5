from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from blemish.report.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Curve,
    Scores,
    Trace,
    histogram,
    pro,
    roc,
    ticks,
    training,
)

GOOD = Scores("Good", "good", [1.0, 1.5, 2.0, 3.1], flagged=1)
DEFECT = Scores("Defect", "defect", [2.5, 4.0, 5.0], flagged=2)


def drawn(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def words(svg: str) -> str:
    return " ".join(drawn(svg).itertext())


def bars(svg: str, style: str) -> list[ET.Element]:
    return drawn(svg).findall(f"./g[@class='{style}']/rect")


def places(svg: str) -> list[float]:
    names = ("x", "x1", "x2", "y", "y1", "y2", "cx", "cy")
    return [float(e.attrib[name]) for e in drawn(svg).iter() for name in names if name in e.attrib]


def test_a_histogram_says_what_it_shows() -> None:
    svg = histogram(GOOD, DEFECT, threshold=3.0, chart_id="a")
    assert "Good: 4 images, 1 flagged" in words(svg)
    assert "Defect: 3 images, 2 flagged" in words(svg)
    assert "The threshold is 3." in words(svg)
    root = drawn(svg)
    assert root.attrib["aria-labelledby"] == "a-title a-desc"
    assert [child.attrib["id"] for child in root[:2]] == ["a-title", "a-desc"]


def test_every_score_is_in_a_bar_and_the_threshold_between_them() -> None:
    svg = histogram(GOOD, DEFECT, threshold=3.0, chart_id="a")
    assert len(bars(svg, "good")) == 4
    assert len(bars(svg, "defect")) == 3
    line = next(e for e in drawn(svg).iter() if e.attrib.get("class") == "threshold")
    at = float(line.attrib["x1"])
    assert [float(bar.attrib["x"]) > at for bar in bars(svg, "good")] == [False] * 3 + [True]
    assert [float(bar.attrib["x"]) > at for bar in bars(svg, "defect")] == [False, True, True]


def test_one_far_score_does_not_squeeze_the_rest() -> None:
    values = [1 + i / 100 for i in range(200)]
    svg = histogram(
        Scores("Good", "good", [*values, 100_000.0]), DEFECT, threshold=None, chart_id="a"
    )
    assert len(bars(svg, "good")) > 10
    assert "outermost bars count all beyond" in words(svg)


@pytest.mark.parametrize("values", [[5.0], [0.0, 0.0], [-3.0, -3.0], [1e-9, 2e-9], [1000.0, -5.0]])
@pytest.mark.parametrize("threshold", [None, 0.0, 7.5])
def test_any_scores_stay_inside_the_chart(values: list[float], threshold: float | None) -> None:
    scores = Scores("Good", "good", values)
    svg = histogram(scores, Scores("Defect", "defect", []), threshold=threshold, chart_id="a")
    assert all(0 <= place <= max(WIDTH, HEIGHT) for place in places(svg))


def test_without_scores_or_points_nothing_is_drawn() -> None:
    none = Scores("Good", "good", [])
    assert histogram(none, none, threshold=1.0, chart_id="a") == ""
    assert roc([Curve("Image", "image", [], [])], chart_id="a") == ""
    assert roc([Curve("Image", "image", [0, 1], [0, 0.5, 1])], chart_id="a") == ""


def test_a_roc_curve_runs_from_corner_to_corner_with_its_point() -> None:
    curve = Curve("Image", "image", [0, 0, 0.5, 1], [0, 0.8, 1, 1], point=(0.0, 0.8))
    svg = roc([curve, Curve("Pixel", "pixel", [], [])], chart_id="a")
    (line,) = (e for e in drawn(svg).iter("polyline"))
    first, corner, *_, last = (
        tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()
    )
    chance = next(e for e in drawn(svg).iter() if e.attrib.get("class") == "chance")
    assert first == (float(chance.attrib["x1"]), float(chance.attrib["y1"]))
    assert last == (float(chance.attrib["x2"]), float(chance.attrib["y2"]))
    (dot,) = drawn(svg).iter("circle")
    assert (float(dot.attrib["cx"]), float(dot.attrib["cy"])) == corner
    assert "false-alarm rate 0.000, recall 0.800" in words(svg)
    assert "Pixel" not in words(svg)


def test_a_pro_curve_ends_at_its_limit_where_it_would_be_there() -> None:
    svg = pro(Curve("PRO", "region", [0, 0.1, 0.5, 1], [0, 0.8, 1, 1]), chart_id="a")
    (line,) = drawn(svg).iter("polyline")
    (area,) = drawn(svg).iter("polygon")
    x, y = map(float, line.attrib["points"].split()[-1].split(","))
    assert line.attrib["points"] in area.attrib["points"]
    assert (x, y) == pytest.approx((WIDTH - RIGHT, TOP + 0.1 * (HEIGHT - TOP - BOTTOM)), abs=0.06)
    assert "up to 0.3" in words(svg)


@pytest.mark.parametrize("rates", [[0.0, 0.3, 1.0], [0.0, 0.2, 0.25], [0.0, 0.0, 1.0]])
def test_any_pro_curve_stays_inside_the_chart(rates: list[float]) -> None:
    svg = pro(Curve("PRO", "region", rates, [0.0, 0.5, 1.0]), chart_id="a")
    (line,) = drawn(svg).iter("polyline")
    assert all(
        LEFT <= float(pair.split(",")[0]) <= WIDTH - RIGHT for pair in line.attrib["points"].split()
    )


def test_a_pro_curve_without_points_is_not_drawn() -> None:
    assert pro(Curve("PRO", "region", [], []), chart_id="a") == ""
    assert pro(Curve("PRO", "region", [0, 1], [1]), chart_id="a") == ""


def test_a_training_is_drawn_by_powers_and_ends_at_its_last_step() -> None:
    falling = Trace("Loss", "pixel", [(20, 1.0), (100, 0.1), (200, 0.01)])
    svg = training([falling, Trace("Unexplained", "image", [(100, 0.2)])], chart_id="a")
    (line,) = drawn(svg).iter("polyline")
    points = [[float(v) for v in pair.split(",")] for pair in line.attrib["points"].split()]
    (_, top), (_, middle), (right, base) = points
    assert right == pytest.approx(WIDTH - RIGHT, abs=0.06)
    assert middle - top == pytest.approx(base - middle, abs=0.11)  # a tenth each time
    assert TOP < top < base < HEIGHT - BOTTOM
    assert "0.02" in words(svg)
    assert "Unexplained" not in words(svg)  # one point is no line
    assert training([], chart_id="a") == ""


def test_long_curves_are_thinned() -> None:
    rates = [i / 100_000 for i in range(100_001)]
    assert len(roc([Curve("Image", "image", rates, rates)], chart_id="a")) < 60_000


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (0.9, 11.2, [2, 4, 6, 8, 10]), (-5e-4, 5e-4, None)],
)
def test_ticks_are_round_numbers_inside(low: float, high: float, expected: list[float]) -> None:
    found = ticks(low, high)
    assert all(low <= tick <= high for tick in found)
    assert 3 <= len(found) <= 8
    assert expected is None or found == pytest.approx(expected)
