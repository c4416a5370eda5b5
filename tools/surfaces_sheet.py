"""Make the contact sheet of the drawn surfaces: a good part and each defect, a row a surface.

python tools/surfaces_sheet.py docs/images/surfaces.jpg
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
from sheets import write_sheet

from blemish.surfaces.drawing import SURFACES, draw_defect, draw_good

SIZE_PX, SHOWN_PX = 512, 256
DIFFICULTY = 0.2  # and of several numbers the largest: it has to show at this size
NUMBERS = range(6)


def main(output: Path) -> None:
    """Draw the sheet."""
    rows = [row(category) for category in SURFACES]
    write_sheet(output, rows, long_side_px=SHOWN_PX * max(map(len, rows)))


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
    return [draw_good(category, 0, size_px=SIZE_PX), *defects]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
