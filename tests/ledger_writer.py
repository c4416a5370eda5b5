"""Append to a ledger from several threads, and tell of each row once it is acknowledged.

    python tests/ledger_writer.py LEDGER THREADS ROUNDS [careless]

Prints `NUMBER SHA256` of the last row of each append; `careless` turns syncing off.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from blemish.ledger.entry import Entry, Kind
from blemish.ledger.ledger import Ledger

BATCH = 5  # entries in one append
FILLER = "x" * 700  # as much as an inspection has


def write(ledger: Ledger, rounds: int, start: int) -> None:
    """Append so many times."""
    for number in range(rounds):
        key = f"{os.getpid()}/{start}/{number}"
        entries = [
            Entry(Kind.INSPECTION, datetime.now(UTC), {"filler": FILLER}, key=f"{key}/{n}")
            for n in range(BATCH)
        ]
        row = ledger.append(entries, marks={"last": key})[-1]
        os.write(1, f"{row.number} {row.sha256}\n".encode())


def main() -> None:
    """Append as the command line says."""
    path, threads, rounds, *careless = sys.argv[1:]
    with Ledger.open(Path(path)) as ledger:
        if careless:
            ledger._writer.execute("PRAGMA synchronous = OFF")
        workers = [Thread(target=write, args=(ledger, int(rounds), n)) for n in range(int(threads))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


if __name__ == "__main__":
    main()
