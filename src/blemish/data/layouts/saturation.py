"""How much of a defect is enough to be found, as MVTec LOCO AD says it in `defects_config.json`.

An array of objects, one a kind of defect: `pixel_value` of its masks, `saturation_threshold`, and
`relative_saturation`: whether that is a share of the region, or pixels. Bergmann et al., IJCV 130,
2022.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from blemish.errors import DataError
from blemish.typed_json import JsonError, read_json

Saturation = tuple[tuple[int, float, bool], ...]


def read_saturation(path: Path) -> Saturation:
    """Values of pixels, each with how much is enough, and whether that is a share of the region.

    Raises:
        DataError: the file cannot be read, or is laid out otherwise.
    """
    try:
        kinds = read_json(path.read_text(encoding="utf-8-sig"))
        if not isinstance(kinds, list) or not kinds:
            raise TypeError("it is no array of kinds of defects")
        return tuple(map(_entry, kinds))
    except (OSError, UnicodeDecodeError, JsonError, TypeError, KeyError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read ({error}); it must be an array of objects with pixel_value, "
            "saturation_threshold and relative_saturation."
        ) from error


def _entry(kind: Any) -> tuple[int, float, bool]:
    value, enough = int(kind["pixel_value"]), float(kind["saturation_threshold"])
    of_region = bool(kind["relative_saturation"])
    if not 0 < value < 256 or enough <= 0 or (of_region and enough > 1):
        raise ValueError(f"pixel_value {value}, saturation_threshold {enough:g}")
    return value, enough, of_region
