"""Tables of banks that are picked from shards."""

from __future__ import annotations

from statistics import mean
from typing import Any

Record = dict[str, Any]


def figures(record: Record) -> str:
    """A row each data set: at once → by shards."""
    rows = [row for row in record["rows"] if row["part"] == "figures"]
    lines = _headed("data", "image AUROC", "pixel AUROC", "pixel AP", "AU-PRO", "radius", "a fit")
    for data in _sets(rows):
        once, shards = (
            [row for row in rows if row["data"] == data and bool(row["shards"]) == by_shards]
            for by_shards in (False, True)
        )
        seeds = {row["seed"] for row in once} & {row["seed"] for row in shards}
        pair = [[row for row in kind if row["seed"] in seeds] for kind in (once, shards)]
        pixels = ("auroc", "ap", "au_pro_30")
        cells = [
            _change(pair, lambda row: row["image_auroc"]),
            *(_change(pair, lambda row, name=name: row["pixel"][name]) for name in pixels),
            _change(pair, lambda row: row["radius"], digits=2),
            _change(pair, lambda row: row["fit_seconds"], digits=0) + " s",
        ]
        lines.append(f"| {' | '.join([data, *cells])} |")
    return "\n".join([*lines, "", _under(record, rows)])


def large_fit(record: Record) -> str:
    """One fit by Ray: radius, memory and seconds."""
    row = next(row for row in record["rows"] if row["part"] == "large")
    worker = max(row["peak_bytes"][name] for name in ("pick", "judge", "_looked_at"))
    lines = _headed(
        "images", "shards", "radius, beside greed over all patches", "a worker's peak (planned)",
        "the driver's (planned)", "seconds (of greed alone)",
    )  # fmt: skip
    memory = (
        f"{seen / 1e9:.2f} GB ({row['planned'][plan] / 1e9:.2f})"
        for seen, plan in ((worker, "worker_bytes"), (row["peak_bytes"]["driver"], "driver_bytes"))
    )
    cells = (
        f"{row['images']:,}", f"{row['shards']}", f"{row['ratio']:.2f} times", *memory,
        f"{row['fit_seconds']:.0f} ({row['seconds_of_all']:.0f})",
    )  # fmt: skip
    lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"{record['date']}; beside other work."])


def promises(record: Record) -> str:
    """A row each case: fresh good images above the threshold, and draws above the bound."""
    rows = [row for row in record["rows"] if row["part"] == "promise"]
    lines = _headed(
        "good images", "learned from", "draws", "promised", "rejected", "above the bound"
    )
    for case, images in dict.fromkeys((row["case"], row["images"]) for row in rows):
        own = [r for r in rows if (r["case"], r["images"]) == (case, images) and not r["refused"]]
        if not own:
            continue
        seen = mean(row["above"] / row["fresh"] for row in own)
        over = sum(row["above"] / row["fresh"] > row["bound"] for row in own)
        cells = (case, images, len(own), f"{own[0]['rate']:.0%}", f"{seen:.2%}", f"{over}")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, "", f"{record['date']}."])


def _change(pair: list[list[Record]], value: Any, *, digits: int = 3) -> str:
    return " → ".join(f"{mean(value(row) for row in rows):.{digits}f}" for rows in pair)


def _under(record: Record, rows: list[Record]) -> str:
    seeds = {data: len({r["seed"] for r in rows if r["data"] == data}) for data in _sets(rows)}
    more = "".join(f", {data}: {count}" for data, count in seeds.items() if count > 1)
    return f"One seed{more}; {record['date']}; times beside other work."


def _sets(rows: list[Record]) -> list[str]:
    return list(dict.fromkeys(row["data"] for row in rows))


def _headed(*heads: str) -> list[str]:
    return [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
