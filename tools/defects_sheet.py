"""Make the contact sheet of synthetic defects: a row a content, a column a place.

python tools/defects_sheet.py docs/images/defects.jpg
"""

from __future__ import annotations

import sys
from itertools import cycle
from pathlib import Path

import numpy as np
from sheets import write_sheet

from blemish.detectors.synthetic.contents import CONTENTS
from blemish.detectors.synthetic.covers import COVERS
from blemish.detectors.synthetic.spoil import spoil
from blemish.surfaces.drawing import draw_good

SHOWN = ("leather", "grid", "tile")  # in turns: what is moved has to show
SIZE_PX, SHOWN_PX = 256, 128


def main(output: Path) -> None:
    """Draw the sheet."""
    surfaces = cycle(SHOWN)
    rows = [row(content, next(surfaces)) for content in CONTENTS]
    write_sheet(output, rows, long_side_px=SHOWN_PX * len(rows))


def row(content: str, surface: str) -> list[np.ndarray]:
    """A content in each place, on images of one surface."""
    good, other = (
        draw_good(surface, number, size_px=SIZE_PX).astype(np.float32) for number in range(2)
    )
    images = []
    for number, cover in enumerate(COVERS):
        rng = np.random.default_rng([number, *content.encode()])
        spoilt = spoil(rng, good, other, cover=cover, content=content)
        images.append(np.rint(spoilt.image).astype(np.uint8))
    return images


if __name__ == "__main__":
    main(Path(sys.argv[1]))
