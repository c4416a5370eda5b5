"""Images of a video, as they are to be judged: RGB, upright, of one moment, undamaged.

* Colours as the stream says (range, matrix); FFmpeg's usual where it says nothing.
* Turned as its display matrix says, by multiples of 90 degrees.
* Interlaced images hold two moments; one is taken, its missing lines interpolated.
* What FFmpeg had to make up, where packets were lost, is left out and counted, and so is what
  builds on it, up to the next key frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import av
import numpy as np
from av.error import FFmpegError, InvalidDataError
from av.video.reformatter import Interpolation

from blemish.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from blemish.station.sources.addresses import Address

MOST_PIXELS = 200_000_000
_LIVE = {"fflags": "nobuffer+discardcorrupt"}
_DECODER = {"err_detect": "explode", "max_pixels": str(MOST_PIXELS)}


class VideoStream:
    """A video that is open; a context manager. All of it is for one thread at a time.

    Args:
        address: what to open.
        options: for FFmpeg, besides those of the address.
        timeout_seconds: for opening, and for each read.
        lost: called for each image or packet that is left out.

    Raises:
        ImageError: it cannot be opened, or holds no video.
    """

    def __init__(
        self,
        address: Address,
        *,
        options: dict[str, str],
        timeout_seconds: float,
        lost: Callable[[], None],
    ) -> None:
        self._address, self._lost = address, lost
        self._whole = True
        live = address.path is None
        try:
            self._container = av.open(
                address.file,
                format=address.format,
                options={**(_LIVE if live else {}), **address.options, **options},
                timeout=timeout_seconds,
            )
        except (FFmpegError, OSError, ValueError) as error:
            raise ImageError(f"{address.shown} cannot be opened: {_why(error)}.") from None
        if not self._container.streams.video:
            self._container.close()
            raise ImageError(f"{address.shown} holds no video.")
        self._stream = self._container.streams.video[0]
        self._stream.codec_context.options = _DECODER | ({"flags": "low_delay"} if live else {})

    def __enter__(self) -> VideoStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def told(self) -> str:
        """What it is, for people."""
        codec = self._stream.codec_context
        return f"{codec.width} x {codec.height}, {codec.name}, {self._address.shown}"

    def frames(self) -> Iterator[av.VideoFrame]:
        """Frames as they come, without those that are damaged.

        Raises:
            ImageError: it broke off.
        """
        try:
            for packet in self._container.demux(self._stream):
                yield from self._decoded(packet)
        except (FFmpegError, OSError) as error:
            raise ImageError(f"{self._address.shown} broke off: {_why(error)}.") from None

    def _decoded(self, packet: av.Packet) -> Iterator[av.VideoFrame]:
        """Whole frames; after a lost one those that build on it are lost too."""
        try:
            frames = [] if packet.is_corrupt else packet.decode()
            self._whole &= not packet.is_corrupt
        except InvalidDataError:
            frames, self._whole = [], False
        for frame in frames:
            self._whole = not frame.is_corrupt and (self._whole or frame.key_frame)
            if self._whole:
                yield frame
        if not self._whole:
            self._lost()


def pixels_of(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """The image, H x W x 3, upright."""
    height, turns = frame.height, round(frame.rotation / 90)
    if frame.interlaced_frame:
        frame = _one_field(frame)
    image = frame.reformat(
        frame.width, height, format="rgb24", interpolation=Interpolation.BICUBIC
    ).to_ndarray()
    return np.ascontiguousarray(np.rot90(image, turns))


def _one_field(frame: av.VideoFrame) -> av.VideoFrame:
    """Its lines of one moment, half as many."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    field, sink = graph.add("field", "top"), graph.add("buffersink")
    source.link_to(field)
    field.link_to(sink)
    graph.configure()
    graph.push(frame)
    return graph.pull()


def _why(error: Exception) -> str:
    """Without the address, which may hold a password."""
    text = getattr(error, "strerror", None) or type(error).__name__
    return "nothing came in time" if text == "Immediate exit requested" else str(text)
