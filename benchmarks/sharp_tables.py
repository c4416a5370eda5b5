"""Tables of maps of one bank beside sharpened ones."""

from __future__ import annotations

from statistics import mean
from typing import Any

import numpy as np

Record = dict[str, Any]
KINDS = ("one bank", "sharpened")  # of `sharp.SETTINGS`


def figures(record: Record) -> str:
    """A row each data set, means over the seeds: without → with, and what differs most."""
    heads = ("data", "pixel AUROC", "pixel AP", "in the worst seed", "pixel F1-max", "AU-PRO",
             "F1 at the threshold")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for data in _sets(record):
        before, after = (_of(record, data, kind) for kind in KINDS)
        cells = [data]
        for figure in ("auroc", "ap", "f1_max", "au_pro_30", "f1"):
            one, other = ([row["pixel"][figure] for row in rows] for rows in (before, after))
            cells.append(f"{mean(one):.3f} → {mean(other):.3f}")
            if figure == "ap":
                cells.append(f"{np.min(np.subtract(other, one)):+.3f}")
        lines.append(f"| {' | '.join(cells)} |")
    counts = {data: len(_of(record, data, KINDS[0])) for data in _sets(record)}
    most = max(counts.values())
    fewer = "".join(f", {data}: {count}" for data, count in counts.items() if count < most)
    return "\n".join([*lines, "", f"{most} seeds{fewer}; {record['date']}."])


def costs(record: Record) -> str:
    """Seconds of a fit, milliseconds of an image, bytes of a file."""
    heads = ("data", "a fit", "an image", "the file")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for data in _sets(record):
        before, after = (_of(record, data, kind) for kind in KINDS)
        fits, files = (
            [mean([row[name] for row in rows]) for rows in (before, after)]
            for name in ("fit_seconds", "model_bytes")
        )
        images = [mean([row["milliseconds"]["median"] for row in rows]) for rows in (before, after)]
        lines.append(
            f"| {data} | {fits[0]:.0f} → {fits[1]:.0f} s | {images[0]:.1f} → {images[1]:.1f} ms, "
            f"{images[1] / images[0]:.1f} times | {files[0] / 1e6:.1f} → {files[1] / 1e6:.1f} MB |"
        )
    machine = record["machine"]
    return "\n".join([*lines, "", f"{machine['cores']} cores ({machine['processor']})."])


def _sets(record: Record) -> list[str]:
    return list(dict.fromkeys(row["data"] for row in record["rows"]))


def _of(record: Record, data: str, kind: str) -> list[Record]:
    return [row for row in record["rows"] if (row["data"], row["kind"]) == (data, kind)]
