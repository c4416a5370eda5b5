"""Images, maps and drawings that are kept of inspections, a folder a day and inspection.

The id of an inspection begins with its time, so an id alone says where its pictures are.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blemish.files import temporary_beside
from blemish.images.overlay import encode_jpeg, overlay
from blemish.images.score_map import encode_score_map
from blemish.station.inspection import Inspection, View

ID = re.compile(r"[0-9a-f]{32}")
CAMERA = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
LONG_SIDE_PX, QUALITY = 1600, 88  # of a drawing
SUFFIXES = {
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"RIFF": ".webp",
}


class Picture(StrEnum):
    """What is kept."""

    IMAGE = "image"
    MAP = "map"
    OVERLAY = "overlay"


class Pictures:
    """What is kept below a folder.

    Args:
        folder: made when the first picture comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_of(self, inspection: str, camera: str, what: str) -> Path | None:
        """The file of a picture; `None` where it was not kept, or is gone.

        Args:
            inspection: its id.
            camera: whose view.
            what: `image`, `map` (NPY) or `overlay` (JPEG).
        """
        if ID.fullmatch(inspection) is None or CAMERA.fullmatch(camera) is None:
            return None
        folder = self._folder_of(inspection)
        with suppress(OSError):
            return next(iter(sorted(folder.glob(f"{camera}.{Picture(what)}.*"))), None)
        return None

    def keep(self, inspection: Inspection, kinds: frozenset[Picture]) -> int:
        """Write what there is of an inspection; gives its bytes.

        Pictures are whole or not there, but nobody waits for the disk: the record is what counts.

        Raises:
            OSError: they cannot be written.
        """
        folder, written = self._folder_of(inspection.id), 0
        folder.mkdir(parents=True, exist_ok=True)
        for view in inspection.views:
            for name, content in _pictures_of(view, kinds):
                path = folder / f"{view.camera}.{name}"
                temporary = temporary_beside(path)
                try:
                    temporary.write_bytes(content)
                    temporary.replace(path)
                finally:
                    temporary.unlink(missing_ok=True)
                written += len(content)
        return written

    def used_bytes(self) -> int:
        """What all of it takes."""
        return sum(map(_size, self.folder.rglob("*.*"))) if self.folder.is_dir() else 0

    def oldest(self) -> Iterator[Path]:
        """Folders of inspections, the oldest first."""
        with suppress(OSError):
            for day in sorted(self.folder.iterdir()):
                yield from sorted(one for one in day.iterdir() if ID.fullmatch(one.name))

    def remove(self, folder: Path) -> int:
        """Take away the pictures of an inspection; gives their bytes."""
        freed = sum(map(_size, folder.glob("*")))
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # others of that day are there
            folder.parent.rmdir()
        return freed

    def _folder_of(self, inspection: str) -> Path:
        milliseconds = int(inspection[:12], 16)
        with suppress(OverflowError, OSError, ValueError):
            day = datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()
            return self.folder / day / inspection
        return self.folder / "no day" / inspection


def _pictures_of(view: View, kinds: frozenset[Picture]) -> Iterator[tuple[str, bytes]]:
    """What there is of a view, by the ends of file names."""
    if Picture.IMAGE in kinds and (image := _image_of(view)) is not None:
        yield image
    found = view.prediction
    if found is None:
        return
    if Picture.MAP in kinds:
        yield f"{Picture.MAP}.npy", encode_score_map(found.score_map, "npy")
    if Picture.OVERLAY in kinds and view.pixels is not None:
        drawn = overlay(
            view.pixels,
            found.score_map,
            threshold=view.pixel_threshold or 1.0,
            regions=found.regions,
            inspected=view.inspected,
        )
        yield (
            f"{Picture.OVERLAY}.jpg",
            encode_jpeg(drawn, long_side_px=LONG_SIDE_PX, quality=QUALITY),
        )


def _image_of(view: View) -> tuple[str, bytes] | None:
    """The file as it came; pixels without a file as PNG."""
    if view.content is not None:
        suffix = next(
            (s for start, s in SUFFIXES.items() if view.content.startswith(start)), ".img"
        )
        return f"{Picture.IMAGE}{suffix}", view.content
    if view.pixels is None:
        return None
    return _encoded(view.pixels)


def _encoded(pixels: NDArray[Any]) -> tuple[str, bytes]:
    """Pixels as a file that keeps all of them: PNG, or PPM where they have 16 bits."""
    if pixels.dtype == np.uint8:
        stream = BytesIO()
        Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
        return f"{Picture.IMAGE}.png", stream.getvalue()
    height, width, _ = pixels.shape
    return f"{Picture.IMAGE}.ppm", b"P6\n%d %d\n65535\n" % (width, height) + pixels.astype(
        ">u2"
    ).tobytes()


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
