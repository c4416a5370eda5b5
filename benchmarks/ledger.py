"""The ledger: how fast it takes rows, and how long an audit of a million takes.

    python benchmarks/ledger.py [ROWS]

Rows are as a station with one camera writes them, about a kilobyte each. Appends are durable: a
batch of one pays a sync of the disk for each row. Run it when nothing else runs.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from blemish.ledger.audit import audit
from blemish.ledger.chain import COLUMNS, START, link
from blemish.ledger.columns import columns_of, microseconds
from blemish.ledger.entry import Entry, Kind
from blemish.ledger.ledger import Ledger
from blemish.ledger.query import Query
from blemish.ledger.reader import Reader
from blemish.station.statistics.p_chart import p_chart
from blemish.station.statistics.shifts import shift_figures
from day_record import DayRecord

START_TIME = datetime(2026, 12, 1, tzinfo=UTC)
SECONDS = 3.0  # of each batch size
AUDITS = 3


def inspection(number: int) -> Entry:
    """What a station says of a good part, ten parts a second."""
    image, model = (sha256(str(n).encode()).hexdigest() for n in (number, "model"))
    time = START_TIME + timedelta(milliseconds=100 * number)
    look = {"brightness": 0.512345, "contrast": 0.112345, "sharpness": 0.712345, "slant": 0.012345}
    prediction = {"path": None, "score": number / 7, "p_value": 0.2345, "tail_p_value": None,
                  "verdict": "good", "regions": [], "notes": [], "seconds": 0.0123,
                  "look": look}  # fmt: skip
    view = {"camera": "top", "name": f"{number}.png", "image_sha256": image, "model_sha256": model,
            "threshold": 0.5, "size_hw": [480, 640], "prediction": prediction,
            "error": None}  # fmt: skip
    body = {"id": image[:32], "time": time.isoformat(), "part": f"P-{number}", "recipe": "lid",
            "verdict": "good", "views": [view], "missing": [], "seconds": 0.0145}  # fmt: skip
    return Entry(
        Kind.INSPECTION, time, body, key=f"top/{number}", part=f"P-{number}", recipe="lid",
        model_sha256=model, image_sha256=image, verdict="good" if number % 200 else "defect",
        score=number / 7, threshold=0.5,
    )  # fmt: skip


def append_rate(folder: Path, batch: int) -> dict[str, float]:
    """Rows a second, and how long an append takes."""
    seconds, number = [], 0
    with Ledger.open(folder / f"batch-{batch}.db") as ledger:
        while sum(seconds) < SECONDS:
            entries = [inspection(number + n) for n in range(batch)]
            start = perf_counter()
            ledger.append(entries)
            seconds.append(perf_counter() - start)
            number += batch
    seconds.sort()
    return {
        "batch": batch,
        "rows_a_second": round(number / sum(seconds)),
        "ms_median": round(1000 * median(seconds), 2),
        "ms_99": round(1000 * seconds[int(0.99 * len(seconds))], 2),
    }


def fill(path: Path, rows: int) -> None:
    """A ledger of so many rows, as appending leaves it, without waiting for the disk."""
    columns = list(columns_of(1, inspection(0)))
    id_, time, part, key, image, verdict, body = (
        COLUMNS.index(name)
        for name in ("number", "time", "part", "key", "image_sha256", "verdict", "body")
    )
    text, before, begun = columns[body], START, microseconds(START_TIME)
    known = [inspection(0).image_sha256, "P-0", "top/0"]
    with Ledger.open(path) as ledger, closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        insert = f"INSERT INTO row VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"
        for number in range(rows):
            new = [sha256(str(number).encode()).hexdigest(), f"P-{number}", f"top/{number}"]
            columns[id_], columns[time] = number + 1, begun + 100_000 * number
            columns[image], columns[part], columns[key] = new
            columns[verdict] = "good" if number % 200 else "defect"
            columns[body] = text.replace(known[0], new[0]).replace(known[1], new[1])
            before = link(before, [v.encode() if isinstance(v, str) else v for v in columns])
            connection.execute(insert, [*columns, before])
            if not number % 20_000:
                connection.commit()
        connection.commit()
        assert ledger.head().number == rows


def main() -> None:
    """Measure, print and keep."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    record = DayRecord("ledger")
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top)
        for batch in (1, 10, 100):
            record.add({"what": "append", "load": os.getloadavg()[0], **append_rate(folder, batch)})
        path = folder / "ledger.db"
        fill(path, rows)
        size = path.stat().st_size
        for _ in range(AUDITS):
            wall, cpu = perf_counter(), process_time()
            found = audit([str(path)])
            wall, cpu = perf_counter() - wall, process_time() - cpu
            assert found.fault is None
            record.add({
                "what": "audit", "load": os.getloadavg()[0], "rows": found.rows,
                "megabytes": round(size / 1e6), "seconds": round(wall, 2),
                "cpu_seconds": round(cpu, 2),
            })  # fmt: skip
        with Reader.open(path) as reader:
            until = START_TIME + timedelta(milliseconds=100 * rows)
            since = until - timedelta(hours=8)
            for what, ask in (
                ("shift figures", lambda: shift_figures(reader, since, until)),
                ("p chart", lambda: p_chart(reader, since, until)),
                ("newest 50", lambda: reader.rows(Query([Kind.INSPECTION]), most=50)),
                ("newest 50 defects", lambda: reader.rows(Query(verdicts=["defect"]), most=50)),
                ("50 of a part", lambda: reader.rows(Query(part="P-7"), most=50)),
                ("50 before noon", lambda: reader.rows(
                    Query([Kind.INSPECTION], until=START_TIME + timedelta(hours=12)), most=50)),
            ):  # fmt: skip
                start = perf_counter()
                ask()
                record.add(
                    {"what": what, "rows": rows, "seconds": round(perf_counter() - start, 3)}
                )


if __name__ == "__main__":
    main()
