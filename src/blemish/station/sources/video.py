"""Cameras and files that FFmpeg reads: RTSP, HTTP streams, USB (Video4Linux), video files.

Of what is live, a thread decodes every image, so that no buffer fills up and none grows old, and
only the newest is taken, at each tick or trigger. Of a file, every image is taken.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from blemish.errors import ImageError, UsageError
from blemish.station.contracts import Frame, Health
from blemish.station.outputs.credentials import secret_of
from blemish.station.sources.addresses import address_of
from blemish.station.sources.decoding import VideoStream, pixels_of
from blemish.station.sources.newest import NO_IMAGE, Newest, taken
from blemish.station.sources.reconnecting import LET_GO_SECONDS, kept_up_in_thread
from blemish.station.sources.triggers import Interval, Triggers
from blemish.station.tables import Table

if TYPE_CHECKING:
    import av
    import numpy as np
    from numpy.typing import NDArray

    from blemish.station.contracts import Context

LOOK_SECONDS = 1.0  # between looks for a file that is not there

Seconds = Annotated[float, Meta(gt=0, le=60)]
Some = Annotated[float, Meta(ge=0, le=60)]


class VideoSettings(Table, frozen=True):
    """Where a video comes from, and when an image of it is taken.

    Attributes:
        address: `rtsp://`, `rtsps://`, `http://`, `https://`, `/dev/videoN` or the path of a file.
        interval_seconds: from one image to the next; without, one is taken when it is triggered.
            Of a file, seconds of its own time; without, every image.
        user, password: of the camera; `password` says where it is, `env:NAME` or `file:PATH`.
        ca_file: certificates (PEM), one of which must have signed the camera's, for `rtsps://`
            and `https://`; without, the camera's certificate is not checked.
        latency_seconds: how much later than it was a stream shows something: an image for a
            trigger is taken so much after it.
        patience_seconds: when no image came so long after a trigger, its part is not inspected.
        timeout_seconds: for connecting, and for each image, before it is tried again.
        size: of a USB camera's image, `1920x1080`.
        rate: of a USB camera, images a second.
        format: that a USB camera is to send: `mjpeg`, `yuyv422`, ...
    """

    address: str
    interval_seconds: Interval | None = None
    user: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    latency_seconds: Some = 0.0
    patience_seconds: Seconds = 1.0
    timeout_seconds: Seconds = 5.0
    size: Annotated[str, Meta(pattern=r"^\d{1,5}x\d{1,5}$")] | None = None
    rate: Annotated[float, Meta(gt=0, le=10_000)] | None = None
    format: Annotated[str, Meta(pattern=r"^\w{1,32}$")] | None = None

    def options(self) -> dict[str, str]:
        """For FFmpeg."""
        chosen = {"video_size": self.size, "framerate": self.rate, "input_format": self.format}
        options = {name: str(value) for name, value in chosen.items() if value is not None}
        if self.ca_file is not None:
            options |= {"tls_verify": "1", "ca_file": str(self.ca_file)}
        return options


class Video:
    """A camera that FFmpeg reads.

    Args:
        name: of the camera.
        settings: where and when.
        context: its `base` is where relative paths start.

    Raises:
        UsageError: the address is none that may be opened.
    """

    Settings = VideoSettings

    def __init__(self, name: str, settings: VideoSettings, context: Context) -> None:
        password = settings.password and secret_of(settings.password, "password", context.base)
        self.name = name
        self.health = Health()
        self._settings = settings
        self._address = address_of(
            settings.address, context.base, user=settings.user, password=password
        )
        self._triggers = Triggers(settings.interval_seconds)

    @property
    def takes_triggers(self) -> bool:
        """Whether somebody may say when it takes an image."""
        return self._address.path is None

    async def trigger(self, part: str | None = None) -> None:
        """Take an image now. Raises `UsageError` of a file, `BusyError` where too many wait."""
        if self._address.path is not None:
            raise UsageError(f"camera '{self.name}' is a file, of which every image is taken.")
        self._triggers.tell(part)

    async def frames(self) -> AsyncIterator[Frame]:
        """Images as they are taken; one without pixels where a trigger's part got none."""
        frames = self._live() if self._address.path is None else self._of_file(self._address.path)
        async for frame in frames:
            self.health.count("frames")
            yield frame

    async def _live(self) -> AsyncIterator[Frame]:
        newest: Newest[av.VideoFrame] = Newest()
        stop = Event()
        run = partial(self._read, newest, stop)
        thread = kept_up_in_thread(run, stop, self.health)
        wanted = self._settings
        pairs = taken(
            newest.next,
            self._triggers,
            self.health,
            delay=wanted.latency_seconds,
            patience=wanted.patience_seconds,
        )
        try:
            async for trigger, image in pairs:
                time = datetime.now(UTC)
                pixels = None if image is None else await asyncio.to_thread(pixels_of, image)
                error = NO_IMAGE if pixels is None else None
                yield Frame(self.name, time, pixels=pixels, error=error, part=trigger.part)
        finally:
            stop.set()
            await asyncio.to_thread(thread.join, LET_GO_SECONDS)

    def _read(self, newest: Newest[av.VideoFrame], stop: Event) -> None:
        with self._opened() as stream:
            for image in stream.frames():
                if stop.is_set():
                    return
                self.health.ready, self.health.told = True, stream.told
                newest.put(image)

    async def _of_file(self, path: Path) -> AsyncIterator[Frame]:
        """Its images, in order; one that was judged before the station started again is known."""
        while not path.is_file():
            self.health.told = f"there is no file {path} yet."
            await asyncio.sleep(LOOK_SECONDS)
        facts = path.stat()
        images = self._images()
        while (found := await asyncio.to_thread(next, images, None)) is not None:
            number, pixels = found
            yield Frame(
                self.name,
                datetime.now(UTC),
                pixels=pixels,
                name=f"{path.name}:{number}",
                key=f"{path}:{facts.st_size}:{facts.st_mtime_ns}:{number}",
                waits=True,
            )
        await asyncio.Event().wait()

    def _images(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Of a file, with their numbers, from 0."""
        try:
            with self._opened() as stream:
                self.health.ready, self.health.told = True, stream.told
                due = -math.inf
                for number, image in enumerate(stream.frames()):
                    if image.time is None or image.time >= due:
                        due = (image.time or 0.0) + (self._settings.interval_seconds or 0.0)
                        yield number, pixels_of(image)
            self.health.told = f"{stream.told}: all of it was taken."
        except ImageError as error:
            self.health.ready, self.health.told = False, str(error)

    def _opened(self) -> VideoStream:
        return VideoStream(
            self._address,
            options=self._settings.options(),
            timeout_seconds=self._settings.timeout_seconds,
            lost=partial(self.health.count, "lost"),
        )
