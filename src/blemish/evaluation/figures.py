"""From counts to named figures: of images, of pixels, of each type of defect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blemish.data.sample import GOOD
from blemish.metrics.decisions import Decisions, Thresholds, decide
from blemish.metrics.overlap import PRO_LIMITS, RegionCounts, au_pro, pro_curve
from blemish.metrics.pixels import PixelCounts, PixelScores
from blemish.metrics.ranking import (
    RECALL_RATES,
    RankCounts,
    auroc,
    average_precision,
    f1_max,
    rank,
    recall_within,
    roc_curve,
)
from blemish.metrics.regions import region_recall
from blemish.records.record import Curves, ImageRow, ProCurve, RocCurve

Figures = dict[str, float | None]
Rows = Sequence[ImageRow]
Points = tuple[list[float], list[float]] | None

AT_THRESHOLD = frozenset({"f1", "false_alarm_rate", "miss_rate", "region_recall"})
NO_THRESHOLD = {
    "image": "there is no threshold, neither calibrated nor given (--threshold)",
    "pixel": "there is no threshold, neither calibrated nor given (--pixel-threshold)",
}


def rank_images(rows: Rows) -> RankCounts:
    """Counts of the images' scores."""
    return rank([row.score for row in rows], [row.label != GOOD for row in rows])


def image_figures(rows: Rows, threshold: float | None) -> Figures:
    """Figures of images, at the threshold (`None` where there is none) and whatever it is."""
    counts = rank_images(rows)
    recalls = {name: recall_within(counts, rate) for name, rate in RECALL_RATES.items()}
    return {**_ranked(counts, peek=True), **_decided(_decide(rows, threshold)), **recalls}


def pixel_figures(pixels: PixelScores, counts: PixelCounts) -> Figures:
    """Figures of pixels, and of the regions that they make."""
    decisions = sum(pixels.decisions().values(), Decisions())
    return {
        **_ranked(counts.whole.ranks, peek=True),
        **_decided(decisions),
        **_overlaps(counts.whole),
        "aupimo": _mean(pixels.aupimo(counts)),
        "region_recall": region_recall(pixels.regions()),
    }


def figures_per_type(
    rows: Rows, threshold: float | None, pixels: PixelScores, counts: PixelCounts
) -> dict[str, Figures]:
    """For each type of defect, figures of its images against the good ones."""
    good = [row for row in rows if row.label == GOOD]
    aupimo, regions = pixels.aupimo(counts), pixels.regions()
    table: dict[str, Figures] = {}
    for kind in sorted({row.defect_type for row in rows} - {GOOD}):
        own = [row for row in rows if row.defect_type == kind]
        image, pixel = rank_images(own + good), counts.kinds.get(kind)
        kinds = [its.kind for its in pixels.images]
        mean = _mean([value for value, its in zip(aupimo, kinds, strict=True) if its == kind])
        table[kind] = {
            "images": len(own),
            **{f"image_{name}": value for name, value in _ranked(image).items()},
            **{f"pixel_{name}": value for name, value in _pixel_ranked(pixel).items()},
            "pixel_aupimo": mean,
            "region_recall": region_recall([found for found in regions if found.kind == kind]),
            "f1": _decide(own + good, threshold).f1,
            "miss_rate": _decide(own, threshold).miss_rate,
        }
    return table


def curves(images: RankCounts, counts: PixelCounts) -> Curves:
    """ROC curves of images and pixels, and the PRO curve."""
    pro = pro_curve(counts.whole)
    return Curves(
        image_roc=_roc(roc_curve(images)),
        pixel_roc=_roc(roc_curve(counts.whole.ranks)),
        pro=ProCurve(false_alarm_rate=tuple(pro[0]), overlap=tuple(pro[1])) if pro else None,
    )


def why_undefined(
    image: Figures,
    pixel: Figures,
    images: RankCounts,
    counts: PixelCounts,
    thresholds: Thresholds,
) -> dict[str, str]:
    """For each figure that is `None`, as `pixel.aupimo`, the reason."""
    few = (
        "the good test images have too few pixels, or too many equal scores, for a "
        f"false-positive rate of {counts.pimo_range[0]:g}"
    )
    no_good = "there is no good test image"
    reasons = _reasons(
        "image", image, images, "there is no defect among the test images", no_good
    ) | _reasons(
        "pixel", pixel, counts.whole.ranks,
        "no mask of a test image has a defective pixel", "no test image has a good pixel",
    )  # fmt: skip
    if "pixel.aupimo" in reasons and counts.whole.ranks.positives.any():
        reasons["pixel.aupimo"] = few if counts.good else no_good
    without = {level for level in NO_THRESHOLD if getattr(thresholds, level) is None}
    for level, _, name in (figure.partition(".") for figure in reasons):
        if level in without and name in AT_THRESHOLD:
            reasons[f"{level}.{name}"] = NO_THRESHOLD[level]
    return reasons


def _reasons(
    level: str, figures: Figures, counts: RankCounts, no_defect: str, no_good: str
) -> dict[str, str]:
    def reason(name: str) -> str:
        lacks_defects = not counts.positives.any() and name != "false_alarm_rate"
        return no_defect if lacks_defects else no_good

    return {f"{level}.{name}": reason(name) for name, value in figures.items() if value is None}


def _ranked(counts: RankCounts, *, peek: bool = False) -> Figures:
    """The figures that need no calibrated threshold; with the threshold of F1-max if `peek`."""
    best = f1_max(counts)
    figures: Figures = {
        "auroc": auroc(counts),
        "ap": average_precision(counts),
        "f1_max": best[0] if best else None,
    }
    return figures | {"f1_max_threshold": best[1] if best else None} if peek else figures


def _overlaps(counts: RegionCounts) -> Figures:
    return {name: au_pro(counts, limit) for name, limit in PRO_LIMITS.items()}


def _pixel_ranked(counts: RegionCounts | None) -> Figures:
    if counts is None:
        return dict.fromkeys(("auroc", "ap", "f1_max", *PRO_LIMITS))
    return _ranked(counts.ranks) | _overlaps(counts)


def _decide(rows: Rows, threshold: float | None) -> Decisions:
    if threshold is None:
        return Decisions()
    return decide([r.score for r in rows], [r.label != GOOD for r in rows], threshold)


def _decided(decisions: Decisions) -> Figures:
    return {
        "f1": decisions.f1,
        "false_alarm_rate": decisions.false_alarm_rate,
        "miss_rate": decisions.miss_rate,
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _roc(points: Points) -> RocCurve | None:
    if points is None:
        return None
    return RocCurve(false_alarm_rate=tuple(points[0]), recall=tuple(points[1]))
