"""Files that come to a folder: each judged once, and put away."""

from __future__ import annotations

import asyncio
import os
import shutil

import msgspec
import pytest

from blemish.errors import UsageError
from blemish.files import held
from blemish.ledger.entry import Kind
from blemish.ledger.query import Query
from blemish.station.sources.folder import FolderSettings
from stations import until

PARTS = Query(kinds={Kind.INSPECTION})


def rows(station):
    return station.ledger.rows(PARTS, most=1000)


def names(station):
    return sorted(row.entry.body["views"][0]["name"] for row in rows(station))


def test_what_is_no_image_is_not_inspected_and_put_where_people_find_it(line, run):
    line.watch("whole_seconds = 0")
    line.bring(b"no image", "a.png")

    async def work():
        station = line.station()
        async with station.running():
            await until((line.folder / "in/judged/not-inspected/a.png").exists)
            (row,) = rows(station)
            assert row.entry.verdict == "not inspected"
            assert "a.png" in row.entry.body["views"][0]["error"]

    run(work())


def test_files_that_are_kept_are_judged_once_also_after_a_restart(line, run):
    line.watch('after = "keep"')
    line.bring(line.good(), "a.png")

    async def work():
        for _ in range(2):
            station = line.station()
            async with station.running():
                await until(lambda station=station: len(rows(station)) == 1)
                await asyncio.sleep(0.2)
                assert names(station) == ["a.png"]
        line.bring(line.bad(), "a.png")  # another image of that name
        station = line.station()
        async with station.running():
            await until(lambda: names(station) == ["a.png", "a.png"])

    run(work())


def test_files_may_be_deleted_but_for_those_that_were_not_inspected(line, run):
    line.watch('after = "delete"\nwhole_seconds = 0')
    good, torn = line.bring(line.good(), "a.png"), line.bring(b"torn", "b.png")

    async def work():
        station = line.station()
        async with station.running():
            await until(lambda: not good.exists() and not torn.exists())
        left = [path.name for path in (line.folder / "in").rglob("*.png")]
        assert left == ["b.png"]

    run(work())


def test_files_of_one_name_are_all_kept_when_they_are_put_away(line, run):
    line.watch()

    async def work():
        station = line.station()
        async with station.running():
            for count in range(1, 4):
                line.bring(line.good(), "a.png")
                await until(lambda count=count: len(rows(station)) == count)
                await until(lambda: not (line.folder / "in/a.png").exists())
        assert len(list((line.folder / "in/judged/good").iterdir())) == 3

    run(work())


def test_an_image_that_takes_the_place_of_one_being_judged_is_judged_as_well(line, run):
    line.watch()
    line.bring(line.good(), "a.png")

    async def work():
        station = line.station()
        put_away = station.sources["top"]._move

        def replaced(path, identity, row):
            if row.entry.verdict == "good" and path.read_bytes() == line.good():
                line.bring(line.bad(), "a.png")
            put_away(path, identity, row)

        station.sources["top"]._move = replaced
        async with station.running():
            await until(lambda: len(rows(station)) == 2)
            assert [row.entry.verdict for row in rows(station)] == ["defect", "good"]
            await until((line.folder / "in/judged/bad/a.png").exists)

    run(work())


def test_a_file_that_cannot_be_put_away_is_judged_once_and_put_away_later(line, run, monkeypatch):
    monkeypatch.setattr("blemish.station.sources.folder.AGAIN_SECONDS", 0.05)
    line.watch()
    path, tries = line.bring(line.good(), "a.png"), []

    async def work():
        station = line.station()
        put_away = station.sources["top"]._move

        def often_fails(*values):
            tries.append(values)
            if len(tries) < 4:
                raise OSError(28, "No space left on device")
            put_away(*values)

        station.sources["top"]._move = often_fails
        async with station.running():
            await until(lambda: not path.exists())
            assert names(station) == ["a.png"]

    run(work())


def test_a_folder_that_goes_away_and_comes_back_is_watched_again(line, run):
    line.watch()

    async def work():
        station = line.station()
        async with station.running():
            await until(lambda: station.status()["alive"])
            shutil.rmtree(line.folder / "in")
            (line.folder / "in").write_text("no folder")
            await until(lambda: not station.sources["top"].health.ready)
            (line.folder / "in").unlink()
            line.bring(line.good(), "a.png")
            await until(lambda: names(station) == ["a.png"])

    run(work())


def test_names_tell_parts(line, run):
    line.watch("part = '(\\d+)_'")
    line.bring(line.good(), "4711_top.png")

    async def work():
        station = line.station()
        async with station.running():
            await until(lambda: rows(station))
            assert rows(station)[0].entry.part == "4711"

    run(work())


def test_names_that_are_no_text_are_judged_as_well(line, run):
    line.watch()
    (line.folder / "in").mkdir()
    path = line.folder / "in" / os.fsdecode(b"\xff.png")
    path.write_bytes(line.good())

    async def work():
        station = line.station()
        async with station.running():
            await until(lambda: names(station) == ["\\xff.png"])

    run(work())


def test_a_folder_takes_no_trigger(line, run):
    line.watch()

    async def work():
        station = line.station()
        async with station.running():
            with pytest.raises(UsageError, match="no trigger"):
                await station.trigger("top", who="Ada")

    run(work())


@pytest.mark.parametrize("part", ["(", "no group", "(a)(b)"])
def test_a_wrong_pattern_for_parts_is_refused(part):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"folder": "x", "part": part}, FolderSettings, dec_hook=lambda t, v: t(v))


def test_files_that_are_no_images_are_told(line, run):
    line.watch()
    line.bring(b"GIF89a", "x.gif")

    async def work():
        station = line.station()
        async with station.running():
            health = station.sources["top"].health
            await until(lambda: health.counts.get("no images") == 1)
            assert "x.gif" in health.told
            assert health.ready

    run(work())


def test_a_link_that_leads_out_of_the_folder_is_not_inspected_and_not_read(line, run):
    line.watch()
    secret = line.folder / "secret.png"
    secret.write_bytes(line.good())
    (line.folder / "in").mkdir()
    (line.folder / "in" / "a.png").symlink_to(secret)

    async def work():
        station = line.station()
        async with station.running():
            await until(lambda: rows(station))
            (row,) = rows(station)
            assert row.entry.verdict == "not inspected"
            assert "outside" in row.entry.body["views"][0]["error"]
            assert row.entry.image_sha256 is None

    run(work())
    assert secret.read_bytes() == line.good()


def test_a_folder_that_another_station_watches_is_not_taken(line, run):
    line.watch()
    line.bring(line.good(), "a.png")

    async def work():
        station = line.station()
        with held(line.folder / "in", busy="busy"):
            async with station.running():
                health = station.sources["top"].health
                await until(lambda: "another station" in health.told)
                assert not health.ready
                assert not rows(station)
        again = line.station()
        async with again.running():
            await until(lambda: rows(again))

    run(work())


def test_a_name_that_is_no_text_is_spelled(line, run):
    line.watch("part = '^(.+)_'")
    name = os.fsdecode(b"\xff1_a.png")
    try:
        line.bring(line.good(), name)
    except OSError:
        pytest.skip("This disk knows only names that are text.")

    async def work():
        station = line.station()
        async with station.running():
            await until(lambda: rows(station))
            (row,) = rows(station)
            assert (row.entry.part, row.entry.verdict) == ("\\xff1", "good")

    run(work())


def test_files_of_two_cameras_are_one_part_by_their_times(line, run):
    """A camera lost an image of a backlog: the parts after it keep their own images."""
    cameras = "".join(
        f'[[camera]]\nname = "{name}"\nkind = "folder"\nfolder = "{name}"\n'
        "settle_seconds = 0\npoll_seconds = 0.02\n"
        for name in ("a", "b")
    )
    line.write("", (), extra=cameras, tile='model = "tile.onnx"\nwait_seconds = 0.5')
    for camera, parts in (("a", range(6)), ("b", (0, 2, 3, 4, 5))):
        (line.folder / camera).mkdir()
        for part in parts:
            crack = (camera, part) == ("b", 4)
            path = line.folder / camera / f"p{part}.png"
            path.write_bytes(line.bad() if crack else line.good())
            os.utime(path, (1_700_000_000 + 10 * part,) * 2)

    async def work():
        station = line.station()
        async with station.running():
            await until(lambda: len(rows(station)) == 6)
            return rows(station)

    found = {}
    for row in run(work()):
        shown = sorted({view["name"] for view in row.entry.body["views"]})
        assert len(shown) == 1
        found[shown[0]] = row.entry.verdict
    assert {found[f"p{part}.png"] for part in (0, 2, 3, 5)} == {"good"}
    assert (found["p1.png"], found["p4.png"]) == ("not inspected", "defect")
