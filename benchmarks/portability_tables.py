"""Tables of the runtimes that models were tried in."""

from __future__ import annotations

from typing import Any


def runtimes(record: dict[str, Any]) -> str:
    """A row each runtime, a column each kind of model: the largest difference of a score."""
    kinds, rows = list(record["models"]), record["rows"]
    found = {(row["runtime"], row["version"], row["kind"]): row for row in rows}
    heads = ("runtime", "version", *(f"{letter}" for letter in _letters(kinds)))
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for runtime, version in dict.fromkeys((row["runtime"], row["version"]) for row in rows):
        cells = " | ".join(_cell(found.get((runtime, version, kind))) for kind in kinds)
        lines.append(f"| {runtime} | {version} | {cells} |")
    machine, images = record["machine"], max(row.get("images", 0) for row in rows)
    lines += [
        "",
        f"{record['date'][:10]}, {machine['cores']} cores ({machine['processor']}, "
        f"{machine['architecture']}), {images} images a cell; `{record['command']}` took "
        f"{record['seconds'] / 60:.0f} min.",
    ]
    return "\n".join(lines)


def models(record: dict[str, Any]) -> str:
    """What the letters stand for, and what each graph asks of a runtime."""
    kinds = record["models"]
    lines = ["| | model | opset | IR version | kinds of operators | size |", "|---" * 6 + "|"]
    for letter, (kind, facts) in zip(_letters(kinds), kinds.items(), strict=True):
        size = f"{facts['bytes'] / 1e6:.1f} MB"
        lines.append(
            f"| {letter} | {kind} | {facts['opset']} | {facts['ir_version']} | "
            f"{len(facts['operators'])} | {size} |"
        )
    return "\n".join(lines)


def _letters(kinds: Any) -> list[str]:
    return [chr(ord("A") + i) for i in range(len(kinds))]


def _cell(row: dict[str, Any] | None) -> str:
    """Largest difference of a score; of a map where that is larger; verdicts that differ."""
    if row is None:
        return "-"
    if "score_difference" not in row:
        return "fails"
    largest = max(row["score_difference"], row["map_difference"])
    cell = f"{largest:.0e}" if largest else "0"
    differ = row["verdicts_that_differ"]
    return f"{cell}, {differ} of {row['images']} verdicts" if differ else cell
