"""A GigE Vision or USB3 Vision camera, through Aravis.

All of it blocks, and is for threads. Whatever Aravis raises comes as `ImageError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blemish.errors import BlemishError, ImageError, SettingError
from blemish.images.raw import RawFormat
from blemish.images.read import as_image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BUFFERS = 16
FREE, SOFTWARE = "free", "software"
_WAIT_US = 100_000
_LOST = ("n_underruns", "n_missing_frames")  # never come as buffers
_MISSING = (
    "Aravis is not there for this Python: on Debian and Ubuntu, apt install gir1.2-aravis-0.8 "
    "python3-gi, and `python3 -m venv --system-site-packages` for blemish."
)


@dataclass(frozen=True)
class Wanted:
    """How a camera is to be set; what is `None` stays as it is.

    Attributes:
        pixel_format: by its name in GenICam's convention.
        region: left, top, width, height in pixels.
        exposure_us: microseconds.
        gain: in the camera's unit.
        frame_rate: images a second, where it runs freely.
        trigger: `free`, `software`, or the name of a line of the camera.
        features: any others, by their names.
    """

    pixel_format: str | None = None
    region: tuple[int, int, int, int] | None = None
    exposure_us: float | None = None
    gain: float | None = None
    frame_rate: float | None = None
    trigger: str = FREE
    features: Mapping[str, bool | int | float | str] | None = None


def load_aravis() -> Any:
    """The library. Raises `BlemishError` where it is not installed."""
    try:
        import gi

        gi.require_version("Aravis", "0.8")
        from gi.repository import Aravis
    except (ImportError, ValueError) as error:
        raise BlemishError(f"{_MISSING} ({error})") from None
    return Aravis


class GenicamCamera:
    """A camera that is open and set; a context manager.

    Args:
        device: address, serial number or id, as `arv-tool-0.8` lists it.
        wanted: how it is to be set.

    Raises:
        BlemishError: Aravis is not installed.
        ImageError: the camera is not there, another program has it, or it cannot be set so.
    """

    def __init__(self, device: str, wanted: Wanted) -> None:
        self._aravis = load_aravis()
        self._device = device
        self._stream: Any = None
        self._format = ""
        self._gone = False
        self._lost = 0
        with self._asked("is not to be had"):
            self._camera = self._aravis.Camera.new(device)
        with self._asked("cannot be set so"):
            self._set_up(wanted)

    def __enter__(self) -> GenicamCamera:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Let go of the camera, so that another program may have it."""
        if kind is None:  # or it would not answer, after seconds
            with suppress(ImageError), self._asked("cannot stop"):
                self._camera.stop_acquisition()
        self._stream = self._camera = None

    @property
    def told(self) -> str:
        """What it is, for people."""
        with self._asked("does not answer"):
            camera = self._camera
            left, top, width, height = self._region()
            return (
                f"{camera.get_vendor_name()} {camera.get_model_name()}, {width} x {height} at "
                f"{left}, {top}, {camera.get_pixel_format_as_string()}"
            )

    def start(self) -> None:
        """Have it take images from now on. Raises `ImageError`."""
        with self._asked("cannot start"):
            self._camera.get_device().connect("control-lost", self._on_lost)
            self._stream = self._camera.create_stream(None, None)
            payload = self._camera.get_payload()
            for _ in range(BUFFERS):
                self._stream.push_buffer(self._aravis.Buffer.new_allocate(payload))
            self._format = self._camera.get_pixel_format_as_string()
            self._camera.start_acquisition()

    def images(self, goes_on: Callable[[], bool]) -> Iterator[NDArray[np.generic] | None]:
        """Images as they come, H x W x 3, `None` for each that was lost on its way.

        Ends when `goes_on` says no; it is asked ten times a second at least.

        Raises:
            ImageError: the camera is gone, or its pixels are of no known format.
        """
        while goes_on():
            buffer = self._stream.timeout_pop_buffer(_WAIT_US)
            if self._gone:
                raise ImageError(f"Camera {self._device} does not answer any more.")
            if buffer is not None:
                for _ in range(self._newly_lost()):
                    yield None
                whole = buffer.get_status() == self._aravis.BufferStatus.SUCCESS
                image = self._pixels(buffer) if whole else None
                self._stream.push_buffer(buffer)
                yield image

    def fire(self) -> None:
        """The software trigger. Raises `ImageError`."""
        with self._asked("cannot be triggered"):
            self._camera.software_trigger()

    def exposure_us(self) -> float:
        """Exposure time in microseconds. Raises `ImageError`."""
        with self._asked("does not tell its exposure"):
            return float(self._camera.get_exposure_time())

    def gain(self) -> float:
        """Gain in the camera's unit. Raises `ImageError`."""
        with self._asked("does not tell its gain"):
            return float(self._camera.get_gain())

    def set_exposure(self, microseconds: float) -> None:
        """Raises `SettingError` where it is outside the camera's limits, `ImageError`."""
        with self._asked("cannot be set so"):
            low, high = self._camera.get_exposure_time_bounds()
            _check("exposure_us", microseconds, low, high)
            if self._camera.is_exposure_auto_available():
                self._camera.set_exposure_time_auto(self._aravis.Auto.OFF)
            self._camera.set_exposure_time(microseconds)

    def set_gain(self, gain: float) -> None:
        """Raises `SettingError` where it is outside the camera's limits, `ImageError`."""
        with self._asked("cannot be set so"):
            low, high = self._camera.get_gain_bounds()
            _check("gain", gain, low, high)
            if self._camera.is_gain_auto_available():
                self._camera.set_gain_auto(self._aravis.Auto.OFF)
            self._camera.set_gain(gain)

    def _set_up(self, wanted: Wanted) -> None:
        """Format and region first: they bound the rest."""
        camera = self._camera
        if wanted.pixel_format is not None:
            known = camera.dup_available_pixel_formats_as_strings()
            if wanted.pixel_format not in known:
                raise SettingError(
                    f"'pixel_format' must be one of {', '.join(known)} for camera {self._device}; "
                    f"got '{wanted.pixel_format}'."
                )
            camera.set_pixel_format_from_string(wanted.pixel_format)
        if wanted.region is not None:
            camera.set_region(*wanted.region)
        for name, value in (wanted.features or {}).items():
            camera.get_device().set_features_from_string(f"{name}={_spelled(value)}")
        if wanted.exposure_us is not None:
            self.set_exposure(wanted.exposure_us)
        if wanted.gain is not None:
            self.set_gain(wanted.gain)
        self._set_trigger(wanted)
        camera.set_acquisition_mode(self._aravis.AcquisitionMode.CONTINUOUS)

    def _set_trigger(self, wanted: Wanted) -> None:
        if wanted.trigger == FREE:
            self._camera.clear_triggers()
            if wanted.frame_rate is not None:
                self._camera.set_frame_rate(wanted.frame_rate)
        else:
            software = wanted.trigger == SOFTWARE
            self._camera.set_trigger("Software" if software else wanted.trigger)

    def _on_lost(self, _: Any) -> None:
        self._gone = True

    def _newly_lost(self) -> int:
        """Images that never came as a buffer, since it was asked last."""
        before, self._lost = self._lost, sum(map(self._stream.get_info_uint64_by_name, _LOST))
        return self._lost - before

    def _pixels(self, buffer: Any) -> NDArray[np.generic]:
        _, _, width, height = _four(buffer.get_image_region())
        padding = buffer.get_image_padding()
        if padding.x_padding or padding.y_padding:
            raise ImageError(f"Camera {self._device} pads its images; choose another region.")
        layout = raw_format(self._format, (height, width))
        return as_image(layout.decode(bytes(buffer.get_data()[: layout.file_bytes])))

    def _region(self) -> tuple[int, int, int, int]:
        return _four(self._camera.get_region())

    @contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        """Errors of the library as ours."""
        try:
            yield
        except BlemishError:
            raise
        except Exception as error:
            said = getattr(error, "message", str(error))
            raise ImageError(f"Camera {self._device} {what}: {said}.") from None


def raw_format(name: str, size_hw: tuple[int, int]) -> RawFormat:
    """How pixels lie that a camera calls so: `Mono12Packed`, `RGB8`, `BayerRG8`, ...

    Raises:
        SettingError: blemish does not read them.
    """
    plain = name.lower()
    if plain.startswith(("rgb", "bgr")):
        plain = plain.removesuffix("packed")  # as GigE Vision called it: nothing is packed
    return RawFormat.named(f"{size_hw[1]}x{size_hw[0]}:{plain}")


def _four(region: Any) -> tuple[int, int, int, int]:
    return region.x, region.y, region.width, region.height


def _spelled(value: bool | int | float | str) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingError(f"'{name}' must be in [{low:g}, {high:g}]; got {value:g}.")
