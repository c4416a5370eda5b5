"""From counts to named figures: of images, of pixels, of each type of defect."""

from __future__ import annotations

from collections.abc import Sequence

from blemish.metrics.catalogue import LEVELS, Figure, Level, RestsOn, figures_of
from blemish.metrics.decisions import Thresholds
from blemish.metrics.evidence import Evidence, image_evidence, pixel_evidence
from blemish.metrics.overlap import pro_curve
from blemish.metrics.pixels import PixelCounts, PixelScores
from blemish.metrics.ranking import RankCounts, f1_max, rank, roc_curve
from blemish.records.findings import Curves, FiguresOfOne, ImageRow, ProCurve, RocCurve
from blemish.result import GOOD

Rows = Sequence[ImageRow]
Points = tuple[list[float], list[float]] | None

NO_THRESHOLD = {
    "image": "there is no threshold, neither calibrated nor given (--threshold)",
    "pixel": "there is no threshold, neither calibrated nor given (--pixel-threshold)",
}


NO_DEFECT = {
    "image": "there is no defect among the test images",
    "pixel": "no mask of a test image has a defective pixel",
}
NO_GOOD = {
    "image": "there is no good test image",
    "pixel": "no test image has a good pixel",
}
PEEKED = "f1_max_threshold"  # told beside F1-max; a score, and no figure


def rank_images(rows: Rows) -> RankCounts:
    """Counts of the images' scores."""
    return rank([row.score for row in rows], [row.label != GOOD for row in rows])


def image_figures(rows: Rows, threshold: float | None) -> FiguresOfOne:
    """Figures of images, at the threshold (`None` where there is none) and whatever it is."""
    return _figures("image", _evidence(rows, threshold)) | _peeked(rank_images(rows))


def pixel_figures(pixels: PixelScores, counts: PixelCounts) -> FiguresOfOne:
    """Figures of pixels, and of the regions that they make."""
    evidence = pixel_evidence(pixels, counts, pixels.aupimo(counts))
    return _figures("pixel", evidence) | _peeked(counts.whole.ranks)


def figures_per_type(
    rows: Rows, threshold: float | None, pixels: PixelScores, counts: PixelCounts
) -> dict[str, FiguresOfOne]:
    """For each type of defect, figures of its images against the good ones, as `pixel_auroc`.

    What rests on good images alone is the same for each, and left out.
    """
    aupimo = pixels.aupimo(counts)
    table: dict[str, FiguresOfOne] = {}
    for kind in sorted({row.defect_type for row in rows} - {GOOD}):
        chosen = [row for row in rows if row.defect_type in (kind, GOOD)]
        evidence: dict[Level, Evidence] = {
            "image": _evidence(chosen, threshold),
            "pixel": pixel_evidence(pixels, counts, aupimo, kind=kind),
        }
        table[kind] = {"images": sum(row.defect_type == kind for row in rows)} | {
            figure.key: figure.value(evidence[level])
            for level in LEVELS
            for figure in figures_of(level)
            if figure.rests_on is not RestsOn.GOOD
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
    image: FiguresOfOne,
    pixel: FiguresOfOne,
    images: RankCounts,
    counts: PixelCounts,
    thresholds: Thresholds,
) -> dict[str, str]:
    """For each figure that is `None`, as `pixel.aupimo`, the reason."""
    few = (
        "the good test images have too few pixels, or too many equal scores, for a "
        f"false-positive rate of {counts.pimo_range[0]:g}"
    )
    reasons = _reasons("image", image, thresholds.image, images)
    reasons |= _reasons("pixel", pixel, thresholds.pixel, counts.whole.ranks)
    if "pixel.aupimo" in reasons and counts.whole.ranks.positives.any():
        reasons["pixel.aupimo"] = few if counts.good else NO_GOOD["image"]
    return reasons


def _reasons(
    level: Level,
    figures: FiguresOfOne,
    threshold: float | None,
    counts: RankCounts,
) -> dict[str, str]:
    def reason(figure: Figure) -> str:
        if figure.at_threshold and threshold is None:
            return NO_THRESHOLD[level]
        lacks_defects = not counts.positives.any() and figure.rests_on is not RestsOn.GOOD
        return NO_DEFECT[level] if lacks_defects else NO_GOOD[level]

    found = {
        figure.path: reason(figure) for figure in figures_of(level) if figures[figure.name] is None
    }
    if figures[PEEKED] is None:
        found[f"{level}.{PEEKED}"] = found[f"{level}.f1_max"]
    return found


def _evidence(rows: Rows, threshold: float | None) -> Evidence:
    scores, labels = [row.score for row in rows], [row.label != GOOD for row in rows]
    rejected = [row.not_inspectable for row in rows]
    return image_evidence(scores, labels, threshold, rejected=rejected)


def _figures(level: Level, evidence: Evidence) -> FiguresOfOne:
    return {figure.name: figure.value(evidence) for figure in figures_of(level)}


def _peeked(counts: RankCounts) -> FiguresOfOne:
    best = f1_max(counts)
    return {PEEKED: best[1] if best else None}


def _roc(points: Points) -> RocCurve | None:
    if points is None:
        return None
    return RocCurve(false_alarm_rate=tuple(points[0]), recall=tuple(points[1]))
