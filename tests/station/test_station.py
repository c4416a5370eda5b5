"""A station from end to end: images in, rows and answers out."""

from __future__ import annotations

from blemish.ledger.entry import Kind
from blemish.ledger.query import Query

PARTS = Query(kinds={Kind.INSPECTION})


def test_images_of_a_folder_are_judged_recorded_and_sorted(line, run, until):
    line.bring(line.good(), "a.png")
    line.bring(line.bad(), "b.png")

    async def work():
        station = line.station()
        async with station.running():
            await until(lambda: len(list(line.inbox.rglob("judged/*/*.png"))) == 2)
            return station.ledger.rows(PARTS, most=9)

    rows = run(work())
    assert {row.entry.body["views"][0]["name"]: row.entry.verdict for row in rows} == {
        "a.png": "good",
        "b.png": "defect",
    }
    assert (line.inbox / "top/judged/good/a.png").read_bytes() == line.good()
    assert (line.inbox / "top/judged/bad/b.png").read_bytes() == line.bad()
