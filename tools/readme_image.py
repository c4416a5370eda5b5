"""Make the README's image: drawn leather with a cut, its anomaly map, and the flagged region.

python tools/readme_image.py docs/images/surface.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import blemish
from blemish.files import write_whole
from blemish.images.overlay import encode_jpeg, heat_map, overlay

GAP_PX = 12


def main(output: Path) -> None:
    """Fit on drawn leather and show the cut that stands out most."""
    dataset = blemish.open_dataset("surfaces/leather")
    model = blemish.fit(dataset, blemish.PatchCore())
    cuts = [sample for sample in dataset.test if sample.defect_type == "cut"]
    results = {sample: model.predict(sample) for sample in cuts}
    sample = max(cuts, key=lambda s: results[s].score)
    result, image = results[sample], sample.read()
    threshold = model.calibration.pixel_threshold
    gap = np.full((image.shape[0], GAP_PX, 3), 255, np.uint8)
    parts = [
        image, gap, heat_map(result.score_map, threshold=threshold), gap,
        overlay(image, result.score_map, threshold=threshold, regions=result.regions),
    ]  # fmt: skip
    output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(output, encode_jpeg(np.concatenate(parts, axis=1), long_side_px=1200, quality=90))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
