"""Tables of what `teach.py` measured; `table.py` puts them into the pages."""

from __future__ import annotations

from table_parts import Record, Row, headed, made

Rows = list[Row]
NOT_YET = "There is no record yet."


def alarms(record: Record) -> str:
    """A row a category: alarms promised and seen, before, after and while they are taught."""
    if not record:
        return NOT_YET
    heads = ("data", "streams", "promised", "bound of one fit (95 %)", "in the stream, untaught",
             "in the stream, taught", "fresh, before", "fresh, after the stream",
             "scores that rose by learning")  # fmt: skip
    lines = headed(*heads)
    for name, rows in _by_category(record).items():
        shares = (
            _share(rows, "alarms_untaught", "streamed"),
            _share(rows, "alarms", "streamed"),
            *(_state(rows, what, "false_alarms", "fresh") for what in ("before", "taught")),
        )
        cells = " | ".join(f"{100 * share:.2f} %" for share in shares)
        rose = sum(row["taught"]["rose"] + row["ten"]["rose"] for row in rows)
        promised, bound = 100 * rows[0]["rate"], 100 * max(row["bound"] for row in rows)
        lines.append(
            f"| {name} | {len(rows)} | {promised:g} % | {bound:.1f} % | {cells} | {rose} |"
        )
    return "\n".join([*lines, "", made(record)])


def found(record: Record) -> str:
    """A row a category: recall before, after the stream, and after ten images."""
    if not record:
        return NOT_YET
    heads = ("data", "recall before", "after the stream", "after the ten loudest",
             "image AUROC before", "after the ten loudest", "vectors before", "of ten images",
             "bytes more, of ten images")  # fmt: skip
    lines = headed(*heads)
    for name, rows in _by_category(record).items():
        recalls = [_state(rows, what, "found", "defects") for what in ("before", "taught", "ten")]
        cells = [f"{recall:.4f}" for recall in recalls]
        cells += [f"{_mean(rows, what, 'auroc'):.4f}" for what in ("before", "ten")]
        more = [_mean(rows, "ten", what) - _mean(rows, "before", what) for what in _SIZES]
        cells += [f"{_mean(rows, 'before', 'vectors'):,.0f}", f"{more[0]:.0f}"]
        cells.append(f"{more[1] / 1e6:.2f} MB")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", made(record)])


def defects(record: Record) -> str:
    """A row a category: near-identical defects found, others, and false alarms."""
    if not record:
        return NOT_YET
    heads = ("data", "streams", "defects taught", "refused", "nearly the same found, before",
             "after", "other defects found, before", "after", "fresh good rejected, before",
             "after", "more at most, as told")  # fmt: skip
    lines = headed(*heads)
    for name, rows in _by_category(record).items():
        taught, refused = (sum(row[what] for row in rows) for what in ("defects_taught", "refused"))
        cells = []
        for hits, of in (
            ("likes_found", "likes"),
            ("others_found", "others"),
            ("false_alarms", "fresh"),
        ):
            count = sum(row[of] for row in rows)
            for what in ("before", "taught"):
                share = sum(row[what][hits] for row in rows) / count if count else None
                cells.append("none" if share is None else f"{100 * share:.2f} %")
        most = 100 * max(row["more_alarms"] for row in rows)
        head = f"| {name} | {len(rows)} | {taught} | {refused} | "
        lines.append(f"{head}{' | '.join(cells)} | {most:.2f} % |")
    return "\n".join([*lines, "", made(record)])


_SIZES = ("vectors", "bytes")


def _by_category(record: Record) -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    for row in sorted(record["rows"], key=lambda row: row["category"]):
        found.setdefault(row["category"].removeprefix("mvtec/"), []).append(row)
    return found


def _share(rows: Rows, hits: str, of: str) -> float:
    return sum(row[hits] for row in rows) / sum(row[of] for row in rows)


def _state(rows: Rows, what: str, hits: str, of: str) -> float:
    return sum(row[what][hits] for row in rows) / sum(row[of] for row in rows)


def _mean(rows: Rows, what: str, name: str) -> float:
    return sum(row[what][name] for row in rows) / len(rows)
