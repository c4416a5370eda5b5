"""Images of several cameras become parts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from blemish.station.assembler import Assembler
from blemish.station.contracts import Frame
from blemish.station.recipe import Recipe

TWO = Recipe(model="m.onnx", name="two", cameras=("top", "side"), wait_seconds=0.05)
OTHER = Recipe(model="m.onnx", name="other", cameras=("top", "side"), wait_seconds=0.05)


def placed(run, *images):
    """Parts as they are complete: their ids, and cameras."""

    async def work():
        complete = []
        assembler = Assembler(complete.append)
        for camera, part, *recipe in images:
            if camera == "wait":
                await asyncio.sleep(0.1)
                continue
            view = asyncio.get_running_loop().create_future()
            frame = Frame(camera, datetime.now(UTC), part=part)
            assembler.place(frame, recipe[0] if recipe else TWO, view)
        assembler.close_all()
        return [(part.part, "+".join(part.views)) for part in complete]

    return run(work())


@pytest.mark.parametrize(
    ("images", "parts"),
    [
        ([("top", "1"), ("side", "1")], [("1", "top+side")]),
        ([("top", "1"), ("top", "2"), ("side", "2"), ("side", "1")],
         [("2", "top+side"), ("1", "top+side")]),
        ([("top", None), ("side", None), ("side", None), ("top", None)],
         [(None, "top+side"), (None, "side+top")]),
        ([("top", None), ("top", None), ("side", None)], [(None, "top"), (None, "top+side")]),
        ([("top", None), ("wait", None), ("side", None)], [(None, "top"), (None, "side")]),
        ([("top", "1"), ("side", None)], [("1", "top+side")]),
        ([("top", None), ("side", "1")], [("1", "top+side")]),
        ([("top", "1"), ("top", "1"), ("side", "1")], [("1", "top"), ("1", "top+side")]),
        ([("top", "1"), ("side", "1", OTHER)], [("1", "top"), ("1", "side")]),
    ],
)  # fmt: skip
def test_images_are_put_together(run, images, parts):
    assert placed(run, *images) == parts
