"""Tables of EfficientAd alone and beside PatchCore; `table.py` puts them into the pages."""

from __future__ import annotations

from statistics import mean
from typing import Any

from logical import DEFECTS
from speed_tables import made

Record = dict[str, Any]
Row = dict[str, Any]
NOT_YET = "There is no record yet."
SEEDED = (("image", "auroc"), ("pixel", "auroc"), ("pixel", "ap"), ("pixel", "au_pro_30"))
DRAWN = ("grid", "leather", "tile")


def seeds(record: Record, elsewhere: Record) -> str:
    """Means and ranges over the seeds of each preset on each set, beside another machine's."""
    groups = {key: rows for key, rows in _by_preset(record).items() if len(rows) > 1}
    if not groups:
        return NOT_YET
    there = _by_preset(elsewhere)
    heads = ("data", "preset", "seeds", "image AUROC", "pixel AUROC", "pixel AP", "AU-PRO",
             "false alarms (promised)", "fit",
             "another machine: seeds, image AUROC, pixel AUROC")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for (data, preset), rows in sorted(groups.items(), key=lambda one: drawn_last(one[0][0])):
        cells = [_range(rows, *figure) for figure in SEEDED]
        seen = 100 * mean(row["figures"]["image"]["false_alarm_rate"]["value"] for row in rows)
        promised = 100 * mean(row["calibration"]["false_alarm_rate"] for row in rows)
        fits = [row["seconds"]["fit"] for row in rows]
        cells += [f"{seen:.1f} % ({promised:.1f} %)", f"{min(fits):.0f} to {max(fits):.0f} s"]
        others = there.get((data, preset), [])
        two = ", ".join(_range(others, *figure) for figure in SEEDED[:2] if others)
        cells.append(f"{len(others)}, {two}" if others else "-")
        lines.append(f"| {named(data)} | {preset} | {len(rows)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def curve(record: Record) -> str:
    """The published form by its steps."""
    rows = [row for row in record.get("rows", []) if row["settings"].get("preset") == "paper"]
    if not rows:
        return NOT_YET
    heads = ("data", "steps", "image AUROC", "pixel AUROC", "pixel AP", "AU-PRO")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in sorted(rows, key=lambda row: (row["category"], row["settings"]["steps"])):
        cells = [f"{row['figures'][level][name]['value']:.3f}" for level, name in SEEDED]
        steps = f"{row['settings']['steps']:,}"
        lines.append(f"| {named(row['category'])} | {steps} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _by_preset(record: Record) -> dict[tuple[str, str], list[Row]]:
    """Rows of EfficientAd by category and preset, without `paper`, whose steps differ."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in record.get("rows", []):
        preset = row["settings"].get("preset")
        if row["detector"] == "efficientad" and preset != "paper":
            groups.setdefault((row["category"], preset), []).append(row)
    return groups


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


def logical(record: Record) -> str:
    """Image AUROC by kind of logical defect: mean over the seeds, lowest and highest."""
    if not record:
        return NOT_YET
    rows = record["rows"]
    lines = [f"| detector | seeds | {' | '.join(DEFECTS)} |", "|---" * (len(DEFECTS) + 2) + "|"]
    for detector in sorted({row["detector"] for row in rows}):
        own = [row for row in rows if row["detector"] == detector]
        for name, words in (("image_auroc", detector), ("alone", "its autoencoder's map alone")):
            if name in own[0]:
                cells = (_spread([row[name][kind] for row in own]) for kind in DEFECTS)
                lines.append(f"| {words} | {len(own)} | {' | '.join(cells)} |")
    return "\n".join([*lines, *made(record)])


def _range(rows: list[Row], level: str, name: str) -> str:
    """`0.984 (0.981 to 0.990)`."""
    return _spread([row["figures"][level][name]["value"] for row in rows])


def _spread(values: list[float]) -> str:
    """The mean, and what there is beside it."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def drawn_last(data: str) -> tuple[bool, str]:
    """What categories are sorted by."""
    return data in DRAWN, data


def named(data: str) -> str:
    """A category, with a word where its images are drawn."""
    return f"{data}, drawn" if data in DRAWN else data
