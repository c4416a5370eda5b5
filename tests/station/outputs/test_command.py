"""Programs of the user, run for each part."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from blemish.result import Verdict
from blemish.station.outputs.command import (
    WAITING,
    Command,
    CommandError,
    CommandSettings,
    run_program,
)
from blemish.station.outputs.display import PATIENCE_S
from station_outputs import Running, context, inspection, until

WRITES = "import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read() + b'\\n')"


def python(code, *arguments):
    return [sys.executable, "-S", "-E", "-c", code, *map(str, arguments)]


def running(program, clock=lambda: 0.0):
    """An output whose program has all the time that it needs on a busy machine."""
    output = Command("pin", CommandSettings(program=program, timeout_seconds=60), context())
    output._display._clock = clock
    return output


def told(path):
    """The messages that the program has had so far."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def words(path):
    return [said["verdict"] if said["alive"] else "stop" for said in told(path)]


async def test_the_program_is_told_of_each_part_and_of_start_and_end(tmp_path):
    path = tmp_path / "told; rm -rf $HOME `id`"  # a name that a shell would trip over
    output = running(python(WRITES, path))
    await output.alive(1, {})
    async with Running(output):
        await output.show(inspection(Verdict.GOOD, part="A-1; reboot"))
        await output.show(inspection(Verdict.DEFECT))
        await until(lambda: len(told(path)) == 3, "the parts")
        good = told(path)[1]
        assert (good["schema"], good["part"]) == ("blemish/state/1", "A-1; reboot")
        assert good["inspection"]["views"][0]["camera"] == "top"
    assert words(path) == ["stop", "good", "defect", "stop"]


async def test_without_a_heartbeat_the_program_hears_of_nothing_good(tmp_path):
    path = tmp_path / "told"
    now = [0.0]
    output = running(python(WRITES, path), lambda: now[0])
    async with Running(output):
        await output.show(inspection())
        await until(lambda: len(told(path)) == 2, "the first part")
        await output.alive(1, {})
        await output.show(inspection())
        await until(lambda: len(told(path)) == 3, "the second part")
        now[0] = PATIENCE_S
        await until(lambda: len(told(path)) == 4, "the stop")
    assert words(path) == ["stop", "not inspected", "good", "stop", "stop"]


async def test_a_program_that_fails_is_told_to_stop(tmp_path):
    path = tmp_path / "told"
    code = f"{WRITES}; sys.exit('stuck' if b'good' in open(sys.argv[1], 'rb').read() else 0)"
    output = running(python(code, path))
    await output.alive(1, {})
    async with Running(output):
        await output.show(inspection())
        await until(lambda: len(told(path)) == 3, "the stop")
        await until(lambda: output.health.counts.get("failed") == 2, "the failure")
        assert "status 1: stuck" in output.health.told
    assert words(path) == ["stop", "good", "stop", "stop"]


async def test_parts_that_a_slow_program_cannot_be_told_of_are_dropped_and_counted(tmp_path):
    path, gate, begun = tmp_path / "told", tmp_path / "gate", tmp_path / "begun"
    code = (
        f"import os, time\nopen({str(begun)!r}, 'w')\n"
        f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n{WRITES}"
    )
    output = running(python(code, path))
    await output.alive(1, {})
    work = asyncio.create_task(output.run())
    await until(begun.exists, "the first run")
    for number in range(20):
        await output.show(inspection(part=str(number)))
    assert output.health.counts["dropped"] == 20 - WAITING
    gate.touch()
    await until(lambda: len(told(path)) == 1 + WAITING, "the last part")
    assert [said["part"] for said in told(path)[1:]] == ["16", "17", "18", "19"]
    work.cancel()
    await asyncio.wait([work], timeout=10)


async def test_a_program_that_does_not_end_is_ended_with_its_children(tmp_path):
    path = tmp_path / "pids"
    code = (
        "import os, subprocess, sys, time; child = subprocess.Popen(['sleep', '600']); "
        "open(sys.argv[1], 'w').write(f'{os.getpid()} {child.pid}'); time.sleep(600)"
    )
    with pytest.raises(CommandError, match=r"did not end within 8 s"):
        await run_program(python(code, path), b"{}", 8)
    for pid in path.read_text().split():
        await until(lambda pid=pid: ended(int(pid)), "the end of a process")


def ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True


async def test_what_a_program_says_without_end_is_not_kept():
    code = "import sys\nfor _ in range(3000): sys.stderr.write('x' * 1000)\nsys.exit('the end')"
    with pytest.raises(CommandError, match="the end") as caught:
        await run_program(python(code), b"{}", 30)
    assert len(str(caught.value)) < 2500


async def test_a_program_need_not_read():
    await run_program(python("pass"), b"x" * 3_000_000, 30)


async def test_a_program_that_is_not_there_is_an_error():
    with pytest.raises(CommandError, match="cannot be started"):
        await run_program([os.devnull], b"", 5)
    output = Command("pin", CommandSettings(program=["/no/such/program"]), context())
    work = asyncio.create_task(output.run())
    await until(lambda: "cannot be started" in output.health.told, "the error")
    assert not work.done()  # the station goes on, and says so
    work.cancel()
