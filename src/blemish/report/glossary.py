"""How each figure of a report is defined, in words for whoever reads it."""

from __future__ import annotations

from blemish.metrics.catalogue import FIGURES

FIRST = (
    (
        "Score",
        "What the model says of an image or a pixel: raw, unbounded, higher is more "
        "anomalous. All figures are taken from raw scores; none from rounded, squashed or "
        "drawn ones.",
    ),
    (
        "Image and pixel level",
        "Image: one score for each test image. Pixel: the pixels of all test images "
        "pooled, good ones included, at the original resolution; a pixel of a mask counts as "
        "defect where it is not zero.",
    ),
)
LAST = (
    (
        "Interval",
        "In square brackets, with 95% confidence: what the figure might have been with other test "
        "images of the same kind. With few images it is wide, and two detectors whose "
        "intervals overlap widely are not told apart.",
    ),
    (
        "False regions",
        "Regions that a thousand good images show above the calibrated pixel threshold: expected "
        "from training images left out, and seen on the good test images.",
    ),
    (
        "Several seeds",
        "A figure is the mean over seeds, with the lowest and highest below it; counts are "
        "summed. Means over categories give each category the same weight and leave out what "
        "is undefined.",
    ),
    (
        "Dash",
        "The figure is undefined, for instance at pixel level without masks, or the job failed.",
    ),
)


def glossary() -> list[tuple[str, str]]:
    """Terms and their meanings: what a reader must know first, all figures, what else is shown."""
    figures = {figure.term or figure.title: figure.definition for figure in FIGURES}
    return [*FIRST, *figures.items(), *LAST]
