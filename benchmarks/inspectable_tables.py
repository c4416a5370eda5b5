"""Tables of what `inspectable.py` and `align_light.py` measured; `table.py` puts them in pages."""

from __future__ import annotations

from typing import Any

from table_parts import headed, made

Record = dict[str, Any]
CASES = {
    "good": "good test images",
    "defect": "defects",
    "light x 0.9": "light x 0.9",
    "light x 1.1": "light x 1.1",
    "light x 0.5": "light x 0.5",
    "light x 1.5": "light x 1.5",
    "blur 1 px": "blurred, sigma 1 px",
    "blur 2 px": "2 px",
    "blur 4 px": "4 px",
    "belt": "empty belt",
    "sets": "images of the other sets",
}
GOOD, NOT_INSPECTABLE, DEFECT = "good", "not inspectable", "defect"


def found(record: Record) -> str:
    """A row a case, a column a set: what is not inspectable, and what else is rejected."""
    if not record:
        return "There is no record yet."
    sets = list(dict.fromkeys(row["set"] for row in record["rows"]))
    lines = [f"| images | {' | '.join(sets)} |", "|---" * (len(sets) + 1) + "|"]
    for case, title in CASES.items():
        cells = [_cell(_rows(record, name, case), spoiled=case != "defect") for name in sets]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    told = (
        "Share that is not inspectable; in brackets what of the others is rejected as a defect, "
        "where that is anything. 20 good test images of each set were spoiled, 5 of each other set "
        "brought to its size."
    )
    return "\n".join([*lines, "", told, "", _made(record)])


def halves(record: Record) -> str:
    """A row a set: promised beside seen."""
    if not record:
        return "There is no record yet."
    lines = [
        "| good images | one half | promised | beyond the farthest | beyond the limit |",
        "|---|---|---|---|---|",
    ]
    for row in record["rows"]:
        if row["case"] == "halves":
            rates = (row["promised"], row["beyond_farthest"], row["beyond_limit"])
            cells = " | ".join(f"{100 * rate:.2g} %" for rate in rates)
            lines.append(f"| {row['set']} | {row['half']} | {cells} |")
    return "\n".join([*lines, "", _made(record)])


def aligned(record: Record) -> str:
    """A row a case of parts that shift and turn, a column a detector: counts of verdicts."""
    if not record:
        return "There is no record yet."
    rows = {(row["detector"], row["case"]): row for row in record["rows"]}
    detectors, cases = (list(dict.fromkeys(keys)) for keys in zip(*rows, strict=True))
    lines = headed("bottles, shifted and turned", "judged", *detectors)
    for case in cases:
        own = [rows[name, case] for name in detectors]
        lines.append(f"| {_title(case)} | {own[0]['judged']} | {' | '.join(map(_counts, own))} |")
    first, spoiled = record["rows"][0], rows[detectors[0], cases[1]]["judged"]
    good = rows[detectors[0], "good"]["judged"]
    told = (
        f"Not inspectable / defect / good. Learned from {first['learned']} other images; false "
        f"alarms of {100 * first['promised']:.1f} % were asked for. So few images tell little: "
        f"none of {good} leaves a rate of {_at_most(good)} possible, none of {spoiled} one of "
        f"{_at_most(spoiled)} (95 % confidence, nearly 3/n)."
    )
    made_by = f"`benchmarks/align_light.py`, {made(record)}"
    return "\n".join([*lines, "", told, "", made_by])


def _title(case: str) -> str:
    return {"good": "good", "defect": "defects"}.get(case, f"good, {case}")


def _counts(row: dict[str, Any]) -> str:
    return " / ".join(f"{row['verdicts'].get(of, 0)}" for of in (NOT_INSPECTABLE, DEFECT, GOOD))


def _at_most(images: int) -> str:
    """What none of so many says of a rate, with 95 % confidence."""
    return f"{100 * (1 - 0.05 ** (1 / images)):.1f} %"


def _made(record: Record) -> str:
    machine = record["machine"]
    return f"{machine['cores']} cores, blemish's defaults, seed 0; `benchmarks/inspectable.py`."


def _rows(record: Record, name: str, case: str) -> list[dict[str, Any]]:
    wanted = "set " if case == "sets" else case
    return [
        row
        for row in record["rows"]
        if row["set"] == name
        and (row["case"].startswith(wanted) if case == "sets" else row["case"] == wanted)
    ]


def _cell(rows: list[dict[str, Any]], *, spoiled: bool) -> str:
    judged = sum(row["judged"] for row in rows)
    if not judged:
        return "-"
    found, defects = (
        sum(row["verdicts"].get(verdict, 0) for row in rows)
        for verdict in (NOT_INSPECTABLE, DEFECT)
    )
    others = judged - found
    told = f" ({100 * defects / others:.0f} %)" if spoiled and others and defects else ""
    return f"{100 * found / judged:.3g} %{told}"
