"""Make the contact sheet of the drawn surfaces: a good part and each defect, a row a surface.

python tools/surfaces_sheet.py docs/images/surfaces.jpg
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np

from blemish.files import write_whole
from blemish.images.overlay import encode_jpeg
from blemish.surfaces.drawing import SURFACES, draw_defect, draw_good

SIZE_PX, SHOWN_PX = 512, 256
GAP_PX = 12  # in pixels as drawn
MOST_BYTES = 150_000
DIFFICULTY = 0.2  # and of several numbers the largest: it has to show at this size
NUMBERS = range(6)


def main(output: Path) -> None:
    """Draw the sheet."""
    rows = [np.concatenate(row(category), axis=1) for category in SURFACES]
    sheet = np.concatenate(rows, axis=0)[:-GAP_PX, :-GAP_PX]
    long_side_px = SHOWN_PX * sheet.shape[1] // (SIZE_PX + GAP_PX)
    qualities = range(90, 20, -5)
    jpegs = (encode_jpeg(sheet, long_side_px=long_side_px, quality=q) for q in qualities)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(output, next(jpeg for jpeg in jpegs if len(jpeg) < MOST_BYTES))


def row(category: str) -> list[np.ndarray]:
    """A good image, then one of each defect type."""
    draw = partial(draw_defect, size_px=SIZE_PX, difficulty=DIFFICULTY)
    defects = [
        max(
            (draw(category, kind, number) for number in NUMBERS),
            key=lambda drawn: drawn[1].sum(),
        )[0]
        for kind in SURFACES[category]
    ]
    images = [draw_good(category, 0, size_px=SIZE_PX), *defects]
    edges = ((0, GAP_PX), (0, GAP_PX), (0, 0))
    return [np.pad(image, edges, constant_values=255) for image in images]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
