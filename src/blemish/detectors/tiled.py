"""Settings of detectors that can look at a large image in tiles, one after the other.

Like all settings they are read before NumPy is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from blemish.detectors.settings import DetectorSettings
from blemish.errors import SettingError
from blemish.graph.tile_grid import Tiles
from blemish.graph.working_size import THOUSANDTHS, WorkingSize
from blemish.settings import setting

# Where only some of it is given: with the embedded backbone seams then show in the third digit.
TILE_PX, TILE_SHARE = 1024, 4
LARGEST_TILE_PX = 4096


@dataclass(frozen=True)
class TiledSettings(DetectorSettings):
    """Tiles, and working images that are as large as the images are."""

    tile: int | tuple[int, int] | None = setting(
        None,
        "side of the tiles that a working image is looked at in, in its pixels, or their height "
        "and width; 1024 where only scale is given, and without either there are none",
        at_least=32,
        at_most=LARGEST_TILE_PX,
    )
    overlap: int | None = setting(
        None,
        "pixels by which tiles overlap at least; a quarter of their shorter side by default",
        at_least=0,
        at_most=LARGEST_TILE_PX,
    )
    scale: float | None = setting(
        None,
        "size of a working image beside the image, 1.0 for all its pixels, in place of image_size; "
        "1.0 where only tile is given",
        at_least=0.01,
        at_most=2,
    )

    def contradictions(self) -> list[str]:
        """Problems between settings that are each allowed."""
        problems = super().contradictions()
        if self.scale is not None and self.image_size is not None:
            problems.append("'scale' and 'image_size' both size the working image; give one.")
        if self.scale is not None and self.resize != "stretch":
            problems.append(
                f"'scale' keeps the aspect by itself: leave 'resize' out; got {self.resize!r}."
            )
        if self.overlap is not None and not self.is_tiled:
            problems.append("'overlap' is that of tiles; give 'tile', or 'scale', as well.")
        if problems or not self.is_tiled:
            return problems
        smallest = min(self.tile_hw)
        if self.overlap_px >= smallest:
            problems.append(
                f"'overlap' must be less than the side of a tile, {smallest}; got "
                f"{self.overlap_px}."
            )
        if not self.is_scaled and self.resize == "stretch":
            problems += _larger(self.tile_hw, self.size_hw, "the working image ('image_size')")
        return problems

    @property
    def is_tiled(self) -> bool:
        """Whether working images are looked at in tiles."""
        return self.tile is not None or self.scale is not None

    @property
    def is_scaled(self) -> bool:
        """Whether working images are as large as images are, times `scale`."""
        only_tile = self.tile is not None and self.image_size is None and self.resize == "stretch"
        return self.scale is not None or only_tile

    @property
    def tile_hw(self) -> tuple[int, int]:
        """Height and width of the tiles, if there are some."""
        side = TILE_PX if self.tile is None else self.tile
        return (side, side) if isinstance(side, int) else side

    @property
    def seen_hw(self) -> tuple[int, int]:
        """Height and width of what a network sees at once: of a tile, or of the working image."""
        return self.tile_hw if self.is_tiled else self.size_hw

    @property
    def overlap_px(self) -> int:
        """By which they overlap at least."""
        return min(self.tile_hw) // TILE_SHARE if self.overlap is None else self.overlap

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the working image, before it is padded; of a tile with a scale."""
        return self.tile_hw if self.is_scaled else super().size_hw

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values, with the sizes that hold."""
        values = super().to_dict()
        if not self.is_tiled:
            return values
        tile = self.tile if isinstance(self.tile, int) else list(self.tile_hw)
        values |= {"tile": TILE_PX if self.tile is None else tile, "overlap": self.overlap_px}
        if self.is_scaled:
            values |= {"image_size": None, "scale": self.scale or 1.0}
        return values

    def working_size(self, multiple: int) -> WorkingSize:
        """How images are resized; padded sizes are multiples of `multiple` pixels."""
        tiles = Tiles(self.tile_hw, self.overlap_px, multiple) if self.is_tiled else None
        if not self.is_scaled:
            return WorkingSize(self.size_hw, self.resize, multiple, tiles)
        scale = round(THOUSANDTHS * (1.0 if self.scale is None else self.scale))
        return WorkingSize(self.size_hw, "scale", multiple, tiles, scale)

    def check_tiles(self, multiple: int, sizes_hw: Sequence[tuple[int, int]]) -> None:
        """Raise `SettingError` where tiles do not go with a network, or with images.

        Args:
            multiple: of pixels that a tile must be: the coarsest stride of what looks at it.
            sizes_hw: of the images.
        """
        if not self.is_tiled:
            return
        sides = {"tile": self.tile_hw} | ({} if self.is_scaled else {"image_size": self.size_hw})
        if not self.is_scaled and self.resize != "stretch":
            del sides["image_size"]
        for name, (height, width) in sides.items():
            if height % multiple or width % multiple:
                got = height if height == width else f"{height} x {width}"
                works = [-(-side // multiple) * multiple for side in (height, width)]
                raise SettingError(
                    f"'{name}' must be a multiple of {multiple} with tiles, so that their cells "
                    f"are those of the whole image; got {got}, the next that works is "
                    f"{works[0] if height == width else ' x '.join(map(str, works))}."
                )
        size = self.working_size(multiple)
        for image_hw in dict.fromkeys(sizes_hw):
            content_hw, _ = size.working_hw(image_hw)
            what = f"the working image of an image of {image_hw[0]} x {image_hw[1]}"
            for problem in _larger(self.tile_hw, content_hw, what):
                raise SettingError(problem)


def _larger(tile_hw: tuple[int, int], size_hw: tuple[int, int], what: str) -> list[str]:
    """The problem of a tile that is larger than what it is a part of, if it is."""
    if tile_hw[0] <= size_hw[0] and tile_hw[1] <= size_hw[1]:
        return []
    (height, width), (whole, across) = tile_hw, size_hw
    return [
        f"'tile' must not be larger than {what}, {whole} x {across} pixels; got {height} x {width}."
        " Give a smaller one, or none: then the image is looked at as a whole."
    ]
