"""Make the contact sheet of the drawn box: good ones, then one of each defect of logic.

python tools/logical_sheet.py docs/images/logical.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sheets import write_sheet

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from logical import DEFECTS, box

SHOWN_PX = 160
GOOD = (None,) * len(DEFECTS)


def main(output: Path) -> None:
    """Draw the sheet."""
    rng = np.random.default_rng(0)
    rows = [[box(rng, defect) for defect in row] for row in (GOOD, DEFECTS)]
    write_sheet(output, rows, long_side_px=SHOWN_PX * len(DEFECTS))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
