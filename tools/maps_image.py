"""Make the picture of maps: drawn defects, the map of one bank, and that of a head.

python tools/maps_image.py docs/images/maps.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sheets import write_sheet

import blemish
from blemish.images.overlay import heat_map, overlay

SHOWN = {"leather": ("cut", "poke", "glue"), "grid": ("thread", "broken")}
SETTINGS = ({}, {"head": "distance"})


def main(output: Path) -> None:
    """Fit both ways on each surface, and show a defect of each type by both."""
    columns = []
    for surface, kinds in SHOWN.items():
        dataset = blemish.open_dataset(f"surfaces/{surface}")
        models = [blemish.fit(dataset, blemish.PatchCore(**settings)) for settings in SETTINGS]
        columns += [column(models, dataset, kind) for kind in kinds]
    rows = list(zip(*columns, strict=True))
    write_sheet(output, rows, long_side_px=1200)


def column(models: list[blemish.Model], dataset: blemish.Dataset, kind: str) -> list[np.ndarray]:
    """The image with its mask, and the maps of both with what is above their thresholds."""
    sample = next(s for s in dataset.test if s.defect_type == kind)
    image = sample.read()
    mask = sample.read_mask(image.shape[:2])
    nothing = np.zeros(image.shape[:2], np.float32)
    cells = [overlay(image, nothing, threshold=1.0, mask=mask)]
    for model in models:
        threshold = model.calibration.pixel_threshold
        cells.append(heat_map(model.predict(sample).score_map, threshold=threshold))
    return cells


if __name__ == "__main__":
    main(Path(sys.argv[1]))
