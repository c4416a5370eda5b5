"""Aravis' own fake camera, which speaks GigE Vision on the loopback."""

import asyncio
import contextlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from blemish.errors import BlemishError, SettingError, UsageError
from blemish.station.sources import genicam
from blemish.station.sources.aravis import Aravis, AravisSettings

DEBIAN = Path("/usr/lib/python3/dist-packages/gi")
PROGRAM = "arv-fake-gv-camera-0.8"
HOST = "127.0.0.1"
LONGEST = 30  # seconds that anything may take


@pytest.fixture(scope="module", autouse=True)
def gi(tmp_path_factory):
    """Debian's PyGObject, and nothing else of Debian's Python, where this Python has none."""
    try:
        import gi  # noqa: F401
    except ImportError:
        folder = tmp_path_factory.mktemp("gi")
        if DEBIAN.is_dir():
            (folder / "gi").symlink_to(DEBIAN)
            sys.path.append(str(folder))
    try:
        genicam.load_aravis()
    except BlemishError as error:
        pytest.skip(str(error))
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"{PROGRAM} is not there: apt install aravis-tools")


class FakeCamera:
    """The program, to be killed and started again."""

    def __init__(self, *options):
        self.options = options
        self.start()

    def start(self):
        command = [PROGRAM, "-i", HOST, "-s", "TEST", *self.options]
        self.program = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        aravis = genicam.load_aravis()
        for _ in range(LONGEST * 10):
            with contextlib.suppress(Exception):
                aravis.Camera.new(HOST)
                return
            time.sleep(0.1)
        raise AssertionError("the fake camera does not answer")

    def kill(self):
        self.program.kill()
        self.program.wait(LONGEST)


@pytest.fixture
def camera():
    found = FakeCamera()
    yield found
    found.kill()


def made(**settings):
    values = {"device": HOST, "region": [0, 0, 128, 96], "exposure_us": 1000.0, **settings}
    return Aravis("top", msgspec.convert(values, AravisSettings), None)


def soon(awaitable):
    return asyncio.run(asyncio.wait_for(awaitable, LONGEST))


@contextlib.asynccontextmanager
async def ready(source):
    """The source with its frames, once its camera is open."""
    frames = source.frames()
    async with contextlib.aclosing(frames):
        first = asyncio.ensure_future(anext(frames))
        await until(lambda: source._opened is not None, source.health)

        async def each():
            yield await first
            async for frame in frames:
                yield frame

        try:
            yield each()
        finally:
            first.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await first


async def until(condition, what):
    for _ in range(LONGEST * 100):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(what)


async def first(source, count):
    async with ready(source) as frames:
        return [await anext(frames) for _ in range(count)]


@pytest.mark.parametrize(
    ("pixel_format", "kind"),
    [("Mono8", "uint8"), ("Mono16", "uint16"), ("RGB8", "uint8"), ("BayerRG8", "uint8")],
)
def test_a_camera_that_runs_freely_gives_rgb_at_each_tick(camera, pixel_format, kind):
    source = made(
        pixel_format=pixel_format, interval_seconds=0.05, frame_rate=50, exposure_us=10_000
    )
    frames = soon(first(source, 3))
    for frame in frames:
        assert frame.pixels.shape == (96, 128, 3)
        assert frame.pixels.dtype == kind
    grey = pixel_format.startswith("Mono")
    assert all((np.ptp(frame.pixels, axis=2).max() == 0) == grey for frame in frames)
    assert not np.array_equal(frames[0].pixels, frames[1].pixels)
    assert f"128 x 96 at 0, 0, {pixel_format}" in source.health.told


def test_the_software_trigger_takes_an_image_for_each_part_and_none_without(camera):
    source = made(trigger="software")

    async def tried():
        async with ready(source) as frames:
            silent = asyncio.ensure_future(anext(frames))
            await asyncio.sleep(0.3)
            assert not silent.done()
            await source.trigger("A1")
            await source.trigger("A2")
            return [await silent, await anext(frames)]

    frames = soon(tried())
    assert [frame.part for frame in frames] == ["A1", "A2"]
    assert all(frame.pixels is not None for frame in frames)
    assert source.health.counts == {"frames": 2}


def test_of_a_line_every_image_is_taken_and_there_is_no_other_trigger(camera, monkeypatch):
    set_line = genicam.GenicamCamera._set_trigger

    def set_trigger(self, wanted):
        set_line(self, wanted)
        self._camera.set_trigger_source("Software")  # plays the line, which the fake camera lacks

    monkeypatch.setattr(genicam.GenicamCamera, "_set_trigger", set_trigger)
    source = made(trigger="Line0")

    async def tried():
        async with ready(source) as frames:
            with pytest.raises(UsageError, match="Line0"):
                await source.trigger()
            found = []
            for _ in range(5):
                await asyncio.to_thread(source._opened.fire)
                found.append(await anext(frames))
            return found

    assert all(frame.pixels is not None for frame in soon(tried()))


def test_images_with_lost_packets_are_never_given_and_counted():
    camera = FakeCamera("-r", "30")
    try:
        source = made(trigger="software", patience_seconds=5)

        async def tried():
            async with ready(source) as frames:
                for number in range(20):
                    await source.trigger(str(number))
                return [await anext(frames) for _ in range(20)]

        frames = soon(tried())
    finally:
        camera.kill()
    assert [frame.part for frame in frames] == [str(number) for number in range(20)]
    lost = [frame for frame in frames if frame.pixels is None]
    assert 0 < len(lost) < 20
    assert all(frame.error for frame in lost)
    assert source.health.counts["missed"] == len(lost)


def test_a_camera_that_is_pulled_out_is_told_and_found_again(camera):
    source = made(interval_seconds=0.05, timeout_seconds=0.5)

    async def tried():
        async with ready(source) as frames:
            await anext(frames)
            camera.kill()
            rest = asyncio.ensure_future(_until_new(frames, source))
            await until(lambda: not source.health.ready, source.health)
            assert "again in" in source.health.told
            await asyncio.to_thread(camera.start)
            return await rest

    assert soon(tried()).pixels is not None
    assert source.health.ready
    assert source.health.counts["reconnects"] >= 1


async def _until_new(frames, source):
    """The first image after the camera was away."""
    away = False
    async for frame in frames:
        away = away or not source.health.ready or bool(source.health.counts.get("reconnects"))
        if away and frame.pixels is not None:
            return frame
    raise AssertionError("it ended")


def test_a_part_that_comes_while_the_camera_is_away_is_not_inspected():
    source = made(trigger="software", patience_seconds=0.1)

    async def tried():
        frames = source.frames()
        async with contextlib.aclosing(frames):
            await source.trigger("lost")
            return await anext(frames)

    frame = soon(tried())
    assert (frame.part, frame.pixels) == ("lost", None)
    assert frame.error


@pytest.mark.parametrize("trigger", ["free", "software"])
def test_focus_exposure_and_gain_are_seen_and_set(camera, trigger):
    source = made(trigger=trigger, gain=1.0)

    async def tried():
        async with ready(source):
            await source.set(exposure_us=2500, gain=2)
            found = await source.look()
            with pytest.raises(SettingError, match="'gain' must be in"):
                await source.set(gain=1e6)
            return found

    found = soon(tried())
    assert (found["exposure_us"], found["gain"]) == (2500, 2)
    assert found["focus"] > 0
    assert sum(found["histogram"]) == pytest.approx(1)
    assert found["size_px"] == [128, 96]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"pixel_format": "Mono12"}, "must be one of"),
        ({"trigger": "Line77"}, "Line77"),
        ({"features": {"Nope": 1}}, "Nope"),
        ({"gain": 1000.0}, "'gain' must be in"),
        ({"device": "127.0.0.99"}, "not to be had"),
    ],
)
def test_what_the_camera_cannot_do_is_told(camera, wrong, told):
    source = made(**wrong)

    async def tried():
        rest = asyncio.ensure_future(anext(source.frames()))
        await until(lambda: "again in" in source.health.told, source.health)
        rest.cancel()

    soon(tried())
    assert told in source.health.told
    assert not source.health.ready
