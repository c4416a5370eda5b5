"""Images of several cameras become parts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from blemish.station.assembler import Assembler
from blemish.station.contracts import Frame
from blemish.station.recipe import Recipe

TWO = Recipe(model="m.onnx", name="two", cameras=("top", "side"), wait_seconds=0.05)
OTHER = Recipe(model="m.onnx", name="other", cameras=("top", "side"), wait_seconds=0.05)
START = datetime(2026, 1, 1, tzinfo=UTC)


def assembled(run, images, *, end=0.0):
    """Parts as they are complete, of frames with their recipes; a number is a pause in seconds."""

    async def work():
        complete = []
        assembler = Assembler(complete.append)
        for image in images:
            if isinstance(image, float):
                await asyncio.sleep(image)
                continue
            frame, recipe = image
            assembler.place(frame, recipe, asyncio.get_running_loop().create_future())
        await asyncio.sleep(end)
        assembler.close_all()
        return complete

    return run(work())


def placed(run, *images):
    """Parts as they are complete: ids, and cameras; with `?` where it is not sure."""
    items, time = [], START
    for camera, part, *recipe in images:
        if camera == "wait":
            items.append(0.1)
            time += timedelta(seconds=0.1)
        else:
            items.append((Frame(camera, time, part=part), recipe[0] if recipe else TWO))
    return [
        (part.part, "+".join(part.views) + ("?" if part.doubt else ""))
        for part in assembled(run, items)
    ]


@pytest.mark.parametrize(
    ("images", "parts"),
    [
        ([("top", "1"), ("side", "1")], [("1", "top+side")]),
        ([("top", "1"), ("top", "2"), ("side", "2"), ("side", "1")],
         [("2", "top+side"), ("1", "top+side")]),
        ([("top", None), ("side", None), ("wait", None), ("side", None), ("top", None)],
         [(None, "top+side"), (None, "side+top")]),
        ([("top", None), ("side", None), ("side", None), ("top", None)],
         [(None, "top+side"), (None, "side?"), (None, "top?")]),
        ([("top", None), ("top", None), ("side", None)],
         [(None, "top?"), (None, "top?"), (None, "side?")]),
        ([("top", None), ("wait", None), ("side", None)], [(None, "top"), (None, "side")]),
        ([("top", "1"), ("side", None)], [("1", "top+side")]),
        ([("top", None), ("side", "1")], [("1", "top+side")]),
        ([("top", "1"), ("top", "2"), ("side", None)],
         [("1", "top?"), ("2", "top?"), (None, "side?")]),
        ([("top", "1"), ("top", "1"), ("side", "1")], [("1", "top"), ("1", "top+side")]),
        ([("top", "1"), ("side", "1", OTHER)], [("1", "top"), ("1", "side")]),
    ],
)  # fmt: skip
def test_images_are_put_together(run, images, parts):
    assert placed(run, *images) == parts


def ordered(order, top, side):
    """Images as they come: all of one camera first, or by turns."""
    tops, sides = [("top", one) for one in top], [("side", one) for one in side]
    if order == "top first":
        return tops + sides
    if order == "side first":
        return sides + tops
    turns = [one for pair in zip(tops, sides, strict=False) for one in pair]
    return turns + tops[len(sides) :] + sides[len(tops) :]


@pytest.mark.parametrize("order", ["top first", "side first", "by turns"])
@pytest.mark.parametrize(
    ("top", "side", "sure"),
    [
        ([0, 10, 20, 30, 40, 50], [0, 20, 30, 40, 50], {0, 20, 30, 40, 50}),
        ([0, 20, 30], [0, 10, 20, 30], {0, 20, 30}),
        ([0, 10], [0.04, 10.04], {0, 10}),
        ([0, 10], [0.06, 10.04], {10}),
        ([0, 0.03, 0.06], [0, 0.06], set()),  # bursts: an image between two others is of either
        ([0, 0.03, 10], [0.03, 10], {10}),
        ([0, 0.03, 10], [0, 10, 10.03], set()),
        ([0, 0.04], [0.02], set()),
        ([0, 0.08], [0.04], set()),
        ([0], [0, 0], set()),
    ],
)
def test_of_a_backlog_only_images_taken_at_the_same_time_are_one_part(run, order, top, side, sure):
    """Times in seconds; parts that may be good are those of `sure`, by their image of `top`."""
    images = [
        (
            Frame(camera, datetime.now(UTC), taken=START + timedelta(seconds=at), name=str(at)),
            TWO,
        )
        for camera, at in ordered(order, top, side)
    ]
    parts = assembled(run, images, end=0.15)
    good = [part for part in parts if part.complete and part.doubt is None]
    times = [{frame.camera: float(frame.name) for frame in part.frames} for part in good]
    assert {pair["top"] for pair in times} == sure
    assert all(abs(pair["top"] - pair["side"]) <= 0.05 for pair in times)
    assert sum(len(part.frames) for part in parts) == len(top) + len(side)


def test_what_is_not_sure_yet_when_the_station_ends_is_not_inspected(run):
    images = [(Frame(camera, START, taken=START), TWO) for camera in ("top", "side")]
    (part,) = assembled(run, images)
    assert part.complete
    assert "ended before" in part.doubt
