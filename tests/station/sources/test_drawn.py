"""A camera that draws."""

import asyncio
from typing import get_args

import msgspec
import numpy as np
import pytest

from blemish.station.sources.drawn import Category, Drawn, DrawnSettings
from blemish.surfaces.drawing import SURFACES


def taken(source, count, seconds=20):
    async def take():
        frames = []
        async for frame in source.frames():
            frames.append(frame)
            if len(frames) == count:
                break
        return frames

    return asyncio.run(asyncio.wait_for(take(), seconds))


def made(**settings):
    return Drawn("drawn", DrawnSettings(size_px=64, **settings), None)


def test_the_categories_are_those_that_can_be_drawn():
    assert set(get_args(Category)) == set(SURFACES)


def test_the_same_settings_give_the_same_images_with_the_share_of_defects():
    first, again = (taken(made(interval_seconds=0.001, defects=0.5), 12) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
    assert first[0].pixels.shape == (64, 64, 3)
    assert len({frame.name for frame in first}) == 12
    assert 0 < sum("/good/" in frame.name for frame in first) < 12
    assert all(frame.time.tzinfo is not None for frame in first)


def test_without_an_interval_it_draws_when_triggered_with_the_part():
    source = made(interval_seconds=None)

    async def tried():
        frames = source.frames()
        await source.trigger("A1")
        await source.trigger("A2")
        return [await anext(frames), await anext(frames)]

    assert [frame.part for frame in asyncio.run(tried())] == ["A1", "A2"]
    assert source.health.counts == {"frames": 2}


@pytest.mark.parametrize(
    "wrong", [{"category": "wood"}, {"interval_seconds": 0}, {"defects": 2}, {"sized": 1}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, DrawnSettings)
