"""How figures were made, in sentences that a referee would want to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from blemish.records.grouping import short
from blemish.records.record import Record
from blemish.wording import rate_text

MASKS = (
    "A pixel is defective where its mask, at the image's own size, is not zero in any channel. "
    "Pixel figures take in the pixels of all test images, good ones included; only defect "
    "images without a mask are left out."
)
SCORES = (
    "All figures are made from raw scores and maps: nothing is rounded, squashed, or scaled by "
    "what the test images hold."
)
SPLITS = {
    "mvtec-ad": "Training and test images are those of the data set's own folders.",
    "drawn": "Training and test images are drawn apart.",
    "manifest": "Training and test images are as the manifest has them.",
}
THRESHOLDS = (
    "Thresholds come from good images alone, scored as if they were new; no label of a test "
    "image moves one. F1-max and the recalls at a rate of false alarms are the exceptions, and "
    "stand apart."
)
INTERVALS = (
    "In square brackets, 95%: test images are drawn again 2000 times with repeats, good and "
    "defective ones apart, and the middle 95% of the figures is shown (stratified bootstrap, "
    "percentiles). Where a figure is 0 or 1 in every draw, a one-sided binomial bound for as many "
    "images takes its place. They tell of the choice of test images, not of the training."
)
MAPS = (
    "They were written by other tools and measured by the same code. What these learned from, and "
    "what they did to their scores, is not known here; numbers of training images are those of "
    "the data set. Resized means bilinear, pixel centres at half, as if a map covered its image."
)
OVERLAP = (
    "AU-PRO: regions are the 8-connected components of each mask; every distinct score is a "
    "threshold, equal ones are one; trapezoids to the limit, interpolated there, divided by it. "
    "AUPIMO: rates from 1e-5 to 1e-4 on good test images, on a logarithmic axis."
)


def protocol(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Name and text of each thing to know; what records do not tell of is left out."""
    told = [
        ("Resolution", _resolution(records)),
        ("Masks", MASKS),
        ("Scores", SCORES),
        ("Split", _split(records)),
        ("Seeds", _seeds(records)),
        ("Thresholds", f"{THRESHOLDS} {_calibration(records)}".strip()),
        ("Maps of other tools", _maps(records)),
        ("AU-PRO and AUPIMO", OVERLAP if any(map(_has_overlap, records)) else ""),
        ("Intervals", INTERVALS if any(map(_has_intervals, records)) else ""),
    ]
    return [(name, words) for name, words in told if words] if records else []


def _resolution(records: Iterable[Record]) -> str:
    sizes = _distinct(_working_size(record) for record in records)
    if not sizes:
        return ""
    return (
        f"Inside the model, images become {'; '.join(sizes)}. Maps are scaled back, and figures "
        "are made at the images' own resolution, uncropped."
    )


def _working_size(record: Record) -> str:
    size, way = record.settings.get("image_size"), record.settings.get("resize", "stretch")
    if (scale := record.settings.get("scale")) is not None:
        return "as large as they are" if scale == 1 else f"{scale:g} times as large as they are"
    if size is None:
        return ""
    if way != "stretch":
        return f"{short(size)} pixels at their {way} side"
    height, width = size if isinstance(size, list | tuple) and len(size) == 2 else (size, size)
    return f"{short(height)} x {short(width)} pixels, stretched"


def _split(records: Iterable[Record]) -> str:
    """How training and test images were told apart, with what was said of each data set."""
    told = []
    for record in records:
        told.append(SPLITS.get(record.dataset.layout, ""))
        told += [f"{record.category}: {note}" for note in record.dataset.notes]
    return " ".join(_distinct(told))


def _seeds(records: Iterable[Record]) -> str:
    listed = ", ".join(map(str, sorted({record.seed for record in records})))
    return f"{listed}. A seed moves the detector, never which images are tested."


def _calibration(records: Iterable[Record]) -> str:
    """The ways of calibrating, with the categories that each was used for."""
    ways: dict[str, list[str]] = {}
    for record in records:
        found = record.calibration
        if found and found.images is not None and found.false_alarm_rate is not None:
            rate = rate_text(found.false_alarm_rate)
            way = f"{found.method}, {found.images:,} images, for {rate} of false alarms"
            ways.setdefault(way, []).append(record.category)
    parts = [f"{', '.join(_distinct(names))}: {way}" for way, names in ways.items()]
    return f"{'; '.join(parts)}." if parts else ""


def _maps(records: Iterable[Record]) -> str:
    """How maps that other tools wrote were measured, and what is not known of them."""
    ways: dict[str, list[str]] = {}
    for record in records:
        if record.maps_sha256:
            ways.setdefault(_way_of_maps(record), []).append(record.detector)
    told = [f"{', '.join(_distinct(names))}: {way}" for way, names in ways.items()]
    return " ".join([*told, MAPS]) if told else ""


def _way_of_maps(record: Record) -> str:
    """How the maps of one record were measured."""
    thresholds = [
        f"{level} threshold {value:.4g}"
        for level in ("image", "pixel")
        if (value := getattr(record.calibration, f"{level}_threshold", None)) is not None
    ]
    given = f"{' and '.join(thresholds)} set by the user" if thresholds else "no threshold"
    maps, score = (record.settings.get(name, "") for name in ("maps", "image_score"))
    return f"maps {maps}, an image's score {score}, {given}."


def _has_overlap(record: Record) -> bool:
    return record.figures.pixel.get("au_pro_30") is not None


def _has_intervals(record: Record) -> bool:
    return bool(record.figures.intervals.get("image", {}).get("auroc"))


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))
