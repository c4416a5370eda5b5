"""What helps to set a camera up: how sharp its image is, and whether it is too bright."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 64


def seen(image: NDArray[Any]) -> dict[str, Any]:
    """What there is to say of an image, H x W x 3, as plain JSON values.

    Returns:
        `focus`, `histogram` (shares of grey values from black to white), `clipped` (share of pixels
        that are as bright as can be) and `size_px` (width, height).
    """
    white = np.iinfo(image.dtype).max
    grey = image.mean(axis=2, dtype=np.float32)
    counts, _ = np.histogram(grey, BINS, (0, white))
    return {
        "focus": focus_of(grey),
        "histogram": (counts / grey.size).tolist(),
        "clipped": float((grey >= white).mean()),
        "size_px": list(image.shape[1::-1]),
    }


def focus_of(grey: NDArray[np.float32]) -> float:
    """Higher is sharper, for the same scene; light does not change it.

    Squared differences of grey values two pixels apart (Brenner et al., 1976), along both axes, of
    means of 2 x 2 pixels, against noise; over the squared mean grey. H x W, at least 4 x 4.
    """
    level = float(grey.mean())
    if level == 0:
        return 0.0
    rows = grey[1:] + grey[:-1]
    smooth = (rows[:, 1:] + rows[:, :-1]) / 4
    across, down = smooth[:, 2:] - smooth[:, :-2], smooth[2:] - smooth[:-2]
    return float(np.square(across).mean() + np.square(down).mean()) / level**2
