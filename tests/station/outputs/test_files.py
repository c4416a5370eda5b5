"""Pictures of inspections: which are kept, found again, and make room."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from blemish.images.read import read_image
from blemish.ledger.entry import Kind
from blemish.ledger.query import Query
from blemish.station.contracts import Frame
from stations import until


def files(more=""):
    return f'[[output]]\nname = "kept"\nkind = "files"\n{more}\n'


def frame(content=None, **values):
    return Frame("top", datetime.now(UTC), content=content, **values)


def image_of(station, row, what="image"):
    return station.pictures.path_of(row.entry.body["id"], "top", what)


def test_rejects_are_kept_as_they_came_with_a_drawing(line, run):
    line.write(extra=files())

    async def work():
        station = line.station()
        async with station.running():
            good = await station.submit(frame(line.good()))
            bad = await station.submit(frame(line.bad()))
            await until(lambda: image_of(station, bad, "overlay"))
            assert image_of(station, bad).read_bytes() == line.bad()
            assert read_image(image_of(station, bad, "overlay")).shape == (64, 64, 3)
            assert image_of(station, bad, "map") is None
            assert image_of(station, good) is None

    run(work())


def test_pixels_without_a_file_are_kept_without_loss(line, run):
    line.write(extra=files('of = "all"\nkeep = ["image", "map"]'))
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    deep = pixels.astype(np.uint16) * 257

    async def work():
        station = line.station()
        async with station.running():
            for image in (pixels, deep):
                row = await station.submit(frame(pixels=image))
                await until(lambda row=row: image_of(station, row))
                path = image_of(station, row)
                assert (read_image(path) == image).all()

    run(work())


def test_the_oldest_go_where_there_is_no_room(line, run):
    line.write(extra=files('of = "all"\nkeep = ["image"]\nmost_bytes = 1_000_000'))
    noise = np.random.default_rng(0).integers(0, 255, (512, 512, 3)).astype(np.uint8)

    async def work():
        station = line.station()
        async with station.running():
            rows = [await station.submit(frame(pixels=noise)) for _ in range(3)]
            health = station.outputs["kept"].health
            await until(lambda: health.counts.get("kept") == 3)
            await until(lambda: health.counts.get("removed") == 2)
        left = [image_of(station, row) for row in rows]
        assert [path is not None for path in left] == [False, False, True]

    run(work())


def test_a_full_disk_takes_no_verdict_along(line, run, monkeypatch):
    line.write(outputs=("screen",), extra=files('of = "all"'))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("blemish.station.pictures.Pictures.keep", full)

    async def work():
        station = line.station()
        async with station.running():
            await station.submit(frame(line.good()))
            await until(lambda: "good" in station.outputs["screen"].verdicts)
            health = station.outputs["kept"].health
            await until(lambda: health.counts.get("lost"))
            assert "No space left" in health.told
        again = line.station()
        assert len(again.ledger.rows(Query(kinds={Kind.INSPECTION}), most=9)) == 1
        again.ledger.close()

    run(work())


@pytest.mark.parametrize(
    ("inspection", "camera"),
    [("../../etc", "top"), ("0" * 32, "../top"), ("0" * 32, "*"), ("f" * 32, "top"), ("", "")],
)
def test_a_picture_is_never_looked_for_elsewhere(line, inspection, camera):
    station = line.station()
    assert station.pictures.path_of(inspection, camera, "image") is None
    station.ledger.close()
