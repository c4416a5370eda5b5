"""Make the contact sheet of synthetic defects: a row a content, a column a place.

python tools/defects_sheet.py docs/images/defects.jpg
"""

from __future__ import annotations

import sys
from itertools import cycle
from pathlib import Path

import numpy as np

from blemish.detectors.synthetic.contents import CONTENTS
from blemish.detectors.synthetic.covers import COVERS
from blemish.detectors.synthetic.spoil import spoil
from blemish.files import write_whole
from blemish.images.overlay import encode_jpeg
from blemish.surfaces.drawing import draw_good

SHOWN = ("leather", "grid", "tile")  # in turns: what is moved has to show
SIZE_PX, SHOWN_PX, GAP_PX = 256, 128, 8
MOST_BYTES = 150_000


def main(output: Path) -> None:
    """Draw the sheet."""
    surfaces = cycle(SHOWN)
    rows = [np.concatenate(row(content, next(surfaces)), axis=1) for content in CONTENTS]
    sheet = np.concatenate(rows, axis=0)[:-GAP_PX, :-GAP_PX]
    long_side_px = max(sheet.shape[:2]) * SHOWN_PX // SIZE_PX
    qualities = range(90, 20, -5)
    jpegs = (encode_jpeg(sheet, long_side_px=long_side_px, quality=q) for q in qualities)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(output, next(jpeg for jpeg in jpegs if len(jpeg) < MOST_BYTES))


def row(content: str, surface: str) -> list[np.ndarray]:
    """A content in each place, on images of one surface."""
    good, other = (
        draw_good(surface, number, size_px=SIZE_PX).astype(np.float32) for number in range(2)
    )
    edges = ((0, GAP_PX), (0, GAP_PX), (0, 0))
    images = []
    for number, cover in enumerate(COVERS):
        rng = np.random.default_rng([number, *content.encode()])
        spoilt = spoil(rng, good, other, cover=cover, content=content)
        drawn = np.rint(spoilt.image).astype(np.uint8)
        images.append(np.pad(drawn, edges, constant_values=255))
    return images


if __name__ == "__main__":
    main(Path(sys.argv[1]))
