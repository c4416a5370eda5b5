"""Images of good parts that a first model is to be made of: a folder of the station."""

from __future__ import annotations

import re
import shutil
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from blemish.errors import UsageError
from blemish.files import write_whole
from blemish.images.header import FileContent, probe_image
from blemish.station.inspection import View

WANTED = 30  # enough to begin with
MOST = 1000
NAME = re.compile(r"[0-9]{4}\.[a-z0-9]{2,4}")
SUFFIXES = {
    "PNG": ".png",
    "JPEG": ".jpg",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "WEBP": ".webp",
    "PNM": ".ppm",
    "JPEG 2000": ".jp2",
    "AVIF": ".avif",
    "HEIF": ".heif",
    "JPEG XL": ".jxl",
}


class Collected:
    """The images, by names that they are given here: what others call them is never a path.

    Args:
        folder: of them; made when the first one comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock()

    def names(self) -> list[str]:
        """Of all, in the order in which they came."""
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if NAME.fullmatch(path.name))

    def path_of(self, name: str) -> Path:
        """The file of one. Raises `UsageError` where there is none."""
        if name not in self.names():
            raise UsageError("There is no such image.")
        return self.folder / name

    def add(self, content: bytes) -> str:
        """Keep an image file; gives its name.

        Raises:
            ImageError: it is none that can be read.
            UsageError: there are very many already.
        """
        kind = probe_image(FileContent(content)).format
        return self._keep(content, SUFFIXES.get(kind, ".png"))

    def add_view(self, view: View) -> str | None:
        """Keep what a camera saw; `None` where there is nothing."""
        if view.content is not None:
            return self.add(view.content)
        return None if view.pixels is None else self._keep(*_encoded(view.pixels))

    def remove(self, name: str) -> None:
        """Let go of one. Raises `UsageError` where there is none."""
        self.path_of(name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Let go of all."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _keep(self, content: bytes, suffix: str) -> str:
        with self._lock:
            names = self.names()
            if len(names) >= MOST:
                raise UsageError(f"There are {MOST:,} images already; that is enough.")
            number = 1 + max((int(name[:4]) for name in names), default=0)
            name = f"{number:04}{suffix}"
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / name, content)
            return name


def _encoded(pixels: NDArray[Any]) -> tuple[bytes, str]:
    """Pixels as a file that keeps all of them: PNG, or PPM where they have 16 bits."""
    if pixels.dtype == "uint8":
        stream = BytesIO()
        Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
        return stream.getvalue(), ".png"
    height, width, _ = pixels.shape
    return b"P6\n%d %d\n65535\n" % (width, height) + pixels.astype(">u2").tobytes(), ".ppm"
