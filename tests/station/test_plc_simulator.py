"""The PLC that ships passes a part on nothing but a fresh, good result with a live heartbeat."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from blemish.errors import UsageError
from blemish.result import Verdict
from station_outputs import Running, context, inspection, until

pytest.importorskip("pymodbus", reason="needs the extra 'station'")
simulator = pytest.importorskip("blemish.station.plc_simulator")
modbus = pytest.importorskip("blemish.station.outputs.modbus")
opcua = pytest.importorskip("blemish.station.outputs.opcua")
Plc, Seen = simulator.Plc, simulator.Seen


class Line:
    """A PLC, its clock, and what it said."""

    def __init__(self):
        self.now, self.said = 0.0, []
        self.plc = Plc(self.said.append, lambda: self.now)

    def scan(self, number, outcome=1, heartbeat=None):
        beat = int(self.now) if heartbeat is None else heartbeat
        return self.plc.scan(Seen(number, outcome, beat, "", 1.0, 2.0))

    @property
    def tally(self):
        return self.plc.passed, self.plc.ejected

    def live(self):
        self.scan(5)
        self.now += 1
        self.scan(5)


@pytest.fixture
def line():
    return Line()


def test_what_was_there_when_it_came_moves_nothing(line):
    line.live()
    assert line.tally == (0, 0)
    assert not line.scan(5)


def test_a_fresh_good_result_passes_once(line):
    line.live()
    assert line.scan(6)
    assert not line.scan(6)
    assert line.tally == (1, 0)


@pytest.mark.parametrize("outcome", [0, 2, 3, 4, 255, 65535])
def test_everything_but_good_is_ejected(line, outcome):
    line.live()
    line.scan(6, outcome)
    assert line.tally == (0, 1)


def test_good_without_a_live_heartbeat_is_ejected(line):
    line.scan(5, heartbeat=7)
    line.scan(6, heartbeat=7)  # never seen to change
    assert line.tally == (0, 1)
    line.scan(6, heartbeat=8)
    line.scan(7, heartbeat=8)
    assert line.tally == (1, 1)
    line.now += simulator.PATIENCE_S
    line.scan(8, heartbeat=8)
    assert line.tally == (1, 2)
    assert "NO HEARTBEAT: every part is ejected" in line.said


def test_results_that_it_did_not_read_are_ejected(line):
    line.live()
    line.scan(9)
    assert line.tally == (1, 3)


def test_numbers_go_on_after_the_largest(line):
    line.plc.scan(Seen(65534, 1, 0, "", 1.0, 2.0))
    line.now += 1
    for number in (65535, 1, 2):
        line.scan(number)
    assert line.tally == (3, 0)


def test_after_a_lost_connection_the_heartbeat_must_be_seen_again(line):
    line.live()
    line.plc.lose()
    line.scan(6)
    line.scan(7)
    assert line.tally == (0, 1)


def test_a_station_that_starts_anew_moves_nothing_by_that(line):
    line.live()
    line.scan(0, 0)
    assert line.tally == (0, 0)
    line.scan(1)
    assert line.tally == (1, 0)


@pytest.mark.parametrize("kind", ["modbus", "opcua"])
def test_it_ejects_by_what_a_station_shows(kind, run, monkeypatch):
    run(ejected(kind, monkeypatch))


async def ejected(kind, monkeypatch):
    monkeypatch.setattr(simulator, "AGAIN_S", 0.1)
    made = {
        "modbus": lambda port: modbus.Modbus("plc", modbus.ModbusSettings(port=port), context()),
        "opcua": lambda port: opcua.OpcUa("plc", opcua.OpcUaSettings(port=port), context()),
    }[kind]
    said = []
    plc = Plc(said.append)
    async with Running(made(0)) as output:
        address = f"127.0.0.1:{output.port}"
        work = asyncio.create_task(simulator.simulate(kind, address, said.append, plc=plc))
        await until(lambda: plc._heartbeat == 0, "the first look")
        await output.alive(1, {})
        await until(lambda: "heartbeat alive" in said, "the heartbeat")
        for number, verdict in enumerate([Verdict.GOOD, Verdict.DEFECT, None, Verdict.GOOD], 1):
            await output.show(inspection(verdict, part=f"A-{number}"))
            await until(lambda n=number: plc.passed + plc.ejected == n, "the ejector")
            await output.alive(number + 1, {})
        assert (plc.passed, plc.ejected) == (2, 2)
        if kind == "modbus":
            await until(lambda: output._display.shown.outcome != "good", "the acknowledgement")
    await until(lambda: any("NO CONNECTION" in line for line in said), "the loss")
    assert "result 1, part A-1: good, score 1.5 of 2: passes" in said
    assert "result 2, part A-2: defect, score 1.5 of 2: EJECTED" in said
    assert "result 3, part A-3: not inspected: EJECTED" in said
    work.cancel()
    await asyncio.wait([work], timeout=10)
    assert said[-1] == "2 parts passed, 2 were ejected"


@pytest.mark.parametrize(
    ("kind", "address"), [("s7", None), ("modbus", "host:port"), ("modbus", ":5020")]
)
def test_odd_kinds_and_addresses_are_refused(kind, address, run):
    with pytest.raises(UsageError):
        run(simulator.simulate(kind, address, print))


def test_the_command_is_a_plc_until_it_is_interrupted(run):
    async def work():
        async with Running(
            modbus.Modbus("plc", modbus.ModbusSettings(port=0), context())
        ) as output:
            address = f"127.0.0.1:{output.port}"
            command = [sys.executable, "-m", "blemish", "station", "--simulate-plc", "modbus"]
            process = await asyncio.create_subprocess_exec(
                *command, "--address", address, stderr=asyncio.subprocess.PIPE
            )
            try:
                assert (
                    await process.stderr.readline()
                    == f"connected to {address} by modbus\n".encode()
                )
                process.send_signal(signal.SIGINT)
                said = (await process.stderr.read()).decode()
                assert "0 parts passed, 0 were ejected" in said
                assert await process.wait() == 130
            finally:
                if process.returncode is None:
                    process.kill()

    run(work())
