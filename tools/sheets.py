"""Pictures put together for the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from blemish.files import write_whole
from blemish.images.overlay import encode_jpeg

GAP_PX = 12
MOST_BYTES = 150_000


def write_sheet(output: Path, rows: Sequence[Sequence[np.ndarray]], *, long_side_px: int) -> None:
    """Write images of one size, H x W x 3, in rows, as a JPEG that is as good as fits."""
    edges = ((0, GAP_PX), (0, GAP_PX), (0, 0))
    padded = [[np.pad(image, edges, constant_values=255) for image in row] for row in rows]
    sheet = np.concatenate([np.concatenate(row, axis=1) for row in padded])[:-GAP_PX, :-GAP_PX]
    qualities = range(90, 20, -5)
    jpegs = (encode_jpeg(sheet, long_side_px=long_side_px, quality=q) for q in qualities)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(output, next(jpeg for jpeg in jpegs if len(jpeg) < MOST_BYTES))
