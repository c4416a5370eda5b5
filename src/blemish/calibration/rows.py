"""Rows of images that were scored as if they were new, and what counts as one of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from blemish.errors import CalibrationError
from blemish.wording import first_few

MOST_NAMED = 20

# What a model file keeps of such an image: id, sha256, score, peak of its map.
Row = tuple[str, str, float, float]


def check_finite(rows: Iterable[Row]) -> None:
    """Raise `CalibrationError` with the names of images whose score or peak is not finite."""
    wrong = [row[0] for row in rows if not (math.isfinite(row[2]) and math.isfinite(row[3]))]
    if wrong:
        raise CalibrationError(
            f"A score is not a finite number (NaN or infinite) of "
            f"{first_few(wrong, MOST_NAMED)}. Look at these images, and at the backbone; what is "
            "wrong with them must go."
        )


def one_a_key(rows: Mapping[str, Row], keys: Mapping[str, str]) -> list[Row]:
    """One row for images that belong together (copies, a group), with the largest score of each.

    They are one draw from the line, not several: counting each would promise too much.

    Args:
        rows: by the image's id.
        keys: what keeps images together, by the image's id; in the order wanted.
    """
    return [
        (same[0][0], same[0][1], max(row[2] for row in same), max(row[3] for row in same))
        for same in _together(rows, keys)
    ]


def highest_peaks(rows: Mapping[str, Row], keys: Mapping[str, str]) -> dict[str, float]:
    """Of images that belong together the one whose map peaks highest, with that peak."""
    highest = (max(same, key=lambda row: row[3]) for same in _together(rows, keys))
    return {row[0]: row[3] for row in highest}


def _together(rows: Mapping[str, Row], keys: Mapping[str, str]) -> list[list[Row]]:
    together: dict[str, list[Row]] = {}
    for name, key in keys.items():
        together.setdefault(key, []).append(rows[name])
    return list(together.values())
