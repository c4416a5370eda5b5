"""Industrial cameras: GigE Vision and USB3 Vision (GenICam), through Aravis.

Images are taken in one of three ways: the camera runs freely and the newest is taken; it is
triggered by software at each tick or trigger; or a line of its own, a light barrier say, triggers
it, and every image is taken. Where a part stands for an image that is lost on its way, the part
comes without one: it is not inspected.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta, field
from numpy.typing import NDArray

from blemish.errors import ImageError, UsageError
from blemish.station.contracts import Frame, Health
from blemish.station.sources.focus import seen
from blemish.station.sources.genicam import FREE, SOFTWARE, GenicamCamera, Wanted, load_aravis
from blemish.station.sources.newest import NO_IMAGE, Newest, taken
from blemish.station.sources.reconnecting import LET_GO_SECONDS, kept_up_in_thread
from blemish.station.sources.triggers import Interval, Triggers
from blemish.station.tables import Table

if TYPE_CHECKING:
    from blemish.station.contracts import Context

Image = NDArray[np.generic]
MOST_KEPT = 16  # images of a line that wait to be taken; beyond, parts come without theirs

Pixels = Annotated[int, Meta(ge=0, le=100_000)]
Seconds = Annotated[float, Meta(gt=0, le=60)]


class AravisSettings(Table, frozen=True):
    """Which camera, how it is set, and when it takes an image. What is left out stays as it is.

    Attributes:
        device: address, serial number or id of the camera, as `arv-tool-0.8` lists it.
        trigger: `free`, the camera runs freely; `software`; or a line of the camera, `Line0` say.
        interval_seconds: from one image to the next; without, one is taken when it is triggered.
        exposure_us: exposure time in microseconds.
        gain: in the camera's unit, mostly decibels.
        pixel_format: `Mono8`, `Mono12`, `BayerRG8`, `RGB8`, ... as the camera calls it.
        region: left, top, width, height in pixels.
        frame_rate: images a second, where the camera runs freely.
        features: others of the camera, by their names, set in this order before the rest.
        patience_seconds: when no image came so long after a trigger, its part is not inspected.
        timeout_seconds: without an image of a camera that runs freely, before it is opened again.
    """

    device: Annotated[str, Meta(min_length=1)]
    trigger: Annotated[str, Meta(min_length=1)] = FREE
    interval_seconds: Interval | None = None
    exposure_us: Annotated[float, Meta(gt=0)] | None = None
    gain: float | None = None
    pixel_format: str | None = None
    region: tuple[Pixels, Pixels, Pixels, Pixels] | None = None
    frame_rate: Annotated[float, Meta(gt=0)] | None = None
    features: dict[str, bool | int | float | str] = field(default_factory=dict)
    patience_seconds: Seconds = 1.0
    timeout_seconds: Seconds = 5.0

    def __post_init__(self) -> None:
        if self.trigger not in (FREE, SOFTWARE) and self.interval_seconds is not None:
            raise ValueError("'interval_seconds' is nothing for a camera that a line triggers")


class Aravis:
    """A camera that Aravis reads.

    Args:
        name: of the camera.
        settings: which one, and how.
        context: not needed.

    Raises:
        BlemishError: Aravis is not installed.
    """

    Settings = AravisSettings

    def __init__(self, name: str, settings: AravisSettings, context: Context) -> None:
        del context
        load_aravis()
        self.name = name
        self.health = Health()
        self._settings = settings
        self._triggers = Triggers(settings.interval_seconds)
        self._firing = asyncio.Lock()
        self._opened: GenicamCamera | None = None
        self._again = Event()
        self._newest: Newest[Image | None] | None = None
        self._last: Image | None = None

    @property
    def takes_triggers(self) -> bool:
        """Whether somebody may say when it takes an image."""
        return not self._is_line

    async def trigger(self, part: str | None = None) -> None:
        """Take an image now.

        Raises:
            UsageError: a line triggers the camera.
            BusyError: too many images are still to be taken.
        """
        if self._is_line:
            raise UsageError(
                f"camera '{self.name}' takes an image when its {self._settings.trigger} says so, "
                "and knows no other trigger."
            )
        self._triggers.tell(part)

    async def frames(self) -> AsyncIterator[Frame]:
        """Images as they are taken; one without pixels where a part's is lost."""
        self._newest = Newest()
        every: asyncio.Queue[Image | None] = asyncio.Queue()
        stop = Event()
        run = partial(self._read, asyncio.get_running_loop(), self._newest, every, stop)
        thread = kept_up_in_thread(run, stop, self.health)
        try:
            async for part, image in self._each(every) if self._is_line else self._taken():
                self.health.count("frames")
                error = NO_IMAGE if image is None else None
                yield Frame(self.name, datetime.now(UTC), pixels=image, error=error, part=part)
        finally:
            stop.set()
            await asyncio.to_thread(thread.join, LET_GO_SECONDS)

    async def look(self) -> dict[str, Any]:
        """For setting the camera up: what `focus.seen` says of an image, `exposure_us` and `gain`.

        Raises:
            ImageError: there is no image.
        """
        image = await self._one(self._settings.patience_seconds) if not self._is_line else None
        image = self._last if image is None else image
        if image is None:
            raise ImageError(f"Camera '{self.name}' gave no image.")
        with self._camera() as camera:
            exposure = await asyncio.to_thread(camera.exposure_us)
            gain = await asyncio.to_thread(camera.gain)
        found = await asyncio.to_thread(seen, image)
        return {**found, "exposure_us": exposure, "gain": gain}

    async def set(self, *, exposure_us: float | None = None, gain: float | None = None) -> None:
        """Change the camera at once, until it is opened again.

        Raises:
            SettingError: a value is outside the camera's limits.
            ImageError: the camera is not there.
        """
        with self._camera() as camera:
            if exposure_us is not None:
                await asyncio.to_thread(camera.set_exposure, exposure_us)
            if gain is not None:
                await asyncio.to_thread(camera.set_gain, gain)

    @property
    def _is_line(self) -> bool:
        return self._settings.trigger not in (FREE, SOFTWARE)

    async def _taken(self) -> AsyncIterator[tuple[str | None, Image | None]]:
        """The newest, or that of the software trigger."""
        patience = self._settings.patience_seconds
        async for trigger, image in taken(
            self._one, self._triggers, self.health, patience=patience
        ):
            yield trigger.part, image

    async def _each(
        self, every: asyncio.Queue[Image | None]
    ) -> AsyncIterator[tuple[str | None, Image | None]]:
        while True:
            yield None, await every.get()

    async def _one(self, seconds: float) -> Image | None:
        """An image that is taken now. Raises `TimeoutError`, `ImageError`."""
        if self._newest is None:
            raise ImageError(f"Camera '{self.name}' is not open.")
        if self._settings.trigger == FREE:
            return await self._newest.next(seconds)
        async with self._firing:
            with self._camera() as camera:
                try:
                    return await self._newest.next(seconds, camera.fire)
                except TimeoutError:
                    self._again.set()  # or it might come later, and be taken for the next
                    raise

    @contextmanager
    def _camera(self) -> Iterator[GenicamCamera]:
        camera = self._opened
        if camera is None:
            raise ImageError(f"Camera '{self.name}' is not there: {self.health.told}")
        yield camera

    def _read(
        self,
        loop: asyncio.AbstractEventLoop,
        newest: Newest[Image | None],
        every: asyncio.Queue[Image | None],
        stop: Event,
    ) -> None:
        """In the thread: open the camera, and hand its images on."""
        wanted, free = self._wanted(), self._settings.trigger == FREE
        came = time.monotonic()

        def goes_on() -> bool:
            late = free and time.monotonic() - came > self._settings.timeout_seconds
            if late:
                raise ImageError(f"Camera {self._settings.device} gives no images.")
            return not (stop.is_set() or self._again.is_set())

        self._again.clear()
        with GenicamCamera(self._settings.device, wanted) as camera:
            self.health.told = camera.told
            camera.start()
            self._opened = camera
            try:
                self.health.ready = not free
                for image in camera.images(goes_on):
                    came = time.monotonic()
                    if image is None:
                        self.health.count("lost")
                    else:
                        self.health.ready, self._last = True, image
                    if self._is_line:
                        kept = image if every.qsize() < MOST_KEPT else None
                        loop.call_soon_threadsafe(every.put_nowait, kept)
                    elif image is not None or not free:
                        newest.put(image)
            finally:
                self._opened = None

    def _wanted(self) -> Wanted:
        wanted = self._settings
        return Wanted(
            pixel_format=wanted.pixel_format,
            region=wanted.region,
            exposure_us=wanted.exposure_us,
            gain=wanted.gain,
            frame_rate=wanted.frame_rate,
            trigger=wanted.trigger,
            features=wanted.features,
        )
