"""Tables of what few good images give."""

from __future__ import annotations

from collections.abc import Sequence

from table_parts import Record, Row, headed

NOT_YET = "Not measured yet: `python benchmarks/few.py`."
CATEGORIES = {"bottle": "bottle", "lgp": "light-guide plates"}


def by_images(record: Record) -> str:
    """A row each number of images: what they can promise, what was seen, by category."""
    if not record:
        return NOT_YET
    heads = [f"{what}, {told}" for told in CATEGORIES.values()
             for what in ("image AUROC", "false alarms seen")]  # fmt: skip
    lines = headed("good images", "false alarms promised", *heads)
    for images in sorted({row["images"] for row in record["rows"]}):
        cells = []
        for rows in (_rows(record, images, category) for category in CATEGORIES):
            seen = sum(row["false_alarm_rate"] for row in rows) / len(rows)
            cells += [_aurocs(rows), f"{seen:.1%}"]
        lines.append(f"| {images} | {1 / (images + 1):.1%} | {' | '.join(cells)} |")
    draws = len({row["draw"] for row in record["rows"]})
    told = f"Means of {draws} random draws of training images; in brackets the lowest."
    return "\n".join([*lines, "", f"{told} {record['date']}."])


def ten_images(record: Record) -> str:
    """The same of ten images, in a sentence."""
    if not record:
        return NOT_YET
    figures = [f"{_aurocs(_rows(record, 10, c))} on {told}" for c, told in CATEGORIES.items()]
    draws = len({row["draw"] for row in record["rows"]})
    return (
        f"Ten good images give an image AUROC of {' and '.join(figures)}, which vary more (means "
        f"of {draws} draws, in brackets the lowest), and can promise 9% false alarms; 99 can "
        "promise 1%."
    )


def _rows(record: Record, images: int, category: str) -> list[Row]:
    return [r for r in record["rows"] if (r["images"], r["category"]) == (images, category)]


def _aurocs(rows: Sequence[Row]) -> str:
    values = [row["image_auroc"] for row in rows]
    return f"{sum(values) / len(values):.3f} ({min(values):.3f})"
