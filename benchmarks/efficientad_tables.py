"""Tables of EfficientAd alone and beside PatchCore; `table.py` puts them into the pages."""

from __future__ import annotations

from statistics import mean
from typing import Any

from speed_tables import made

Record = dict[str, Any]
Row = dict[str, Any]
NOT_YET = "There is no record yet."
DRAWN = ("grid", "leather", "tile")
NAMES = {"patchcore": "PatchCore", "efficientad": "EfficientAd", "both": "both"}


def seeds(record: Record) -> str:
    """Means and ranges over the seeds of each preset on each set."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in record.get("rows", []):
        if row["detector"] == "efficientad":
            groups.setdefault((row["category"], row["settings"]["preset"]), []).append(row)
    groups = {key: rows for key, rows in groups.items() if len(rows) > 1}
    if not groups:
        return NOT_YET
    heads = ("data", "preset", "seeds", "image AUROC", "pixel AUROC", "pixel AP", "AU-PRO",
             "false alarms (promised)", "fit")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    kinds = (("image", "auroc"), ("pixel", "auroc"), ("pixel", "ap"), ("pixel", "au_pro_30"))
    for (data, preset), rows in sorted(groups.items(), key=lambda one: drawn_last(one[0][0])):
        cells = [_range([row["figures"][level][name]["value"] for row in rows])
                 for level, name in kinds]  # fmt: skip
        seen = 100 * mean(row["figures"]["image"]["false_alarm_rate"]["value"] for row in rows)
        promised = 100 * mean(row["calibration"]["false_alarm_rate"] for row in rows)
        fits = [row["seconds"]["fit"] for row in rows]
        cells += [f"{seen:.1f} % ({promised:.1f} %)", f"{min(fits):.0f} to {max(fits):.0f} s"]
        lines.append(f"| {named(data)} | {preset} | {len(rows)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def fusion(record: Record) -> str:
    """Each detector and the average of both, a row each."""
    if not record:
        return NOT_YET
    heads = ("category", "by", "image AUROC", "image F1-max", "pixel AUROC", "pixel F1-max",
             "pixel AP", "AU-PRO", "false alarms (promised)")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    names = ("image_auroc", "image_f1_max", "pixel_auroc", "pixel_f1_max", "pixel_ap",
             "pixel_au_pro_30")  # fmt: skip
    rows = sorted(record["rows"], key=lambda row: (drawn_last(row["data"]), row["preset"]))
    for row in rows:
        for kind, shown in NAMES.items():
            found = row["figures"][kind]
            by = shown + (f", {row['preset']}" if kind == "efficientad" else "")
            cells = [f"{found[name]:.3f}" for name in names]
            alarms, good = found["false_alarms"]
            cells.append(f"{alarms} of {good} ({100 * found['promised']:.1f} %)")
            lines.append(f"| {named(row['data'])} | {by} | {' | '.join(cells)} |")
    return "\n".join([*lines, *made(record)])


def ceilings(record: Record) -> str:
    """Each teacher by nearest neighbours on its features, a column a set."""
    if not record:
        return NOT_YET
    sets = sorted({row["data"] for row in record["rows"]}, key=drawn_last)
    lines = [f"| teacher | {' | '.join(map(named, sets))} |", "|---" * (len(sets) + 1) + "|"]
    names = ("image_auroc", "pixel_auroc", "pixel_ap", "pixel_au_pro_30")
    for teacher in dict.fromkeys(row["teacher"] for row in record["rows"]):
        found = {row["data"]: row for row in record["rows"] if row["teacher"] == teacher}
        cells = (
            " / ".join(f"{found[data][name]:.3f}" for name in names) if data in found else "-"
            for data in sets
        )
        lines.append(f"| {teacher} | {' | '.join(cells)} |")
    return "\n".join([*lines, *made(record)])


def _range(values: list[float]) -> str:
    """`0.984 (0.981 to 0.990)`."""
    return f"{mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def drawn_last(data: str) -> tuple[bool, str]:
    """What categories are sorted by."""
    return data in DRAWN, data


def named(data: str) -> str:
    """A category, with a word where its images are drawn."""
    return f"{data}, drawn" if data in DRAWN else data
