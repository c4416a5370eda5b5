"""Tables of tiles: seams, what large images take, and which small defects are found."""

from __future__ import annotations

from table_parts import Record, Row, headed

SMALL = "all pixels, in tiles of 512 that overlap by 64"
NOT_YET = "Not measured yet: `python benchmarks/tiles.py`."


def seams(record: Record) -> str:
    """A row each overlap: how far scores of cells are from those of the whole image."""
    lines = headed(
        "overlap", "cells that differ by more than 1e-4", "most", "tiles of 512 in 4000 x 4000"
    )
    rows = _of(record, "seams")
    lines += [
        f"| {row['overlap']} | {row['cells_apart']:.1%} | {row['most_apart']:.4f} | "
        f"{row['tiles_of_4000']} |"
        for row in rows
    ]
    told = f"Scores of these cells are {rows[0]['median_score']:.1f} (median) to "
    return "\n".join([*lines, "", f"{told}{rows[0]['highest_score']:.1f}; {record['date']}."])


def large(record: Record) -> str:
    """A row each way: time in the graph and peak of `blemish predict`, by the size of images."""
    rows = _of(record, "large")
    if not rows:
        return NOT_YET
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    lines = headed("", *sizes)
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = {row["size"]: row for row in rows if row["kind"] == kind}
        how = SMALL if kind == "tiles of 512" else kind
        lines.append(f"| {how} | {' | '.join(_cost(own.get(size)) for size in sizes)} |")
    most = max(row["bank"] for row in rows)
    told = f"The graph alone, both cores; the peak of `blemish predict`. At most {most:,} vectors."
    return "\n".join([*lines, "", f"{told} {record['date']}, {record['machine']['processor']}."])


def defects(record: Record) -> str:
    """A row each way: defects found by their width."""
    rows = _of(record, "defects")
    if not rows:
        return NOT_YET
    widths = list(dict.fromkeys(row["width"] for row in rows))
    lines = headed("", *(f"{width} px" for width in widths), "seconds an image")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = {row["width"]: row for row in rows if row["kind"] == kind}
        cells = [
            f"{own[w]['both']} of {own[w]['of']} ({own[w]['image_auroc']:.2f})" for w in widths
        ]
        seconds = f"{own[widths[0]]['seconds_an_image']:.2f}"
        lines.append(f"| {' | '.join([kind, *cells, seconds])} |")
    first = rows[0]
    told = (
        f"Found, and image AUROC; {first['good']} good test images, one seed. Seconds from pixels "
        "to verdict."
    )
    return "\n".join([*lines, "", f"{told} {record['date']}, {record['machine']['processor']}."])


def _cost(row: Row | None) -> str:
    if row is None:
        return "-"
    seconds = row["milliseconds"]["median"] / 1000
    return f"{seconds:.2f} s, {row['predict_peak_bytes'] / 1e6:.0f} MB"


def _of(record: Record, part: str) -> list[Row]:
    return [row for row in record["rows"] if row["part"] == part]
