"""Tables of maps of one bank beside those of two."""

from __future__ import annotations

from itertools import product
from statistics import mean
from typing import Any

import numpy as np

Record = dict[str, Any]
ONE_BANK, HEAD = "one bank", "head"
KINDS = (ONE_BANK, "sharpened", HEAD)  # of `sharp.SETTINGS`
FIGURES = {
    "pixel AUROC": "auroc", "pixel AP": "ap", "pixel F1-max": "f1_max", "AU-PRO": "au_pro_30",
    "F1 at the threshold": "f1",
}  # fmt: skip


def figures(record: Record) -> str:
    """A row each data set, means over the seeds: one bank → mean of both → head."""
    worst = "head's gain of AP, worst seed"
    lines = _headed("data", *FIGURES, worst)
    for data in _sets(record):
        cells = [" → ".join(f"{v:.3f}" for v in _means(record, data, f)) for f in FIGURES.values()]
        lines.append(f"| {' | '.join([data, *cells, f'{_worst_gain(record, data):+.3f}'])} |")
    counts = {data: len(_of(record, data, HEAD)) for data in _sets(record)}
    most = max(counts.values())
    fewer = "".join(f", {data}: {count}" for data, count in counts.items() if count < most)
    return "\n".join([*lines, "", f"{most} seeds{fewer}; {record['date']}."])


def costs(record: Record) -> str:
    """Seconds of a fit, times as long for an image, bytes of a file."""
    lines = _headed(
        "data",
        "a fit (the head's on one core)",
        "an image, times as long as of one bank",
        "the file",
    )
    for data in _sets(record):
        fits, times, files = (
            [mean(row[name] for row in _of(record, data, kind)) for kind in KINDS]
            for name in ("fit_seconds", "times_one_bank", "model_bytes")
        )
        lines.append(
            f"| {data} | {' → '.join(f'{seconds:.0f}' for seconds in fits)} s | "
            f"{' → '.join(f'{ratio:.1f}' for ratio in times)} | "
            f"{' → '.join(f'{size / 1e6:.1f}' for size in files)} MB |"
        )
    return "\n".join([*lines, "", f"{record['machine']['processor']}."])


def promises(record: Record) -> str:
    """A row each data set and kind: fresh good images with a region, by the rate promised."""
    rates = ("0.01", "0.05")
    shown = [f"{float(rate):.0%} promised: seen, above the bound" for rate in rates]
    lines = _headed("data", "map", "draws", *shown, "peaks left out, fresh")
    for data, kind in product(_sets(record), KINDS):
        own = _of(record, data, kind)
        if not own:
            continue
        peaks = (
            f"{mean(row[f'median_{which}'] for row in own):.2f}" for which in ("left_out", "fresh")
        )
        cells = [data, kind, str(len(own)), *(_seen(own, rate) for rate in rates), ", ".join(peaks)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def taught_elsewhere(record: Record) -> str:
    """A row each data set: pixel AP of heads that learned from itself and from others."""
    schools = ("itself", "drawn surfaces", "all others")
    ways = list(dict.fromkeys(row["readings"] for row in record["rows"]))
    measured = {(row["taught_by"], row["readings"]) for row in record["rows"]}
    columns = [(school, way) for school in schools for way in ways if (school, way) in measured]
    lines = _headed("data", *(f"{school}, {way}" for school, way in columns))
    for data in _sets(record):
        found = {
            (row["taught_by"], row["readings"]): f"{row['pixel_ap']:.3f} / {row['pixel_auroc']:.3f}"
            for row in record["rows"]
            if row["data"] == data
        }
        lines.append(f"| {' | '.join([data, *(found.get(column, '-') for column in columns)])} |")
    return "\n".join(lines)


def image_scores(record: Record) -> str:
    """A row each data set: image AUROC by the first bank, by its own head, and by both."""
    lines = _headed("data", "by the first bank (the verdict's)", "by the head", "by both")
    for row in record["rows"]:
        if (row["taught_by"], row["readings"]) == ("itself", "as they are"):
            found = row["image_auroc"]
            values = (f"{found[name]:.3f}" for name in ("first bank", "head", "both"))
            lines.append(f"| {' | '.join([row['data'], *values])} |")
    return "\n".join(lines)


def _seen(rows: list[Record], rate: str) -> str:
    """The share of fresh images above a threshold, and draws above its bound."""
    known = [row for row in rows if f"above_{rate}" in row]
    if not known:
        return "too few images"
    shares = [row[f"above_{rate}"] / row["fresh"] for row in known]
    beyond = sum(s > row[f"bound_{rate}"] for s, row in zip(shares, known, strict=True))
    return f"{mean(shares):.1%}, {beyond} of {len(known)}"


def _headed(*names: str) -> list[str]:
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]


def _means(record: Record, data: str, figure: str) -> list[float]:
    return [mean(row["pixel"][figure] for row in _of(record, data, kind)) for kind in KINDS]


def _worst_gain(record: Record, data: str) -> float:
    """The least that the head gains over one bank, seed by seed."""
    before, after = (
        {row["seed"]: row["pixel"]["ap"] for row in _of(record, data, kind)}
        for kind in (ONE_BANK, HEAD)
    )
    return float(np.min([after[seed] - before[seed] for seed in after.keys() & before.keys()]))


def _sets(record: Record) -> list[str]:
    return list(dict.fromkeys(row["data"] for row in record["rows"]))


def _of(record: Record, data: str, kind: str) -> list[Record]:
    return [row for row in record["rows"] if (row["data"], row["kind"]) == (data, kind)]
