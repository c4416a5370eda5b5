"""What views show, and what actions leave in the record."""

from __future__ import annotations

import json

import pytest

import stations
from blemish.ledger.entry import Kind
from blemish.serving.tokens import Role
from blemish.station.page import live
from blemish.station.page.texts import Texts


def first_event(shop):
    """What the stream says at once."""

    class Page:
        station = shop.station

    async def first():
        events = live._events(Page(), Texts("en", None))
        try:
            return await anext(events)
        finally:
            await events.aclose()

    return json.loads(shop.client.portal.call(first).removeprefix("data: "))


def test_the_stream_begins_with_what_is_so_now(shop, bad):
    said = first_event(shop)
    assert said["alive"]
    assert said["changed"]
    assert said["last"]["outcome"] == "defect"
    assert said["last"]["word"] == "Defect"
    assert 0 <= said["age"] < 60


def test_the_stream_says_why_no_part_is_judged(shop, bad):
    shop.station.sources["top"].health.ready = False
    shop.client.portal.call(stations.until, lambda: not shop.station.status()["alive"])
    try:
        said = first_event(shop)
        assert not said["alive"]
        assert "top" in said["told"]
    finally:
        shop.station.sources["top"].health.ready = True
        shop.client.portal.call(stations.until, lambda: shop.station.status()["alive"])


def test_a_stream_too_many_is_refused(shop, monkeypatch):
    monkeypatch.setattr(live, "MOST_STREAMS", 0)
    assert shop.ask("/live/stream").status_code == 503


def test_the_panel_shows_the_picture_of_the_part_that_it_shows(shop, bad):
    page = shop.ask("/live/panel").text
    newest = shop.station.latest()
    base = f"/live/{newest.id}/top"
    assert f'src="{base}/image"' in page
    for layer, kind in (("image", "image/jpeg"), ("map", "image/jpeg"), ("regions", "image/svg")):
        answer = shop.ask(f"{base}/{layer}")
        assert (answer.status_code, answer.headers["content-type"][:9]) == (200, kind[:9])
    assert shop.ask(f"{base}/secret").status_code == 404


def test_history_is_filtered_and_paged(shop, good, bad):
    assert f'href="/parts/{good}"' in shop.ask("/history").text
    defects = shop.ask("/history", params={"verdict": "defect"}).text
    assert f'href="/parts/{bad}"' in defects
    assert f'href="/parts/{good}"' not in defects
    named = shop.ask("/history", params={"part": "P-1"}).text
    assert f'href="/parts/{good}"' in named
    assert f'href="/parts/{bad}"' not in named
    assert "No part is like that." in shop.ask("/history?since=2999-01-01T00:00").text
    assert f'href="/parts/{good}"' not in shop.ask(f"/history?before={good}").text


@pytest.mark.parametrize(
    "asked", ["since=yesterday", "verdict=x", "before=-1", "part=" + "x" * 999]
)
def test_what_is_no_filter_is_refused_or_passed_over(shop, good, asked):
    assert shop.ask(f"/history?{asked}").status_code in (200, 422)


def test_a_part_shows_its_pictures_and_why(shop, bad):
    page = shop.ask(f"/parts/{bad}").text
    assert "Score" in page
    for layer in ("image", "map", "regions", "small"):
        assert shop.ask(f"/parts/{bad}/top/{layer}").status_code == 200
    assert shop.ask(f"/parts/{bad}/side/image").status_code == 404
    assert shop.ask(f"/parts/{shop.station.ledger.head().number + 9}").status_code == 404


def test_evidence_is_shown_where_the_model_tells_it(shop, bad):
    page = shop.ask(f"/parts/{bad}/evidence").text
    assert page.count("data:image/jpeg;base64,") >= 1
    assert "Most similar" not in page  # the tiny model keeps no thumbnails


def test_a_word_is_written_down_and_takes_the_part_from_the_queue(shop):
    number = shop.judge(shop.line.bad(), "Q-1")
    assert f'href="/parts/{number}"' in shop.ask("/review").text
    told = {"word": "overruled", "comment": " fine "}
    assert shop.tell(f"/parts/{number}/review", told, by=Role.OPERATOR).status_code == 200
    entry = shop.entry(shop.station.ledger.head().number)
    assert (entry.kind, entry.refers_to, entry.who) == (Kind.REVIEW, number, "Anna operator")
    assert entry.body == {"word": "overruled", "comment": "fine"}
    assert f'href="/parts/{number}"' not in shop.ask("/review").text
    assert "fine" in shop.ask(f"/parts/{number}").text


@pytest.mark.parametrize(
    "told", [{}, {"word": "good"}, {"word": "confirmed", "comment": "x" * 2001}]
)
def test_no_other_word_is_taken(shop, good, told):
    before = shop.station.ledger.head().number
    assert shop.tell(f"/parts/{good}/review", told).status_code == 422
    assert shop.station.ledger.head().number == before


def test_a_switch_of_recipe_is_an_act_of_whoever_did_it(shop):
    for recipe in ("other", "tile"):
        assert shop.tell("/recipes/switch", {"recipe": recipe}, by=Role.OPERATOR).status_code == 200
        assert shop.station.recipe.name == recipe
        act = shop.last_act()
        assert (act.body["act"], act.body["to"], act.who) == ("switch", recipe, "Anna operator")
    assert shop.tell("/recipes/switch", {"recipe": "../x"}).status_code == 400


def test_a_trigger_reaches_the_camera(shop):
    answer = shop.tell("/cameras/top/trigger", by=Role.OPERATOR)
    assert answer.json() == {"told": "Told top to take an image."}
    assert shop.station.sources["top"].triggered == [None]
    assert shop.tell("/cameras/side/trigger").status_code == 400


def test_a_camera_says_how_sharp_and_bright_its_image_is(shop, good):
    said = shop.ask("/cameras/top/look").json()
    assert said["image"].startswith("data:image/jpeg;base64,")
    assert said["focus"] > 0
    assert len(said["histogram"]) == 64
    assert shop.tell("/cameras/top/set", {"gain": 2}).status_code == 400  # it has nothing to set


def test_statistics_count_the_shift_and_print_it(shop, good, bad):
    page = shop.ask("/statistics").text
    assert "Sorted out" in page
    pdf = shop.ask("/statistics/report.pdf")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert pdf.content.startswith(b"%PDF")
    assert "No part was inspected" in shop.ask("/statistics?shift=2020-01-01T08:00:00Z").text
    assert shop.ask("/statistics?shift=noon").status_code == 400


def test_golden_samples_that_are_not_kept_are_told_of(shop):
    assert "This model keeps none" in shop.ask("/golden").text
    assert shop.tell("/golden/check", {"recipe": "tile"}).status_code == 400


def test_health_tells_of_cameras_outputs_and_the_record(shop, good):
    page = shop.ask("/health/now").text
    for word in ("top", "screen", "pictures", shop.station.ledger.head().sha256[:32]):
        assert word in page


@pytest.mark.parametrize("time", ["0001-01-01T00:00", "9999-12-31T23:59", "x"])
def test_times_that_no_calendar_has_break_nothing(shop, time):
    for name in ("since", "until"):
        assert shop.ask(f"/history?{name}={time}").is_success
    for path in ("/statistics", "/statistics/report.pdf"):
        assert shop.ask(f"{path}?shift={time}").status_code in (200, 400, 422)


@pytest.mark.parametrize("text", ["\\u0000", "a\\ud800", "\\udfff"])
def test_a_comment_that_no_record_can_keep_is_refused(shop, text):
    number = shop.judge(shop.line.bad())
    answer = shop.ask(
        f"/parts/{number}/review",
        method="POST",
        content=f'{{"word": "confirmed", "comment": "{text}"}}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422


@pytest.mark.parametrize("box", ["nan,0,1,1", "0,0,inf,1", "0,0,1", "x"])
def test_a_box_that_is_none_is_refused(shop, box):
    number = shop.judge(shop.line.bad())
    values = {"camera": "top", "kind": "defect", "box": box}
    assert shop.tell(f"/parts/{number}/teach", values).status_code in (400, 422)
