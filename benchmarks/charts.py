"""Charts of the records, for the pages; `table.py` makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

Record = dict[str, Any]
DRAWS, MEAN, PROMISED = "#2a78b8", "#101418", "#c42c58"
ROW_INCHES = 0.24


def false_alarms(record: Record, path: Path) -> None:
    """Write a row a case: a dot a draw, their mean, what was promised and the 95 % bound."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    cases: dict[tuple[str, int], list[Record]] = {}
    for row in record["rows"]:
        if row["refused"]:  # copies promise nothing, and nothing was judged
            continue
        cases.setdefault((row["case"], row["images"]), []).append(row)
    with mpl.rc_context({"font.size": 8, "svg.hashsalt": "blemish", "svg.fonttype": "none"}):
        height = ROW_INCHES * len(cases) + 0.9
        figure, axis = plt.subplots(figsize=(8, height), layout="constrained")
        for place, rows in enumerate(cases.values()):
            shares = 100 * np.array([row["above"] / row["fresh"] for row in rows])
            axis.plot(shares, [place] * len(rows), "o", color=DRAWS, alpha=0.45, markersize=4)
            axis.plot(shares.mean(), place, "D", color=MEAN, markersize=4)
            for value, style in ((rows[0]["rate"], "-"), (rows[0]["bound"], ":")):
                axis.plot([100 * value] * 2, [place - 0.4, place + 0.4], style, color=PROMISED)
        axis.set_yticks(range(len(cases)), [f"{name} ({images})" for name, images in cases])
        axis.set_ylim(len(cases) - 0.5, -0.5)
        axis.set_xlim(left=-0.2)
        axis.set_xlabel("good images rejected, %")
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="x", color="#d8dde3", linewidth=0.5)
        axis.set_axisbelow(True)
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
