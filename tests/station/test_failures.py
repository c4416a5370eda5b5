"""Whatever goes wrong on the way, a part is not good, and the heartbeat says if it lasts."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from blemish.errors import BlemishError, LedgerError
from blemish.ledger.entry import Kind
from blemish.ledger.query import Query
from blemish.serving.models import Models
from blemish.serving.waiting import BusyError
from blemish.station.contracts import Frame
from stations import until

PARTS = Query(kinds={Kind.INSPECTION})


def frame(content, **values):
    return Frame(**({"camera": "top", "time": datetime.now(UTC), "content": content} | values))


def cut(line):
    return line.good()[:-50]


IMAGES = {
    "cut off": lambda line: {"content": line.good()[:300]},
    "empty": lambda line: {"content": b""},
    "no image": lambda line: {"content": b"GIF89a, or so"},
    "none at all": lambda line: {"content": None, "error": "The disk cannot be read."},
    "another format": lambda line: {
        "content": None,
        "pixels": np.zeros((64, 64, 3), np.uint16),
    },
    "not finite": lambda line: {"content": None, "pixels": np.zeros((64, 64, 3), np.float32)},
    "tiny": lambda line: {"content": None, "pixels": np.zeros((1, 1, 3), np.uint8)},
}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_that_cannot_be_judged_is_not_inspected_and_the_next_one_is(line, run, image):
    async def work():
        station = line.station()
        screen = station.outputs["screen"]
        async with station.running():
            row = await station.submit(frame(**IMAGES[image](line)))
            assert row.entry.verdict == "not inspected"
            assert row.entry.body["views"][0]["error"]
            await until(lambda: len(screen.shown) == 2)
            assert screen.verdicts[-1] == "not inspected"
            assert (await station.submit(frame(line.good()))).entry.verdict == "good"

    run(work())


def raises(self, *_, **__):
    raise MemoryError("no room")


def gives_nan(self, *args, _judge=Models.judge, **values):
    judged = _judge(self, *args, **values)
    return replace(judged, prediction=replace(judged.prediction, score=float("nan")))


def says_nothing(self, *args, _judge=Models.judge, **values):
    judged = _judge(self, *args, **values)
    return replace(judged, prediction=replace(judged.prediction, verdict=None))


@pytest.mark.parametrize("judge", [raises, gives_nan, says_nothing])
def test_of_a_model_that_fails_no_part_is_good(line, run, monkeypatch, judge):
    monkeypatch.setattr(Models, "judge", judge)

    async def work():
        station = line.station()
        async with station.running():
            row = await station.submit(frame(line.good()))
            assert row.entry.verdict == "not inspected"

    run(work())


def test_a_camera_that_gives_nothing_makes_the_part_not_inspected(line, run):
    line.write(cameras=("top", "side"), tile='model = "tile.onnx"\nwait_seconds = 0.1')

    async def work():
        station = line.station()
        async with station.running():
            station.sources["top"].give(line.good(), part="1")
            await until(lambda: station.latest() is not None)
            latest = station.latest()
            assert (str(latest.outcome), latest.missing) == ("not inspected", ("side",))

    run(work())


def test_a_camera_that_is_away_stops_the_heartbeat(line, run):
    async def work():
        station = line.station()
        screen, camera = station.outputs["screen"], station.sources["top"]
        async with station.running():
            await until(lambda: screen.beats)
            camera.health.ready, camera.health.told = False, "unplugged"
            await until(lambda: not station.status()["alive"])
            await until(lambda: "unplugged" in (screen.shown[-1].why or ""))
            beats = len(screen.beats)
            camera.health.ready = True
            await until(lambda: len(screen.beats) > beats)

    run(work())


def test_a_hang_makes_the_part_not_inspected_and_stops_the_heartbeat_until_it_ends(
    line, run, monkeypatch
):
    line.write("workers = 1")
    judge, hang, goes_on = Models.judge, threading.Event(), threading.Event()

    def hanging(self, *args, **values):
        if hang.is_set():
            goes_on.wait(20)
        return judge(self, *args, **values)

    monkeypatch.setattr(Models, "judge", hanging)

    async def work():
        station = line.station()
        screen = station.outputs["screen"]
        async with station.running():
            await until(lambda: screen.beats)
            hang.set()
            rows = await asyncio.gather(
                station.submit(frame(line.good())), station.submit(frame(line.good()))
            )
            assert {row.entry.verdict for row in rows} == {"not inspected"}
            assert "hangs" in rows[0].entry.body["views"][0]["error"]
            await until(lambda: not station.status()["alive"])
            await until(lambda: "hangs" in (screen.shown[-1].why or ""))
            beats = len(screen.beats)
            await asyncio.sleep(1.2)
            assert len(screen.beats) == beats
            hang.clear()
            goes_on.set()
            await until(lambda: len(screen.beats) > beats)
            assert (await station.submit(frame(line.good()))).entry.verdict == "good"
        assert screen.verdicts.count("good") == 1

    run(work())


def test_what_finds_the_queue_full_is_not_inspected_or_refused_where_somebody_waits(
    line, run, monkeypatch
):
    line.write("workers = 1\nqueue = 2\nhang_seconds = 20".replace("hang_seconds = 20", ""))
    judge, goes_on = Models.judge, threading.Event()

    def slow(self, *args, **values):
        goes_on.wait(0.4)
        return judge(self, *args, **values)

    monkeypatch.setattr(Models, "judge", slow)

    async def work():
        station = line.station()
        camera = station.sources["top"]
        async with station.running():
            for _ in range(4):
                camera.give(line.good())
            await until(lambda: station.status()["queue"]["refused"] == 2)
            with pytest.raises(BusyError):
                await station.submit(frame(line.good()))
            goes_on.set()
            await until(lambda: len(station.ledger.rows(PARTS, most=9)) == 4)
            rows = station.ledger.rows(PARTS, most=9)[::-1]
            assert [row.entry.verdict for row in rows] == ["good"] * 2 + ["not inspected"] * 2
            assert "queue is full" in rows[-1].entry.body["views"][0]["error"]

    run(work())


def test_where_the_disk_of_the_record_is_full_nothing_is_acknowledged(line, run, monkeypatch):
    line.watch()
    path = line.bring(line.good())

    async def work():
        station = line.station()
        screen = station.outputs["screen"]
        append = station.ledger.append

        def full(entries, *, marks):
            if any(entry.kind == Kind.INSPECTION for entry in entries) or station.full_for_events:
                raise LedgerError("The disk is full.")
            return append(entries, marks=marks)

        station.full_for_events = False
        async with station.running():
            station.ledger.append = full
            station.full_for_events = True
            monkeypatch.setattr("blemish.station.recorder.PROBE_SECONDS", 0.05)
            monkeypatch.setattr("blemish.station.sources.folder.AGAIN_SECONDS", 0.1)
            with pytest.raises(BlemishError, match="disk is full"):
                await station.submit(frame(line.good()))
            await until(lambda: not station.status()["alive"])
            assert path.exists()
            assert "good" not in screen.verdicts
            station.ledger.append = append
            await until(lambda: not path.exists())
            await until(lambda: station.status()["alive"])
        assert screen.verdicts.count("good") == 1

    run(work())


def test_at_the_end_what_has_come_is_judged_and_what_cannot_be_is_refused(line, run, monkeypatch):
    line.write("workers = 1\ndrain_seconds = 0.2\n")
    judge, hang, goes_on = Models.judge, threading.Event(), threading.Event()

    def hanging(self, *args, **values):
        if hang.is_set():
            goes_on.wait(0.45)
        return judge(self, *args, **values)

    monkeypatch.setattr(Models, "judge", hanging)

    async def work():
        station = line.station()
        async with station.running():
            one = asyncio.create_task(station.submit(frame(line.good())))
            await until(lambda: station.status()["queue"]["waiting"])
        assert (await one).entry.verdict == "good"
        again = line.station()
        async with again.running():
            hang.set()
            other = asyncio.create_task(again.submit(frame(line.good())))
            await until(lambda: again.status()["queue"]["waiting"])
        with pytest.raises(BlemishError, match="has stopped"):
            await other
        goes_on.set()
        assert set(again.outputs["screen"].verdicts) == {"not inspected"}

    run(work())


def test_a_monitor_that_fails_takes_no_verdict_along(line, run, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("blemish.station.drift.Drift.look", broken)

    async def work():
        station = line.station()
        async with station.running():
            assert (await station.submit(frame(line.good()))).entry.verdict == "good"
        assert any("Drift" in told for told in line.said)

    run(work())


@pytest.mark.parametrize("values", [{"part": "x" * 501}, {"key": "x" * 501}, {"camera": "sdie"}])
def test_a_frame_that_no_row_could_hold_is_refused_alone(line, run, values):
    async def work():
        station = line.station()
        async with station.running():
            with pytest.raises(BlemishError):
                await station.submit(frame(line.good(), **values))
            assert (await station.submit(frame(line.good()))).entry.verdict == "good"

    run(work())
