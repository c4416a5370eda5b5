"""Files, and cameras on the loopback, through FFmpeg."""

import asyncio
import contextlib
from types import SimpleNamespace

import numpy as np
import pytest

from blemish.errors import UsageError

pytest.importorskip("av", reason="PyAV is not installed: pip install 'blemish[station]'")

from blemish.station.sources.video import Video, VideoSettings
from station.sources.streams import HttpCamera, RtspCamera, image, make_video, number_of

TS_PACKET = 188  # bytes
LONGEST = 30  # seconds that anything may take


def made(folder, address, **settings):
    settings = VideoSettings(address=str(address), timeout_seconds=1, **settings)
    return Video("top", settings, SimpleNamespace(base=folder))


def soon(awaitable):
    return asyncio.run(asyncio.wait_for(awaitable, LONGEST))


async def first(source, count):
    frames = source.frames()
    async with contextlib.aclosing(frames):
        return [await anext(frames) for _ in range(count)]


@pytest.fixture(params=[HttpCamera, RtspCamera], ids=["http", "rtsp"])
def camera(request):
    found = request.param()
    yield found
    found.cut()


@pytest.fixture
def http():
    found = HttpCamera()
    yield found
    found.cut()


async def until(condition, what):
    for _ in range(LONGEST * 100):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(what)


def test_every_image_of_a_file_comes_once_in_order_with_a_key_of_its_own(tmp_path):
    make_video(str(tmp_path / "clip.mkv"), [image(n) for n in range(12)])
    frames = soon(first(made(tmp_path, "clip.mkv"), 12))
    assert [number_of(frame.pixels) for frame in frames] == list(range(12))
    assert [frame.name for frame in frames[:2]] == ["clip.mkv:0", "clip.mkv:1"]
    assert len({frame.key for frame in frames}) == 12
    assert all(frame.waits for frame in frames)
    again = soon(first(made(tmp_path, tmp_path / "clip.mkv"), 12))
    assert [frame.key for frame in again] == [frame.key for frame in frames]


def test_colours_are_those_that_the_stream_means(tmp_path):
    colours = [(200, 30, 40), (30, 180, 60), (40, 50, 210)]
    bars = np.repeat(np.array(colours, np.uint8)[np.newaxis], 64, 0).repeat(32, 1)
    make_video(str(tmp_path / "clip.mkv"), [bars] * 2, codec="libx264", options={"crf": "1"})
    pixels = soon(first(made(tmp_path, "clip.mkv"), 1))[0].pixels
    assert np.abs(pixels[32, 16::32].astype(int) - colours).max() < 6


def test_it_is_turned_upright_as_its_matrix_says(tmp_path):
    path = tmp_path / "clip.mp4"
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:16] = 255
    make_video(str(path), [picture])
    quarter = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30], ">i4").tobytes()
    straight = np.array([1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
    content = path.read_bytes()
    track = content.index(b"tkhd")
    place = content.index(straight, track)
    path.write_bytes(content[:place] + quarter + content[place + len(quarter) :])
    pixels = soon(first(made(tmp_path, path), 1))[0].pixels
    assert pixels.shape == (96, 64, 3)
    assert pixels[:, 56:].min() > 200 and pixels[:, :40].max() < 50  # its top is now at the right


def test_of_an_interlaced_image_one_moment_is_taken(tmp_path):
    images = []
    for number in range(4):
        woven = np.zeros((64, 128, 3), np.uint8)
        woven[0::2, 20 * number : 20 * number + 20] = 220
        woven[1::2, 20 * number + 10 : 20 * number + 30] = 220
        images.append(woven)
    options = {"flags": "+ilme+ildct", "qmin": "1", "qmax": "2", "b": "4M"}
    make_video(str(tmp_path / "clip.ts"), images, codec="mpeg2video", options=options)
    pixels = soon(first(made(tmp_path, "clip.ts"), 3))[2].pixels
    assert pixels.shape == (64, 128, 3)
    middle = pixels[20:44].astype(int)
    assert np.abs(np.diff(middle, axis=0)).max() < 30  # no comb


def test_of_a_file_an_interval_is_of_its_own_time(tmp_path):
    make_video(str(tmp_path / "clip.mkv"), [image(n) for n in range(12)])
    frames = soon(first(made(tmp_path, "clip.mkv", interval_seconds=0.5), 3))
    assert [number_of(frame.pixels) for frame in frames] == [0, 5, 10]


def test_after_its_end_a_file_is_at_rest_and_knows_no_trigger(tmp_path):
    make_video(str(tmp_path / "clip.mkv"), [image(0)])
    source = made(tmp_path, "clip.mkv")

    async def tried():
        frames = source.frames()
        await anext(frames)
        rest = asyncio.ensure_future(anext(frames))
        await until(lambda: "all of it" in source.health.told, source.health)
        assert not rest.done()
        rest.cancel()
        with pytest.raises(UsageError, match="every image"):
            await source.trigger()

    soon(tried())
    assert source.health.ready


@pytest.mark.parametrize("codec", ["mpeg2video", "mpeg4", "libx264"])
def test_where_packets_are_missing_only_whole_images_come(tmp_path, codec):
    texture = np.random.default_rng(0).integers(0, 60, (64, 64, 3))
    images = [(image(n) // 2 + texture).astype(np.uint8) for n in range(20)]
    path = tmp_path / "clip.ts"
    make_video(str(path), images, codec=codec, options={"g": "6", "b": "400k"})
    content = path.read_bytes()
    middle = len(content) // TS_PACKET // 2 * TS_PACKET
    path.write_bytes(content[:middle] + content[middle + 4 * TS_PACKET : -TS_PACKET])
    source = made(tmp_path, path)

    async def tried():
        frames, found = source.frames(), []
        rest = asyncio.ensure_future(_gathered(frames, found))
        await until(lambda: "all of it" in source.health.told, source.health)
        rest.cancel()
        return found

    found = soon(tried())
    assert source.health.counts["lost"] > 0
    assert 1 < len(found) < 20
    for frame in found:
        wrong = [np.abs(frame.pixels.astype(int) - one).max(2) for one in images]
        assert min(np.percentile(each, 98) for each in wrong) < 60


def test_a_text_that_calls_itself_a_video_is_an_error_that_is_told(tmp_path):
    (tmp_path / "clip.mp4").write_text("#EXTM3U\n/etc/passwd\n")
    source = made(tmp_path, "clip.mp4")

    async def tried():
        rest = asyncio.ensure_future(anext(source.frames()))
        await until(lambda: "cannot be opened" in source.health.told, source.health)
        rest.cancel()

    soon(tried())
    assert not source.health.ready


def test_a_live_camera_gives_its_newest_at_each_trigger(camera, tmp_path):
    source = made(tmp_path, camera.address, patience_seconds=LONGEST)

    async def tried():
        frames = source.frames()
        async with contextlib.aclosing(frames):
            await source.trigger("A1")
            one = await anext(frames)
            await asyncio.sleep(0.3)
            await source.trigger("A2")
            return one, await anext(frames)

    one, other = soon(tried())
    assert (one.part, other.part) == ("A1", "A2")
    assert (number_of(other.pixels) - number_of(one.pixels)) % 20 != 1  # none from a queue
    assert one.pixels.shape == (64, 64, 3)
    assert source.health.ready, source.health
    assert "64 x 64, " in source.health.told


def test_a_camera_that_goes_and_comes_back_is_found_again(camera, tmp_path):
    source = made(tmp_path, camera.address, interval_seconds=0.01)

    async def tried():
        frames = source.frames()
        async with contextlib.aclosing(frames):
            await anext(frames)
            camera.cut()
            rest = asyncio.ensure_future(_gathered(frames, []))
            await until(lambda: not source.health.ready, source.health)
            assert "again in" in source.health.told
            rest.cancel()
            camera.start()
            with contextlib.suppress(asyncio.CancelledError):
                await rest
        frames = source.frames()
        async with contextlib.aclosing(frames):
            return await anext(frames)

    assert soon(tried()).pixels is not None


async def _gathered(frames, found):
    async for frame in frames:
        found.append(frame)


def test_a_part_without_an_image_in_time_comes_without_one(http, tmp_path):
    http.cut()
    source = made(tmp_path, http.address, patience_seconds=0.1)

    async def tried():
        frames = source.frames()
        async with contextlib.aclosing(frames):
            await source.trigger("lost")
            return await anext(frames)

    frame = soon(tried())
    assert (frame.part, frame.pixels, frame.content) == ("lost", None, None)
    assert source.health.counts["missed"] == 1
    http.start()


@pytest.mark.parametrize("path", ["/moved", "/list.m3u8"])
def test_nothing_leads_elsewhere(http, tmp_path, path):
    source = made(tmp_path, f"http://127.0.0.1:{http.port}{path}", interval_seconds=0.01)

    async def tried():
        rest = asyncio.ensure_future(anext(source.frames()))
        await until(lambda: "again in" in source.health.told, source.health)
        rest.cancel()

    soon(tried())
    assert {asked for asked, _ in http.asked} == {path}


def test_a_password_goes_to_the_camera_and_nowhere_else(http, tmp_path, monkeypatch):
    monkeypatch.setenv("CAMERA", "se/cret@")
    source = made(tmp_path, http.address, interval_seconds=0.01, user="me", password="env:CAMERA")
    soon(first(source, 1))
    assert http.asked[-1][1] is None or http.asked[-1][1].startswith("Basic ")
    http.cut()

    async def tried():
        rest = asyncio.ensure_future(_gathered(source.frames(), []))
        await until(lambda: "again in" in source.health.told, source.health)
        rest.cancel()

    soon(tried())
    assert "cret" not in source.health.told and "me:" not in source.health.told
    http.start()
