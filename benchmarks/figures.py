"""Figures of scores and maps that a benchmark made itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

PIXEL_FIGURES = ("auroc", "ap", "f1_max", "au_pro_30")


def masked(samples: Iterable[Any]) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_] | None]]:
    """Pixels and mask of test images: empty on good ones, `None` where none is known."""
    for sample in samples:
        pixels = sample.read()
        size_hw = pixels.shape[:2]
        good = sample.label == "good"
        yield pixels, np.zeros(size_hw, bool) if good else sample.read_mask(size_hw)


def of_images(scores: Sequence[float], defective: Sequence[bool]) -> dict[str, float | None]:
    """AUROC and F1-max."""
    from blemish.metrics.ranking import auroc, f1_max, rank

    counts = rank(scores, defective)
    best, peak = auroc(counts), f1_max(counts)
    return {
        "image_auroc": None if best is None else round(best, 5),
        "image_f1_max": None if peak is None else round(peak[0], 5),
    }


def of_pixels(pixels: Any) -> dict[str, float]:
    """Of the pixels and regions of a `PixelScores`."""
    from blemish.evaluation.figures import pixel_figures

    found = pixel_figures(pixels, pixels.count())
    return {f"pixel_{name}": round(found[name], 5) for name in PIXEL_FIGURES}
