"""Make the README's picture: a drawn surface, its anomaly map, and the flagged regions.

python tools/readme_picture.py docs/images/weave.jpg
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from demo import draw

import blemish
from blemish.files import write_whole
from blemish.images.overlay import encode_jpeg, heat_map, overlay


def main(output: Path) -> None:
    """Fit on the drawn surface and draw the scratch that stands out most."""
    with tempfile.TemporaryDirectory() as folder:
        (data,), backbone = draw(Path(folder))
        dataset = blemish.open_dataset(data)
        model = blemish.fit(dataset, blemish.PatchCore(backbone=str(backbone)))
        scratches = [sample for sample in dataset.test if sample.defect_type == "scratch"]
        results = {sample: model.predict(sample.path) for sample in scratches}
        sample = max(scratches, key=lambda s: results[s].score)
        result, picture = results[sample], sample.read()
        threshold = model.calibration.pixel_threshold
        gap = np.full((picture.shape[0], 8, 3), 255, np.uint8)
        parts = [
            picture, gap, heat_map(result.score_map, threshold=threshold), gap,
            overlay(picture, result.score_map, threshold=threshold, regions=result.regions),
        ]  # fmt: skip
    output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(output, encode_jpeg(np.concatenate(parts, axis=1), long_side_px=800, quality=92))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
