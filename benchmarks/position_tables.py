"""Tables of what `position.py` measured; `table.py` puts them into the pages."""

from __future__ import annotations

from statistics import mean
from typing import Any

Record = dict[str, Any]
WAYS = ("none", "position")
NOT_YET = "There is no record yet."


def figures(record: Record) -> str:
    """A row a set: images and pixels without and with position, means of the seeds."""
    if not record:
        return NOT_YET
    heads = ("data", "at border", "image AUROC", "by the highest patch", "pixel AUROC", "pixel AP",
             "AU-PRO", "false alarms (5 %, 10 % promised)")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for data, rows in _by_data(record).items():
        cells = [f"{100 * mean(row['peaks_at_border'] for row in rows):.0f} %"]
        for level, name in (
            ("image_auroc", "map"),
            ("image_auroc", "patches"),
            ("pixel", "auroc"),
            ("pixel", "ap"),
            ("pixel", "au_pro_30"),
        ):
            plain, placed = (mean(row[way][level][name] for row in rows) for way in WAYS)
            cells.append(f"{plain:.3f} → {placed:.3f}")
        shares = [mean(row["false_alarms"][rate] for row in rows) for rate in ("0.05", "0.1")]
        cells.append(", ".join(f"{100 * share:.1f} %" for share in shares))
        lines.append(f"| {data} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", made(record)])


def image_scores(record: Record) -> str:
    """Image AUROC by several scores, a row each, a column a set."""
    if not record:
        return NOT_YET
    sets = _by_data(record)
    lines = [
        f"| score | normalisation | {' | '.join(sets)} | mean |",
        "|---" * (len(sets) + 3) + "|",
    ]
    for name in record["rows"][0]["none"]["image_auroc"]:
        for way in WAYS:
            means = [mean(row[way]["image_auroc"][name] for row in rows) for rows in sets.values()]
            cells = " | ".join(f"{value:.3f}" for value in [*means, mean(means)])
            lines.append(f"| {name} | {way} | {cells} |")
    return "\n".join(lines)


def few(record: Record) -> str:
    """Image AUROC by how many images say what is usual."""
    if not record:
        return NOT_YET
    sets = _by_data(record)
    counts = sorted(record["rows"][0]["few"], key=int)
    lines = [f"| data | none | {' | '.join(counts)} | all |", "|---" * (len(counts) + 3) + "|"]
    for data, rows in sets.items():
        values = [mean(row["none"]["image_auroc"]["map"] for row in rows)]
        values += [mean(row["few"][count]["mean"] for row in rows) for count in counts]
        values.append(mean(row["position"]["image_auroc"]["map"] for row in rows))
        lines.append(f"| {data} | {' | '.join(f'{value:.3f}' for value in values)} |")
    return "\n".join(lines)


def cost(record: Record) -> str:
    """Milliseconds and bytes of one model without and with position."""
    if not record:
        return NOT_YET
    (found,) = (row["cost"] for row in record["rows"] if "cost" in row)
    lines = ["| normalisation | one image, one core | model |", "|---|---|---|"]
    for way in WAYS:
        taken = found[way]["milliseconds"]
        span = f"{taken['median']:.2f} ms ({taken['lowest']:.2f} to {taken['highest']:.2f})"
        lines.append(f"| {way} | {span} | {found[way]['bytes']:,} bytes |")
    return "\n".join(lines)


def made(record: Record) -> str:
    """When and where."""
    machine = record["machine"]
    seeds = len({row["seed"] for row in record["rows"]})
    counted = f"{seeds} seed{'s' if seeds > 1 else ''}"
    return f"{record['date']}, {counted}, {machine['cores']} cores ({machine['processor']})."


def _by_data(record: Record) -> dict[str, list[Record]]:
    sets: dict[str, list[Record]] = {}
    for row in record["rows"]:
        if not row["settings"]:
            sets.setdefault(row["data"], []).append(row)
    return sets
