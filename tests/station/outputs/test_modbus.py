"""Modbus TCP, read by pymodbus' own client."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager

import pytest

from blemish.result import Verdict
from station_outputs import Running, context, inspection, until

pytest.importorskip("pymodbus", reason="needs the extra 'station'")

from pymodbus.client import AsyncModbusTcpClient

from blemish.station.outputs.display import PATIENCE_S
from blemish.station.outputs.modbus import Modbus, ModbusSettings
from blemish.station.outputs.modbus_map import COMMANDS, STATUS, read, size

ACKNOWLEDGE, RECIPE, TRIGGER, PART = (field.address for field in COMMANDS)


@asynccontextmanager
async def served(**settings):
    """An output at work, its context, and a client that is connected to it."""
    about = context()
    output = Modbus("plc", ModbusSettings(port=0, **settings), about)
    async with Running(output):
        client = AsyncModbusTcpClient("127.0.0.1", port=output.port, timeout=5)
        assert await client.connect()
        try:
            yield output, client, about
        finally:
            client.close()


async def status(client, function="read_input_registers"):
    answer = await getattr(client, function)(0, count=size(STATUS))
    assert not answer.isError()
    return read(STATUS, answer.registers)


async def write(client, address, *values):
    """As both functions do it; whether the output took it."""
    write = client.write_registers if len(values) > 1 else client.write_register
    return not (await write(address, list(values) if len(values) > 1 else values[0])).isError()


async def test_a_result_can_be_read():
    async with served(recipes={"tile": 7}) as (output, client, _):
        await output.alive(41, {"recipe": "tile"})
        await output.show(inspection(Verdict.DEFECT, 2.75, part="Teil-ß", threshold=2.5))
        for function in ("read_input_registers", "read_holding_registers"):
            said = await status(client, function)
            assert said["number"] == said["number_again"] == 1
            assert (said["outcome"], said["score"], said["threshold"]) == (2, 2.75, 2.5)
            assert (said["part"], said["recipe_name"], said["recipe_number"]) == (
                "Teil-ß",
                "tile",
                7,
            )
            assert (said["heartbeat"], said["defect"], said["good"]) == (41, 1, 0)


async def test_nothing_is_good_before_the_first_part_nor_without_a_heartbeat():
    async with served() as (output, client, _):
        said = await status(client)
        assert (said["number"], said["outcome"], said["heartbeat"]) == (0, 0, 0)
        assert math.isnan(said["score"])
        await output.show(inspection())  # before any heartbeat
        said = await status(client)
        assert (said["number"], said["outcome"], said["not_inspected"]) == (1, 0, 1)


async def test_a_verdict_is_withdrawn_when_the_heartbeat_stops():
    async with served() as (output, client, _):
        now = [0.0]
        output._display._clock = lambda: now[0]
        await output.alive(1, {})
        await output.show(inspection())
        assert (await status(client))["outcome"] == 1
        now[0] = PATIENCE_S
        await until(lambda: output._display.shown.outcome != "good", "the end of the verdict")
        said = await status(client)
        assert (said["outcome"], said["number"], said["heartbeat"]) == (0, 1, 1)


async def test_a_verdict_that_was_acknowledged_is_withdrawn():
    async with served() as (output, client, _):
        await output.alive(1, {})
        await output.show(inspection())
        assert await write(client, ACKNOWLEDGE, 9)  # of another result
        assert (await status(client))["outcome"] == 1
        assert await write(client, ACKNOWLEDGE, 1)
        said = await status(client)
        assert (said["outcome"], said["acknowledged"], said["number"]) == (0, 1, 1)
        await output.show(inspection())
        said = await status(client)
        assert (said["outcome"], said["acknowledged"], said["number"]) == (1, 1, 2)


async def test_results_cannot_be_written():
    async with served() as (output, client, _):
        await output.alive(1, {})
        await output.show(inspection(Verdict.DEFECT))
        for write in (
            client.write_register(2, 1),
            client.write_registers(0, [1] * 69),
            client.write_coils(2, [True] * 16),
            client.write_coil(2, True),
            client.mask_write_register(address=2, and_mask=0, or_mask=1),
            client.readwrite_registers(read_address=0, read_count=1, write_address=2, values=[1]),
        ):
            assert (await write).isError()
        assert (await client.read_input_registers(50, count=60)).isError()
        assert (await status(client))["outcome"] == 2


async def test_a_recipe_is_switched_by_its_number():
    async with served(recipes={"tile": 1, "leather": 2, "gone": 3}) as (output, client, about):
        assert await write(client, RECIPE, 2)
        await until(lambda: output._asked["recipe_answer"] == 2, "the switch")
        assert about.station.asked == [("switch", "leather", "plc")]
        assert not await write(client, RECIPE, 4)
        assert await write(client, RECIPE, 3)
        await until(lambda: output._asked["recipe_answer"] == 3, "the refusal")
        assert "no recipe 'gone'" in about.said[0]
        assert len(about.station.asked) == 1


async def test_a_camera_is_triggered_once_a_number():
    async with served(camera="top") as (_, client, about):
        part = [int.from_bytes(pair, "big") for pair in (b"B-", b"17")] + [0] * 30
        assert await write(client, TRIGGER, 5, *part)
        assert await write(client, TRIGGER, 5)
        assert await write(client, TRIGGER, 0)
        assert (await status(client))["trigger_done"] == 5
        assert await write(client, TRIGGER, 6)
        assert (await status(client))["trigger_done"] == 6
        assert about.station.asked == [("trigger", "top", "B-17"), ("trigger", "top", "B-17")]


async def test_what_the_site_file_does_not_allow_is_refused():
    async with served() as (_, client, about):
        assert not await write(client, TRIGGER, 1)
        assert not await write(client, RECIPE, 1)
        assert about.station.asked == []


async def test_no_reader_sees_a_number_with_the_verdict_of_another():
    """Odd numbers are good, with their number as score; readers look all the time."""
    async with served() as (output, _, _):
        seen = set()
        done = asyncio.Event()

        async def hammer():
            client = AsyncModbusTcpClient("127.0.0.1", port=output.port, timeout=10)
            assert await client.connect()
            while not done.is_set():
                said = await status(client)
                number = said["number"]
                assert number == said["number_again"]
                if number:
                    assert said["outcome"] == (1 if number % 2 else 2)
                    assert (said["score"], said["part"]) == (number, f"part {number}")
                    assert said["good"] + said["defect"] == number
                seen.add(number)
            client.close()

        await output.alive(1, {})
        readers = [asyncio.create_task(hammer()) for _ in range(4)]
        for number in range(1, 1501):
            await output.show(
                inspection(
                    Verdict.GOOD if number % 2 else Verdict.DEFECT,
                    float(number),
                    part=f"part {number}",
                )
            )
            await asyncio.sleep(0)
            if number % 100 == 0:
                await output.alive(number, {})
        done.set()
        await asyncio.gather(*readers)
        assert len(seen) > 100


async def test_at_the_end_the_connection_ends_and_the_port_is_free_again():
    output = Modbus("plc", ModbusSettings(port=0), context())
    async with Running(output):
        await output.alive(1, {})
        await output.show(inspection())
        port = output.port
        client = AsyncModbusTcpClient(
            "127.0.0.1", port=port, timeout=1, retries=0, reconnect_delay=0
        )
        assert await client.connect()
    await until(lambda: not client.connected, "the end of the connection")
    assert output._registers[2] == 0
    again = Modbus("plc", ModbusSettings(port=port), context())
    async with Running(again):
        with pytest.raises(Exception, match="is the port taken"):
            async with Running(Modbus("other", ModbusSettings(port=port), context())):
                pass


async def test_what_goes_wrong_shows_nothing_good(monkeypatch):
    async with served() as (output, client, _):
        await output.alive(1, {})
        await output.show(inspection())
        broken = inspection()
        object.__setattr__(broken, "views", None)
        with pytest.raises(TypeError):
            await output.show(broken)
        assert (await status(client))["outcome"] == 0


async def test_garbage_does_not_stop_the_server():
    async with served() as (output, client, _):
        for garbage in (b"GET / HTTP/1.0\r\n\r\n", b"\0" * 300, bytes(range(256)) * 4):
            _, writer = await asyncio.open_connection("127.0.0.1", output.port)
            writer.write(garbage)
            await writer.drain()
            writer.close()
        assert (await status(client))["version"] == 1
