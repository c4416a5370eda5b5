"""Tables of `blemish serve`: beside `predict`, overloaded, in batches; what installs take."""

from __future__ import annotations

from typing import Any

NOT_YET = "Not measured yet: `python benchmarks/serve.py --shared ../shared`."

Record = dict[str, Any]
Row = dict[str, Any]


def load(record: Record) -> str:
    """A row each number of clients, `predict` first; then memory and the overload in words."""
    rows = _of(record, "load")
    if not rows:
        return NOT_YET
    lines = _headed("", "images a second", "of `predict`", "ms, p50", "p99")
    for row in rows:
        if row["kind"] == "memory":
            continue
        many = row["kind"] == "serve" and f"{row['clients']} client{'s' * (row['clients'] > 1)}"
        ratio = f"{row['of_predict']['median']:.2f}" if many else ""
        rate, took = row["images_per_second"]["median"], row["milliseconds"]
        name = many or "`predict`; one image alone"
        lines.append(f"| {name} | {rate:.0f} | {ratio} | {took['p50']:.1f} | {took['p99']:.1f} |")
    memory = next(row["bytes_after_each_round"] for row in rows if row["kind"] == "memory")
    told = [
        "bottle, 320 x 320, embedded; clients share the cores, and ask again once answered.",
        f"Memory of the service: {memory[0] / 1e6:.0f} MB at first, {memory[1] / 1e6:.0f} MB after "
        f"a round, {memory[-1] / 1e6:.0f} MB at the end.",
        *map(_overloaded, _of(record, "overload")),
        f"{record['date']}, {record['machine']['cores']} cores ({record['machine']['processor']}).",
    ]
    return "\n".join([*lines, "", " ".join(told)])


def batches(record: Record) -> str:
    """Milliseconds an image, by how many go through the graph together."""
    rows = _of(record, "batches")
    if not rows:
        return NOT_YET
    lines = _headed("images in the graph", "ms an image")
    for row in rows:
        name = "one on each core" if row["kind"] == "a core each" else f"{row['images']} together"
        lines.append(f"| {name} | {row['milliseconds']['median']:.2f} |")
    return "\n".join([*lines, "", f"{record['date']}; decoding counts in the first row alone."])


def size(record: Record) -> str:
    """What an install adds to an empty environment, by extra."""
    rows = _of(record, "size")
    if not rows:
        return NOT_YET
    lines = _headed("", "MB", "distributions")
    for row in rows:
        name = f"`blemish{row['extra']}`"
        lines.append(f"| {name} | {row['megabytes_added']} | {row['distributions']} |")
    told = f"{record['date']}, Python {record['versions']['python']}, with what Python compiles."
    return "\n".join([*lines, "", told])


def _overloaded(row: Row) -> str:
    refused = row["statuses"].get("503", 0)
    return (
        f"Asked for {row['asked_per_second'] / row['images_per_second_before']:.0f} times what it "
        f"can for {row['seconds']:.0f} s: {row['images_per_second']:.0f} images a second judged, "
        f"{refused:,} requests refused, {row['judged_and_not_told']} verdicts lost, "
        f"{row['answers_of_others']} told to others; answered again after "
        f"{row['seconds_to_recover']:.1f} s; {row['bytes_before'] / 1e6:.0f} MB before, "
        f"{row['bytes_after'] / 1e6:.0f} MB after."
    )


def _of(record: Record, part: str) -> list[Row]:
    return [row for row in record["rows"] if row["part"] == part]


def _headed(*names: str) -> list[str]:
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
