"""A station from end to end: images in; rows, answers and signals out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from blemish.errors import BlemishError, UsageError
from blemish.ledger.entry import Kind
from blemish.ledger.query import Query
from blemish.station.contracts import Frame
from stations import until

PARTS = Query(kinds={Kind.INSPECTION})


def frame(content, **values):
    return Frame(**({"camera": "top", "time": datetime.now(UTC), "content": content} | values))


def events(station):
    rows = station.ledger.rows(Query(kinds={Kind.EVENT, Kind.ACT}), most=99)
    return [row.entry.body.get("event") or row.entry.body.get("act") for row in rows][::-1]


def test_images_of_a_folder_are_judged_recorded_and_sorted(line, run):
    line.watch()
    line.bring(line.good(), "a.png")
    line.bring(line.bad(), "b.png")

    async def work():
        station = line.station()
        async with station.running():
            await until(lambda: len(list(line.folder.rglob("judged/*/*.png"))) == 2)
            return station.ledger.rows(PARTS, most=9)

    rows = run(work())
    assert {row.entry.body["views"][0]["name"]: row.entry.verdict for row in rows} == {
        "a.png": "good",
        "b.png": "defect",
    }
    assert (line.folder / "in/judged/good/a.png").read_bytes() == line.good()
    assert (line.folder / "in/judged/bad/b.png").read_bytes() == line.bad()


def test_who_submits_an_image_is_answered_once_it_is_in_the_record(line, run):
    async def work():
        station = line.station()
        async with station.running():
            row = await station.submit(frame(line.good(), part="4711"))
            assert station.ledger.row(row.number) == row_as_stored(row)
            assert (row.entry.verdict, row.entry.part, row.entry.recipe) == ("good", "4711", "tile")
            assert row.entry.score < row.entry.threshold
            assert row.entry.body["monitor"]["parts"] == 1
            assert station.latest("top").views[0].pixels is not None
            await until(lambda: station.outputs["screen"].verdicts[-1] == "good")

    run(work())


def row_as_stored(row):
    from dataclasses import replace

    return replace(row, new=False)


def test_the_same_image_sent_twice_is_judged_once_also_after_a_restart(line, run):
    async def work():
        station = line.station()
        async with station.running():
            one, other = await asyncio.gather(
                station.submit(frame(line.good(), key="k")),
                station.submit(frame(line.good(), key="k")),
            )
            third = await station.submit(frame(line.bad(), key="k"))
        again = line.station()
        async with again.running():
            fourth = await again.submit(frame(line.bad(), key="k"))
            assert len(again.ledger.rows(PARTS, most=9)) == 1
        assert one.number == other.number == third.number == fourth.number

    run(work())


def test_machines_see_not_inspected_at_the_start_and_the_end_and_a_heartbeat_between(line, run):
    async def work():
        station = line.station()
        screen = station.outputs["screen"]
        async with station.running():
            await until(lambda: len(screen.beats) >= 2)
            await station.submit(frame(line.good()))
            await until(lambda: len(screen.shown) == 2)
        assert screen.verdicts == ["not inspected", "good", "not inspected"]
        beats = len(screen.beats)
        await asyncio.sleep(0.05)
        assert len(screen.beats) == beats
        assert [beat for _, beat in screen.beats] == list(range(1, beats + 1))

    run(work())


def test_an_output_that_fails_takes_neither_verdicts_nor_other_outputs_along(line, run):
    line.write(outputs=("screen", "mirror"))

    async def work():
        station = line.station()
        screen, mirror = station.outputs["screen"], station.outputs["mirror"]
        async with station.running():
            screen.broken = True
            first = await station.submit(frame(line.good()))
            await until(lambda: any(row.number == first.number for row in mirror.rows))
            await until(lambda: screen.health.counts.get("failed"))
            assert "the machine is away" in screen.health.told
            screen.broken = False
            await station.submit(frame(line.bad()))
            await until(lambda: "defect" in screen.verdicts)
        assert mirror.closed

    run(work())


def test_a_forwarder_that_was_away_is_given_all_rows_in_order_also_after_a_restart(line, run):
    line.write(outputs=("mirror",))

    async def work():
        station = line.station()
        async with station.running():
            station.outputs["mirror"].broken = True
            for _ in range(3):
                await station.submit(frame(line.good()))
            assert station.status()["outputs"]["mirror"]["waiting"] > 0
        again = line.station()
        mirror = again.outputs["mirror"]
        async with again.running():
            await again.submit(frame(line.good()))
            await until(
                lambda: mirror.rows and mirror.rows[-1].number == again.ledger.head().number
            )
            numbers = [row.number for row in mirror.rows]
        assert numbers[0] <= 2  # nothing before was left out
        assert numbers == list(range(numbers[0], numbers[-1] + 1))

    run(work())


def test_a_camera_that_fails_is_started_again(line, run):
    async def work():
        station = line.station()
        camera = station.sources["top"]
        async with station.running():
            camera.queue.put_nowait(OSError("unplugged"))
            await until(lambda: camera.health.counts.get("restarts"))
            assert "unplugged" in camera.health.told
            camera.give(line.good())
            await until(lambda: station.latest() is not None)
        assert any("unplugged" in told for told in line.said)

    run(work())


def test_a_switch_is_recorded_and_holds_after_a_restart(line, run):
    line.write(
        'recipe = "tile"', tile='model = "tile.onnx"', other='model = "tile.onnx"\nparts = ["9-*"]'
    )

    async def work():
        station = line.station()
        async with station.running():
            await station.switch("other", who="Ada")
            row = await station.submit(frame(line.good()))
            assert row.entry.recipe == "other"
            with pytest.raises(UsageError, match="Did you mean 'other'"):
                await station.switch("othr", who="Ada")
        again = line.station()
        async with again.running():
            assert again.recipe.name == "other"
            (act,) = again.ledger.rows(Query(kinds={Kind.ACT}), most=9)
            assert (act.entry.who, act.entry.body["from"], act.entry.body["to"]) == (
                "Ada",
                "tile",
                "other",
            )

    run(work())


def test_a_part_switches_to_the_recipe_that_is_for_it(line, run):
    line.write(
        'recipe = "tile"', tile='model = "tile.onnx"', other='model = "tile.onnx"\nparts = ["9-*"]'
    )

    async def work():
        station = line.station()
        async with station.running():
            row = await station.submit(frame(line.good(), part="9-001"))
            assert row.entry.recipe == "other"
            await station.switch_for("9-7", who="plc")
            with pytest.raises(UsageError, match="No recipe is for part"):
                await station.switch_for("x", who="plc")

    run(work())


def test_a_recipe_gives_a_camera_other_settings_while_it_runs(line, run):
    bright = 'model = "tile.onnx"\n[camera.top]\nexposure_us = 9\n'
    line.write('recipe = "tile"', tile='model = "tile.onnx"', bright=bright)

    async def work():
        station = line.station()
        async with station.running():
            await station.switch("bright", who="Ada")
            assert station.sources["top"].settings.exposure_us == 9
            station.sources["top"].give(line.good())
            await until(lambda: station.latest() is not None)
            await station.switch("tile", who="Ada")
            assert station.sources["top"].settings.exposure_us == 0

    run(work())


def test_a_part_that_changes_its_own_camera_is_inspected_and_the_next_one_as_well(line, run):
    bright = 'model = "tile.onnx"\nparts = ["9-*"]\n[camera.top]\nexposure_us = 9\n'
    line.write('recipe = "tile"', tile='model = "tile.onnx"', bright=bright)

    async def work():
        station = line.station()
        async with station.running():
            station.sources["top"].give(line.good(), part="9-1")
            await until(lambda: station.latest() is not None)
            assert (station.latest().part, station.latest().recipe) == ("9-1", "bright")
            await until(lambda: station.sources["top"].settings.exposure_us == 9)
            station.sources["top"].give(line.good(), part="9-2")
            await until(lambda: station.latest().part == "9-2")

    run(work())


def test_images_of_several_cameras_are_one_part(line, run):
    line.write(cameras=("top", "side"))

    async def work():
        station = line.station()
        top, side = station.sources["top"], station.sources["side"]
        async with station.running():
            top.give(line.good(), key="a")
            side.give(line.bad(), key="b")
            await until(lambda: station.latest() is not None)
            (row,) = station.ledger.rows(PARTS, most=9)
            assert row.entry.verdict == "defect"
            assert [view["camera"] for view in row.entry.body["views"]] == ["top", "side"]
            settled = []

            async def tell(row):
                settled.append(row)

            side.give(line.bad(), key="b", settled=tell)  # it was judged with its part
            await until(lambda: settled)
            assert settled[0].number == row.number
            assert len(station.ledger.rows(PARTS, most=9)) == 1

    run(work())


def test_a_person_confirms_or_overrules_a_verdict(line, run):
    async def work():
        station = line.station()
        async with station.running():
            row = await station.submit(frame(line.bad()))
            said = await station.review(row.number, word="overruled", comment="dust", who="Ada")
            assert (said.entry.refers_to, said.entry.who) == (row.number, "Ada")
            assert said.entry.body == {"word": "overruled", "comment": "dust"}
            with pytest.raises(UsageError, match="no inspection"):
                await station.review(said.number, word="confirmed", comment="", who="Ada")

    run(work())


def test_pages_are_told_of_inspections_and_slow_ones_lose_the_oldest(line, run):
    async def work():
        station = line.station()
        async with station.running():
            fast, slow = station.subscribe(), station.subscribe()
            first = asyncio.create_task(anext(fast))
            unread = asyncio.create_task(anext(slow))
            await asyncio.sleep(0)
            for _ in range(40):
                station._notices.tell("state", {})
            await station.submit(frame(line.good()))
            assert (await first).kind == "state"
            await unread
            kinds = [(await anext(slow)).kind for _ in range(32)]
            assert kinds[-1] == "inspection"

    run(work())


def test_monitors_go_on_after_a_restart_where_they_were(line, run):
    async def work():
        station = line.station()
        async with station.running():
            for _ in range(5):
                row = await station.submit(frame(line.good()))
        again = line.station()
        async with again.running():
            next_one = await again.submit(frame(line.good()))
        assert row.entry.body["monitor"]["parts"] == 5
        assert next_one.entry.body["monitor"]["parts"] == 6

    run(work())


def test_monitors_begin_anew_when_an_engineer_says_so_and_stay_so_after_a_restart(line, run):
    async def work(give):
        station = line.station()
        async with station.running():
            for _ in range(give):
                await station.submit(frame(line.good()))
            parts = _parts_watched(station)
            row = await station.watch_anew(who="Anna")
            assert _parts_watched(station) == 0
            return parts, row.entry

    assert run(work(3))[0] == 3
    parts, said = run(work(2))
    assert (parts, said.body, said.who) == (2, {"act": "watch the line anew"}, "Anna")


def _parts_watched(station):
    drift = station.status()["drift"]
    return drift["top"]["parts"] if drift else 0


def test_a_station_starts_without_its_model_and_inspects_once_it_is_there(line, run):
    path = line.folder / "models" / "tile.onnx"
    path.rename(path.with_suffix(".away"))

    async def work():
        station = line.station()
        async with station.running():
            row = await station.submit(frame(line.good()))
            assert row.entry.verdict == "not inspected"
            assert station.latest("top").views[0].pixels is not None
            assert not station.status()["alive"]
            path.with_suffix(".away").rename(path)
            await until(lambda: station.status()["alive"])
            assert (await station.submit(frame(line.good()))).entry.verdict == "good"

    run(work())


def test_after_the_end_nothing_is_taken(line, run):
    async def work():
        station = line.station()
        async with station.running():
            pass
        with pytest.raises(BlemishError, match="has stopped"):
            await station.submit(frame(line.good()))

    run(work())


def test_what_happened_is_in_the_record(line, run):
    async def work():
        station = line.station()
        async with station.running():
            await until(lambda: "inspecting" in events(station))
        again = line.station()
        assert events(again) == ["started", "inspecting", "stopped"]
        again.ledger.close()

    run(work())


def test_status_is_plain_json(line, run):
    import json

    async def work():
        station = line.station()
        async with station.running():
            await station.submit(frame(line.bad()))
            status = json.loads(json.dumps(station.status(), allow_nan=False))
        assert status["shift"]["verdicts"]["defect"] == 1
        assert status["record"]["rows"] >= 2

    run(work())


def test_what_is_refused_switches_no_recipe(line, run):
    line.write(
        'recipe = "tile"',
        ("top", "side"),
        tile='model = "tile.onnx"',
        other='model = "tile.onnx"\nparts = ["L-*"]\ncameras = ["top"]',
    )

    async def work():
        station = line.station()
        async with station.running():
            with pytest.raises(UsageError, match="'other' has no camera 'side'"):
                await station.submit(frame(line.good(), camera="side", part="L-9"))
            with pytest.raises(UsageError, match="'other' has no camera 'side'"):
                await station.trigger("side", who="plc", part="L-9")
            station.sources["top"].takes_triggers = False
            station.sources["top"].trigger = no_trigger
            with pytest.raises(UsageError, match="no trigger"):
                await station.trigger("top", who="plc", part="L-9")
            assert station.recipe.name == "tile"
            station.sources["side"].give(line.good(), camera="side", part="L-8")
            await until(lambda: station.ledger.rows(PARTS, most=1))
            assert station.recipe.name == "tile"
            assert station.ledger.rows(PARTS, most=1)[0].entry.verdict == "not inspected"

    run(work())


async def no_trigger(part=None):
    raise UsageError("It takes no trigger.")


def test_an_id_that_was_bad_is_not_good_a_moment_later(line, run):
    async def work():
        station = line.station()
        async with station.running():
            bad = await station.submit(frame(line.bad(), part="P5"))
            again = await station.submit(frame(line.good(), part="P5"))
            assert (again.entry.verdict, again.entry.refers_to) == ("not inspected", bad.number)
            assert "'P5' was 'defect'" in again.entry.body["why"]
            assert (await station.submit(frame(line.good(), part="P6"))).entry.verdict == "good"

    run(work())


@pytest.mark.parametrize("text", ["\0", "a\udcff", "\x1b[2J"])
@pytest.mark.parametrize("what", ["part", "name", "key"])
def test_what_is_no_text_is_refused_at_the_door(line, run, what, text):
    async def work():
        station = line.station()
        async with station.running():
            with pytest.raises(UsageError, match=f"'{what}' must be a text"):
                await station.submit(frame(line.good(), **{what: text}))

    run(work())


def test_a_part_that_the_record_cannot_hold_takes_no_other_along(line, run):
    from blemish.station.assembler import Part

    async def work():
        station = line.station()
        async with station.running():
            recipe, written = station.recipe, []
            for part in ("A", "\0", "B"):
                made = Part(f"{part!r:0>32}", part, recipe, datetime.now(UTC))
                made.frames.append(frame(line.good(), part=part))
                view = asyncio.get_running_loop().create_future()
                view.set_exception(OSError("none"))
                made.views["top"] = view
                written.append(made)
            done = await asyncio.to_thread(station._recorder._write, written, 0.0)
            assert [one.row is not None for one in done] == [True, True, True]
            assert [one.row.entry.part for one in done] == ["A", "\\x00", "B"]
            assert done[1].row.entry.verdict == "not inspected"
            assert station._recorder.problem is None

    run(work())
