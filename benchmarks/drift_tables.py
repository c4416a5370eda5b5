"""Tables of what `drift.py` measured; `table.py` puts them into the pages."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]
NOT_YET = "There is no record yet."
LINES = {
    "once": "each fresh image once",
    "endless": "drawn, held against the training images",
    "new reference": "drawn, held against 200 fresh images",
}


def changes(record: Record) -> str:
    """A row a source, a column a change: parts until the alarm, median and quartiles."""
    if not record:
        return NOT_YET
    rows = [row for row in record["rows"] if "change" in row]
    names = list(dict.fromkeys(row["change"] for row in rows))
    lines = [
        f"| good images | to learn from | {' | '.join(names)} | before any change |",
        "|---" * (len(names) + 3) + "|",
    ]
    for source in dict.fromkeys(row["source"] for row in rows):
        own = {row["change"]: row for row in rows if row["source"] == source}
        cells = [_delay(own[name]) for name in names]
        early = max(row["alarms_before"] for row in own.values())  # they are the same lines
        of = max(row["lines_count"] for row in own.values())
        train = next(iter(own.values()))["train"]
        lines.append(f"| {source} | {train} | {' | '.join(cells)} | {early} of {of} |")
    return "\n".join(lines)


def quiet(record: Record) -> str:
    """A row a kind of quiet lines: how many raised an alarm."""
    if not record:
        return NOT_YET
    heads = ("quiet lines", "how many", "parts each", "with an alarm", "promised",
             "evidence of one in 10 000 parts", "`ever` of 5 %", "`ever` of 1 %")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in (row for row in record["rows"] if "lines" in row):
        count, parts = row["lines_count"], row["parts_a_line"]
        cells = (
            f"{row['source']}, {LINES[row['lines']]}", f"{count:,}", f"{parts:,}",
            _share(row["with_an_alarm"], count), f"{parts / 1000:.2g} %",
            _share(row["at_one_in_10000"], count),
            _share(row["ever_20"], count), _share(row["ever_100"], count),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _share(hits: int, count: int) -> str:
    return f"{100 * hits / count:.2g} %" if hits else "0"


def _delay(row: Record) -> str:
    low, middle, high = (
        f"{part:,}" if part else f"over {row['watched_after']:,}" for part in row["parts_quartiles"]
    )
    streams = sorted(row["by"], key=lambda name: -row["by"][name])[:1]
    by = f" ({streams[0]})" if streams else ""
    return f"**{middle}** [{low}, {high}]{by}"
