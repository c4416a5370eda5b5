"""Zones as people draw them: named shapes that are inspected, or that are not.

Where no zone says what is inspected, all is, but for those that say what is not. Of zones that
overlap the later one has the pixels.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blemish.errors import DataError, SettingError
from blemish.zones.inspected import Inspected
from blemish.zones.reading import read_zones
from blemish.zones.shapes import Box, Painting, Zone

WHOLE = "image"  # the one zone where none says what is inspected
TOLERANCE_PX = 1.0  # a corner may lie outside of the image by so much: a drawing ends at its border
MOST = 255  # zones

_ROI = re.compile(r"\s*" + r"\s*,\s*".join([r"(-?\d+)"] * 4) + r"\s*")


@dataclass(frozen=True)
class Zones:
    """Zones of images of one size.

    Attributes:
        zones: in the order drawn.
        size_hw: of the images; `None` where that is not said, and any will do that holds them.
        source: what to call them in errors.
    """

    zones: tuple[Zone, ...]
    size_hw: tuple[int, int] | None = None
    source: str = field(default="the zones", compare=False)

    @classmethod
    def read(cls, path: str | Path) -> Zones:
        """The zones that a PNG or JSON file draws; see `zones.reading`.

        Raises:
            DataError: it is missing, or is not such a file.
            ImageError: a mask cannot be read.
        """
        return cls(*read_zones(Path(path)), source=str(path))

    @classmethod
    def roi(cls, x: int, y: int, width: int, height: int) -> Zones:
        """One rectangle, a region of interest; nothing else is inspected.

        Raises:
            SettingError: it has no pixel, or begins outside of every image.
        """
        if min(width, height) < 1 or min(x, y) < 0:
            raise SettingError(
                "'roi' must be left, top, width and height in pixels, the latter two at least 1; "
                f"got {x},{y},{width},{height}.",
                parameter="roi",
            )
        return cls((Zone("roi", Box(x, y, width, height)),), source="the region of interest")

    @property
    def fingerprint(self) -> str:
        """A hash of what they say, hexadecimal, whatever file says it."""
        said = hashlib.sha256(repr(self.size_hw).encode())
        for zone in self.zones:
            shape = zone.shape
            pixels = shape.pixels.tobytes() if isinstance(shape, Painting) else b""
            said.update(
                repr((replace(zone, shape=Box(0, 0, 0, 0)), "" if pixels else shape)).encode()
                + pixels
            )
        return said.hexdigest()

    @classmethod
    def named(cls, text: str) -> Zones:
        """Zones as they are typed: the path of a file, or `left,top,width,height` of one rectangle.

        Raises:
            DataError: the file is missing, or is not such a file.
            ImageError: a mask cannot be read.
            SettingError: the rectangle has no pixel.
        """
        numbers = _ROI.fullmatch(text)
        return cls.roi(*map(int, numbers.groups())) if numbers else cls.read(text)

    def on(self, size_hw: tuple[int, int]) -> Inspected:
        """Which pixels of images of a size are inspected.

        Raises:
            DataError: the zones are of images of another size, one reaches outside, covers no
                pixel or none that a later zone leaves to it, nothing is left to be inspected, or
                they contradict each other.
        """
        if self.size_hw is not None and self.size_hw != size_hw:
            raise DataError(
                f"{self.source}: drawn for images of {_spell(self.size_hw)} pixels, and the images "
                f"are {_spell(size_hw)} (width x height)."
            )
        painted = [(zone, self._painted(zone, size_hw)) for zone in self.zones]
        wanted = list(dict.fromkeys(zone.name for zone in self.zones if not zone.ignored))
        if len(wanted) > MOST:
            raise DataError(f"{self.source}: has {len(wanted)} zones; at most {MOST}.")
        labels = np.full(size_hw, 0 if wanted else 1, np.uint8)
        for zone, pixels in painted:
            if not zone.ignored:
                labels[pixels] = 1 + wanted.index(zone.name)
        for zone, pixels in painted:
            if zone.ignored:
                labels[pixels] = 0
        names = tuple(wanted) or (WHOLE,)
        for number, name in enumerate(names, start=1):
            if not (labels == number).any():
                raise DataError(
                    f"{self.source}: nothing of zone '{name}' is left to be inspected: others "
                    "cover all of it."
                )
        return Inspected(labels, names, *self._rules(names))

    def _rules(self, names: Sequence[str]) -> tuple[tuple[float, ...], tuple[int, ...]]:
        """Shares and smallest regions of the zones."""
        said = {name: [zone for zone in self.zones if zone.name == name] for name in names}
        shares = [self._one_of(name, [zone.share for zone in said[name]]) for name in names]
        least = [self._one_of(name, [zone.smallest_px for zone in said[name]]) for name in names]
        given = [share for share in shares if share is not None]
        if given and len(given) < len(names):
            raise DataError(
                f"{self.source}: either all zones have a share of the false alarms or none; "
                f"'{names[shares.index(None)]}' has none."
            )
        smallest = [int(pixels or 1) for pixels in least] if any(least) else []
        return tuple(share / sum(given) for share in given), tuple(smallest)

    def _one_of(self, name: str, values: Sequence[float | None]) -> float | None:
        """What is said of shapes of one name, which is said once or alike."""
        said = {value for value in values if value is not None}
        if len(said) > 1:
            raise DataError(
                f"{self.source}: zone '{name}' is given {min(said):g} and {max(said):g} for the "
                "same; say it once."
            )
        return said.pop() if said else None

    def _painted(self, zone: Zone, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
        x0, y0, x1, y1 = zone.shape.extent()
        height, width = size_hw
        reach = -TOLERANCE_PX, width + TOLERANCE_PX, height + TOLERANCE_PX
        if min(x0, y0) < reach[0] or x1 > reach[1] or y1 > reach[2]:
            raise DataError(
                f"{self.source}: zone '{zone.name}' reaches from ({x0:g}, {y0:g}) to "
                f"({x1:g}, {y1:g}), outside of images of {_spell(size_hw)} pixels (width x height)."
            )
        pixels = np.zeros(size_hw, np.bool_)
        zone.shape.paint(pixels)
        if not pixels.any():
            raise DataError(f"{self.source}: zone '{zone.name}' covers no pixel.")
        return pixels


def _spell(size_hw: Sequence[int]) -> str:
    return f"{size_hw[1]} x {size_hw[0]}"
