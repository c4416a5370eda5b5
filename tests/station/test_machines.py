"""A whole station with real outputs: what a PLC does, and what a broker hears."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from blemish.serving.models import Models
from blemish.station.contracts import Frame
from brokers import TOPIC, Broker, listening, needs_broker
from stations import until

simulator = pytest.importorskip("blemish.station.plc_simulator")


def frame(content, part):
    return Frame(camera="top", time=datetime.now(UTC), content=content, part=part)


MODBUS = '[[output]]\nname = "plc"\nkind = "modbus"\nport = 0'


def test_a_plc_passes_what_was_judged_good_and_ejects_all_else(line, run, monkeypatch):
    line.write("workers = 1", extra=MODBUS)
    judge, hang, goes_on = Models.judge, threading.Event(), threading.Event()

    def hanging(self, *args, **values):
        if hang.is_set():
            goes_on.wait(20)
        return judge(self, *args, **values)

    monkeypatch.setattr(Models, "judge", hanging)

    async def work():
        station, said = line.station(), []
        plc = simulator.Plc(said.append)
        async with station.running():
            await until(lambda: station.outputs["plc"].port)
            address = f"127.0.0.1:{station.outputs['plc'].port}"
            eyes = asyncio.create_task(simulator.simulate("modbus", address, said.append, plc=plc))
            await until(lambda: "heartbeat alive" in said)
            await station.submit(frame(line.good(), "A-1"))
            await until(lambda: plc.passed == 1)
            await station.submit(frame(line.bad(), "A-2"))
            await until(lambda: plc.ejected == 1)
            await station.submit(frame(b"no image", "A-3"))
            await until(lambda: plc.ejected == 2)
            hang.set()
            await station.submit(frame(line.good(), "A-4"))
            await until(lambda: "NO HEARTBEAT: every part is ejected" in said)
            assert plc.passed == 1
            hang.clear()
            goes_on.set()
            await until(lambda: said[-1] == "heartbeat alive")
            await station.submit(frame(line.good(), "A-5"))
            await until(lambda: plc.passed == 2)
        await until(lambda: any("NO CONNECTION" in what for what in said))
        assert plc.passed == 2
        eyes.cancel()
        await asyncio.wait([eyes], timeout=10)

    run(work())
    assert any("output plc" in what for what in line.said) is False


@needs_broker
def test_a_broker_that_was_away_hears_of_every_part(line, run, tmp_path):
    broker = Broker(tmp_path, "allow_anonymous true")
    mqtt = f'[[output]]\nname = "m"\nkind = "mqtt"\nhost = "127.0.0.1"\nport = {broker.port}'
    line.write(extra=f'{mqtt}\ntopic = "{TOPIC}"')

    async def work():
        station = line.station()
        async with station.running():
            for number in range(5):
                await station.submit(frame(line.good(), f"A-{number}"))
            broker.start()
            with listening(broker) as listener:
                heard = listener.heard[f"{TOPIC}/inspection"]
                await until(lambda: len(heard) == 5)
                await station.submit(frame(line.bad(), "A-5"))
                await until(lambda: len(heard) == 6 and listener.state.get("verdict") == "defect")
                assert [said["part"] for said in heard] == [f"A-{number}" for number in range(6)]
                assert [said["verdict"] for said in heard] == ["good"] * 5 + ["defect"]
                assert len({said["id"] for said in heard}) == 6
                assert listener.heard[f"{TOPIC}/event"]
                assert listener.state["station"] == station.site.station.name
                await until(lambda: listener.state["beat"] > 1)

    try:
        run(work())
    finally:
        broker.stop()
