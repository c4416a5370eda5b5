"""Tables of what `inspectable.py` measured; `table.py` puts them into the pages."""

from __future__ import annotations

from typing import Any

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
NOT_INSPECTABLE, DEFECT = "not inspectable", "defect"


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
