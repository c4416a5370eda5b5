"""Points around a few centres."""

from __future__ import annotations

import numpy as np


def cloud(rows, dimensions, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((7, dimensions)) * 3
    return (centres[rng.integers(7, size=rows)] + spread * rng.standard_normal((rows, dimensions))
            ).astype(np.float32)  # fmt: skip
