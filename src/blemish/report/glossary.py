"""How each figure of a report is defined, in words for whoever reads it."""

from __future__ import annotations

GLOSSARY = (
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
        "defect above half of full white.",
    ),
    (
        "AUROC",
        "Area under the ROC curve: the chance that a random defect scores above a random good "
        "one, ties counting half. 0.5 is guessing, 1 is perfect.",
    ),
    (
        "AP",
        "Average precision: precision averaged over recall, each threshold weighted by the "
        "recall it adds. Unlike AUROC it falls with the share of defects in the test set.",
    ),
    (
        "F1-max",
        "The highest F1 (harmonic mean of precision and recall) over all thresholds. It "
        "chooses its threshold with the labels of the test images, so it is a bound and not "
        "a promise.",
    ),
    (
        "F1",
        "F1 at the calibrated threshold, which was found from good training images alone. (For "
        "maps of other tools: at a threshold that the user set, if any.)",
    ),
    (
        "Recall at 0, 1, 5%",
        "Share of defect images found at the lowest threshold that flags no more than this share "
        "of the good test images. It chooses its threshold as F1-max does, so it peeks, too.",
    ),
    (
        "PRO and AU-PRO",
        "PRO is the share of a labelled region that is found, averaged over all regions, so that a "
        "scratch counts as much as a broken corner. AU-PRO is the area under PRO over the share of "
        "other pixels that are flagged, up to 0.3 or 0.05, divided by that limit.",
    ),
    (
        "AUPIMO",
        "How much of each image's defect is found while good images stay all but clean: the "
        "area under its recall where 1 in 100 000 to 1 in 10 000 pixels of good images are "
        "flagged, averaged over images. The strictest of these figures.",
    ),
    (
        "Regions found",
        "Region recall: the share of labelled regions (touching pixels of a mask) with at least "
        "one pixel above the calibrated threshold.",
    ),
    (
        "Interval",
        "In square brackets, with 95% confidence: what the figure might have been with other test "
        "images of the same kind. With few images it is wide, and two detectors whose "
        "intervals overlap widely are not told apart.",
    ),
    (
        "False alarms",
        "Share of good images (or pixels) above the calibrated threshold. Promised is the "
        "rate that calibration was asked to keep on images like the training ones, at image "
        "level. Model-based means that the rate is below what so many images can promise and "
        "comes from a fitted tail; by costs, that the threshold follows the costs of misses and "
        "false alarms.",
    ),
    (
        "False regions",
        "Regions that a thousand good images show above the calibrated pixel threshold: expected "
        "from training images left out, and seen on the good test images.",
    ),
    (
        "Misses",
        "Share of defect images (or pixels) not above the calibrated threshold.",
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
