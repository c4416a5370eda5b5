"""Cameras in a station that runs: what they give stands in the record, and what they do not."""

from __future__ import annotations

import pytest

pytest.importorskip("av", reason="needs the extra 'station'")

from blemish.ledger.entry import Kind
from blemish.ledger.query import Query
from station.sources.streams import HttpCamera
from stations import until

PARTS = Query(kinds={Kind.INSPECTION})


def rows(station):
    return station.ledger.rows(PARTS, most=100)


def test_a_drawn_camera_is_judged_at_its_interval(line, run):
    drawn = '[[camera]]\nname = "demo"\nkind = "drawn"\nsize_px = 64\ninterval_seconds = 0.05'
    line.write("", (), extra=drawn)

    async def work():
        station = line.station()
        async with station.running():
            await until(lambda: len(rows(station)) >= 3)
            return rows(station)

    for row in run(work()):
        assert row.entry.body["views"][0]["prediction"] is not None


def test_a_part_whose_camera_is_away_is_not_inspected_and_the_next_is(line, run):
    camera = HttpCamera()
    line.write(
        "",
        (),
        extra=f'[[camera]]\nname = "top"\nkind = "video"\naddress = "{camera.address}"\n'
        "patience_seconds = 0.5",
    )

    async def work():
        station = line.station()
        async with station.running():
            ready = station.sources["top"].health
            await until(lambda: ready.ready)
            await station.trigger("top", who="test", part="A-1")
            await until(lambda: len(rows(station)) == 1)
            camera.cut()
            await until(lambda: not ready.ready)
            await station.trigger("top", who="test", part="A-2")
            await until(lambda: len(rows(station)) == 2)
            camera.start()
            await until(lambda: ready.ready)
            await station.trigger("top", who="test", part="A-3")
            await until(lambda: len(rows(station)) == 3)
            return rows(station)

    try:
        found = {row.entry.part: row.entry for row in run(work())}
    finally:
        camera.cut()
    assert found["A-2"].verdict == "not inspected"
    assert found["A-2"].body["views"][0]["error"] == "The camera gave no image of it."
    for part in ("A-1", "A-3"):
        assert found[part].body["views"][0]["prediction"] is not None
