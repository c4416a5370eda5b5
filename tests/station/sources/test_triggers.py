"""Ticks and triggers."""

import asyncio

import pytest

from blemish.serving.waiting import BusyError
from blemish.station.sources.triggers import MOST_WAITING, Triggers


def soon(awaitable, seconds=10):
    return asyncio.run(asyncio.wait_for(awaitable, seconds))


def test_without_an_interval_only_what_is_told_comes_in_order():
    async def tried():
        triggers = Triggers()
        triggers.tell("one")
        triggers.tell("two")
        first = [await triggers.next(), await triggers.next()]
        later = asyncio.create_task(triggers.next())
        await asyncio.sleep(0.02)
        assert not later.done()
        triggers.tell("three")
        return [*first, await later]

    found = soon(tried())
    assert [trigger.part for trigger in found] == ["one", "two", "three"]
    assert all(trigger.told for trigger in found)


def test_a_trigger_does_not_wait_for_the_next_tick():
    async def tried():
        triggers = Triggers(3600)
        first = await triggers.next()
        waits = asyncio.create_task(triggers.next())
        await asyncio.sleep(0)
        triggers.tell("now")
        return first, await waits

    tick, told = soon(tried())
    assert (tick.told, tick.part) == (False, None)
    assert (told.told, told.part) == (True, "now")


def test_ticks_that_nobody_waited_for_are_not_caught_up_on():
    async def tried():
        triggers = Triggers(0.05)
        await triggers.next()
        await asyncio.sleep(0.3)
        ticks = 0
        end = asyncio.get_running_loop().time() + 0.02
        while asyncio.get_running_loop().time() < end and ticks < 9:
            try:
                await asyncio.wait_for(triggers.next(), 0.01)
            except TimeoutError:
                break
            ticks += 1
        return ticks

    assert soon(tried()) <= 2


def test_too_many_that_wait_are_refused_and_those_before_stay():
    async def tried():
        triggers = Triggers()
        for number in range(MOST_WAITING):
            triggers.tell(str(number))
        with pytest.raises(BusyError, match="wait for an image"):
            triggers.tell("late")
        return [(await triggers.next()).part for _ in range(MOST_WAITING)]

    assert soon(tried()) == [str(number) for number in range(MOST_WAITING)]
