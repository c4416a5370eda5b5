"""Triggers by MQTT, with a mosquitto."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from blemish.errors import UsageError
from brokers import BROKER, Broker
from station_outputs import context, until

paho = pytest.importorskip("paho.mqtt.client", reason="needs the extra 'station'")

from blemish.station.sources.mqtt_trigger import (  # noqa: E402
    LONGEST,
    MOST_BYTES,
    MqttTrigger,
    MqttTriggerSettings,
    part_of,
)

needs_broker = pytest.mark.skipif(BROKER is None, reason="mosquitto is not installed")
TOPIC = "line3/trigger"


@pytest.mark.parametrize(
    ("payload", "part"),
    [
        (b"", None),
        (b"  \n", None),
        (b"4711-1", "4711-1"),
        (b'{"part": "4711-1", "more": [1]}', "4711-1"),
        (b'{"part": 4711}', "4711"),
        (b"{}", None),
        (b'{"part": null}', None),
        ("Gehäuse 7".encode(), "Gehäuse 7"),
    ],
)
def test_a_message_names_a_part_or_none(payload, part):
    assert part_of(payload) == part


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff\xfe",
        b'{"part": ',
        b'{"part": ["x"]}',
        b'{"part": true}',
        b"x" * (LONGEST + 1),
        b" " * (MOST_BYTES + 1),
        b'{"part": NaN}',
        b"{" * 1000,
    ],
)
def test_what_is_no_trigger_is_refused(payload):
    with pytest.raises(UsageError):
        part_of(payload)


def made(port, **more):
    given = context()
    values = {"host": "127.0.0.1", "port": port, "topic": TOPIC, "cameras": ["top", "side"], **more}
    source = MqttTrigger("plc", msgspec.convert(values, MqttTriggerSettings), given)
    return source, given


@asynccontextmanager
async def at_work(source):
    async def listen():
        async for _ in source.frames():
            raise AssertionError("it gives no frames")

    task = asyncio.create_task(listen())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def sender(port):
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    await asyncio.to_thread(client.connect, "127.0.0.1", port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)


def send(client, payload, *, retain=False):
    client.publish(TOPIC, payload, qos=1, retain=retain).wait_for_publish(20)


@pytest.fixture
def broker(tmp_path):
    made = Broker(tmp_path, "allow_anonymous true")
    made.start()
    yield made
    made.stop()


@needs_broker
def test_each_message_triggers_all_its_cameras_with_the_part(broker, run):
    source, given = made(broker.port)

    async def work():
        async with at_work(source), sender(broker.port) as client:
            await until(lambda: source.health.ready)
            for payload in (b"A-1", b'{"part": "A-2"}', b"\xff", b""):
                await asyncio.to_thread(send, client, payload)
            await until(lambda: len(given.station.asked) == 6)

    run(work())
    assert given.station.asked == [
        ("trigger", camera, part) for part in ("A-1", "A-2", None) for camera in ("top", "side")
    ]
    assert source.health.counts == {"triggers": 4, "refused": 1}
    assert len(given.said) == 1


@needs_broker
def test_messages_from_before_are_no_triggers(broker, run):
    source, given = made(broker.port)

    async def work():
        async with sender(broker.port) as client:
            await asyncio.to_thread(send, client, b"old", retain=True)
            async with at_work(source):
                await until(lambda: source.health.ready)
                await asyncio.to_thread(send, client, b"new")
                await until(lambda: len(given.station.asked) == 2)

    run(work())
    assert {part for _, _, part in given.station.asked} == {"new"}


@needs_broker
def test_a_broker_that_goes_is_told_and_found_again(broker, run):
    source, given = made(broker.port)

    async def work():
        async with at_work(source):
            await until(lambda: source.health.ready)
            await asyncio.to_thread(broker.stop)
            await until(lambda: not source.health.ready)
            await asyncio.to_thread(broker.start)
            await until(lambda: source.health.ready)
            async with sender(broker.port) as client:
                await asyncio.to_thread(send, client, b"A-3")
                await until(lambda: given.station.asked)

    run(work())
    assert source.health.counts["reconnects"] >= 1


def test_it_names_a_camera_at_least():
    with pytest.raises(msgspec.ValidationError):
        made(1, cameras=[])
