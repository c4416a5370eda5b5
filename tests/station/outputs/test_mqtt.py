"""MQTT, by a mosquitto that the tests start, stop and start again."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys

import pytest

from blemish.errors import UsageError
from blemish.result import Verdict
from blemish.station.outputs.display import PATIENCE_S
from brokers import TOPIC, Broker, Listener, free_port, listening, needs_broker
from certificates import self_signed
from station_outputs import WAIT_S, Running, context, inspection, row, until

paho = pytest.importorskip("paho.mqtt.client", reason="needs the extra 'station'")
mqtt = pytest.importorskip("blemish.station.outputs.mqtt")
mqtt_connection = pytest.importorskip("blemish.station.outputs.mqtt_connection")
Mqtt, MqttSettings = mqtt.Mqtt, mqtt_connection.MqttSettings


@pytest.fixture
def broker(tmp_path):
    made = Broker(tmp_path, "allow_anonymous true")
    made.start()
    yield made
    made.stop()


def output_to(broker, **settings):
    return Mqtt(
        "mqtt", MqttSettings(host="127.0.0.1", port=broker.port, topic=TOPIC, **settings), context()
    )


@needs_broker
@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_rows_are_published_once_and_counted_when_the_broker_has_them(broker, version):
    with listening(broker) as listener:
        async with Running(output_to(broker, version=version)) as output:
            rows = [row(number) for number in range(1, 51)]
            await output.deliver(rows)
            assert output._delivered == 50
            await until(lambda: len(listener.rows) == 50, "the last row")
            assert listener.rows == list(range(1, 51))
            first = listener.heard[f"{TOPIC}/inspection"][0]
            assert (first["schema"], first["qos"]) == ("blemish/row/1", 1)
            assert first["id"] == rows[0].entry.key


@needs_broker
async def test_a_broker_that_is_away_loses_nothing(broker, monkeypatch):
    monkeypatch.setattr(mqtt, "LATEST_S", 0.5)
    async with Running(output_to(broker)) as output:
        await output.deliver([row(1), row(2)])
        broker.stop()
        await until(lambda: not output.health.ready, "the loss")
        for _ in range(50):  # as the station tries again and again
            with pytest.raises(OSError, match=r"broker|connect"):
                await output.deliver([row(3), row(4)])
            await output.alive(1, {})
            await output.show(inspection())
        broker.start()
        with listening(broker) as listener:
            await until(lambda: output.health.ready, "the return")
            await output.deliver([row(3), row(4)])
            await output.deliver([row(5)])
            await until(lambda: len(listener.rows) >= 3, "the rows")
            assert listener.rows == [3, 4, 5]
            assert len(listener.heard[f"{TOPIC}/state"]) < 5  # what was is not told later


@needs_broker
async def test_a_broker_that_ends_while_rows_are_on_their_way_gets_them_again(broker, monkeypatch):
    monkeypatch.setattr(mqtt, "LATEST_S", 0.5)
    heard, cursor, rows = set(), 0, [row(number) for number in range(1, 401)]
    listener = Listener(broker.port)
    async with Running(output_to(broker)) as output:
        ends = asyncio.create_task(asyncio.to_thread(broker.stop))
        while cursor < len(rows):
            some = rows[cursor : cursor + 50]
            try:
                await output.deliver(some)
            except OSError:
                heard.update(listener.rows)
                listener.close()
                await ends
                if broker._process is None:
                    broker.start()
                listener = Listener(broker.port)
                await until(lambda: output.health.ready, "the return")
            else:
                cursor += len(some)
        await until(lambda: 400 in listener.rows, "the last row")
    heard.update(listener.rows)
    listener.close()
    assert output._delivered == 400
    assert heard >= set(range(301, 401))


@needs_broker
async def test_the_state_is_retained_and_good_only_while_alive(broker):
    async with Running(output_to(broker)) as output:
        with listening(broker) as listener:
            await until(lambda: listener.state, "the first state")
            assert (listener.state["alive"], listener.state["verdict"]) == (False, "not inspected")
        now = [0.0]
        output._display._clock = lambda: now[0]
        await output.alive(1, {"recipe": "tile"})
        await output.show(inspection(Verdict.GOOD, 1.25, part="A-9"))
        await asyncio.sleep(0.1)
        with listening(broker) as late:
            await until(lambda: late.state, "the retained state")
            assert (late.state["verdict"], late.state["part"], late.state["score"]) == (
                "good",
                "A-9",
                1.25,
            )
            assert late.state["retained"]
            now[0] = PATIENCE_S  # the heartbeat stops
            await until(lambda: not late.state["alive"], "the withdrawal")
            assert late.state["verdict"] == "not inspected"


@needs_broker
async def test_at_the_end_the_state_says_that_nothing_is_inspected(broker):
    with listening(broker) as listener:
        async with Running(output_to(broker)) as output:
            await output.alive(1, {})
            await output.show(inspection())
            await until(lambda: listener.state.get("verdict") == "good", "the verdict")
        await until(lambda: listener.state["verdict"] != "good", "the goodbye")
        assert (listener.state["alive"], listener.state["verdict"]) == (False, "not inspected")
        assert listener.state["time"] is not None  # said by the station, not by its last will


VANISHES = """
import asyncio, os, sys
sys.path[:0] = sys.argv[2:]
from brokers import TOPIC, Broker, Listener, free_port, listening, needs_broker
from certificates import self_signed
from station_outputs import Running, context, inspection
from blemish.station.outputs.mqtt import Mqtt, MqttSettings

async def main():
    settings = MqttSettings(host="127.0.0.1", port=int(sys.argv[1]), topic="plant/line3")
    async with Running(Mqtt("mqtt", settings, context())) as output:
        await output.alive(1, {})
        await output.show(inspection())
        await asyncio.sleep(0.3)
        os.kill(os.getpid(), 9)

asyncio.run(main())
"""


@needs_broker
async def test_the_broker_says_so_of_a_station_that_is_killed(broker):
    with listening(broker) as listener:
        command = [sys.executable, "-c", VANISHES, str(broker.port), *sys.path]
        process = await asyncio.create_subprocess_exec(*command)
        await until(lambda: listener.state.get("verdict") == "good", "the verdict")
        await asyncio.wait_for(process.wait(), WAIT_S)
        await until(lambda: listener.state["verdict"] != "good", "the last will")
        assert (listener.state["alive"], listener.state["time"]) == (False, None)


@needs_broker
async def test_a_password_is_read_from_its_file_and_shown_nowhere(tmp_path, capfd, caplog):
    caplog.set_level(0)
    secret = "tr0ub4dor&3"
    maker = shutil.which("mosquitto_passwd")
    if maker is None:
        pytest.skip("mosquitto_passwd is not installed")
    users = tmp_path / "users"
    subprocess.run([maker, "-b", "-c", users, "station", secret], check=True)
    (tmp_path / "password").write_text(f"{secret}\n")
    broker = Broker(tmp_path, "allow_anonymous false", f"password_file {users}")
    broker.start()
    try:
        settings = MqttSettings(
            host="127.0.0.1",
            port=broker.port,
            topic=TOPIC,
            user="station",
            password="file:password",
        )
        about = context(tmp_path)
        output = Mqtt("mqtt", settings, about)
        with listening(broker, username="station", password=secret) as listener:
            async with Running(output):
                await output.deliver([row(1)])
                await until(lambda: listener.rows == [1], "the row")
        assert "tls = true" in about.said[0]
        wrong = output_to(broker)
        work = asyncio.create_task(wrong.run())
        await until(lambda: "uthori" in wrong.health.told, "the refusal")
        work.cancel()
        out, err = capfd.readouterr()
        told = [out, err, caplog.text, str(about.said), repr(settings), output.health.told]
        assert not any(secret in text for text in told)
    finally:
        broker.stop()


@needs_broker
async def test_a_broker_is_known_by_its_certificate(tmp_path):
    right = self_signed(tmp_path, "127.0.0.1")
    (tmp_path / "other").mkdir()
    wrong = self_signed(tmp_path / "other", "127.0.0.1")
    broker = Broker(
        tmp_path,
        "allow_anonymous true",
        f"certfile {right[0]}",
        f"keyfile {right[1]}",
    )
    broker.start()
    try:
        async with Running(output_to(broker, tls=True, ca=right[0])) as output:
            await output.deliver([row(1)])
        other = output_to(broker, tls=True, ca=wrong[0])
        work = asyncio.create_task(other.run())
        await until(lambda: "certificate" in other.health.told.lower(), "the refusal")
        work.cancel()
        assert not other.health.ready
    finally:
        broker.stop()


async def test_without_a_broker_nothing_counts_as_delivered():
    class Nowhere:
        port = free_port()

    output = output_to(Nowhere)
    work = asyncio.create_task(output.run())
    await until(lambda: "cannot connect" in output.health.told, "the failure")
    with pytest.raises(OSError, match="cannot connect"):
        await output.deliver([row(1)])
    work.cancel()


async def test_a_broker_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(mqtt_connection, "PATIENCE_S", 0.3)

    async def silent(_reader, _writer):  # that nobody holds is closed, from Python 3.13 on
        await asyncio.sleep(60)

    server = await asyncio.start_server(silent, "127.0.0.1", 0)

    class Silent:
        port = server.sockets[0].getsockname()[1]

    output = output_to(Silent)
    work = asyncio.create_task(output.run())
    await until(lambda: "no answer" in output.health.told, "the end of patience")
    work.cancel()
    server.close()


def test_a_password_itself_is_refused():
    settings = MqttSettings(host="broker", topic=TOPIC, user="station", password="tr0ub4dor&3")
    with pytest.raises(UsageError) as caught:
        Mqtt("mqtt", settings, context())
    assert "file:PATH" in str(caught.value)
    assert "tr0ub4dor" not in str(caught.value)
