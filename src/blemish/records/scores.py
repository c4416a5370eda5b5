"""What was said of each test image, as one CSV for all jobs of a folder.

A row for each image of each job, with what the data set tells of the image besides, in columns of
their own at the end. Of a single job it is a list of scores, as `ScoreMaps` and
`blemish evaluate --scores` read it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from blemish.files import write_whole
from blemish.names import no_formula
from blemish.records.findings import ImageRow
from blemish.records.record import AnyRecord, Record

NAME = "scores.csv"
OF_IMAGE = ("path", "score", "label", "defect_type", "verdict", "p_value", "tail_p_value", "aupimo")
OF_JOB = ("category", "detector", "seed", "job", "run")
META = "meta."  # before the name of metadata that is also the name of a column


def write_scores(directory: Path, records: Sequence[AnyRecord]) -> Path:
    """Write `scores.csv` into a folder. Raises `BlemishError` where it cannot be written."""
    path = directory / NAME
    write_whole(path, scores_csv(records))
    return path


def scores_csv(records: Iterable[AnyRecord]) -> str:
    """The rows of all images, as CSV; numbers have every digit, what is undefined is empty."""
    ended = [record for record in records if isinstance(record, Record)]
    rows = [row for record in ended for row in record.images]
    metadata = _columns_of(list(dict.fromkeys(name for row in rows for name, _ in row.metadata)))
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*OF_IMAGE, *OF_JOB, *map(no_formula, metadata.values())])
    for record in ended:
        job = [_cell(getattr(record, name)) for name in OF_JOB]
        writer.writerows(_cells(row, metadata, job) for row in record.images)
    return stream.getvalue()


def _columns_of(names: Sequence[str]) -> dict[str, str]:
    """What the column of each metadata is called: by its name, if no other column has that."""
    taken = {*OF_IMAGE, *OF_JOB}
    columns = {}
    for name in names:
        columns[name] = name
        while columns[name].casefold() in taken:
            columns[name] = META + columns[name]
        taken.add(columns[name].casefold())
    return columns


def _cells(row: ImageRow, metadata: Iterable[str], job: Sequence[object]) -> list[object]:
    told = dict(row.metadata)
    own = [_cell(getattr(row, name)) for name in OF_IMAGE]
    return [*own, *job, *(_cell(told.get(name, "")) for name in metadata)]


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return "" if value is None else value
    return value if _is_number(value) else no_formula(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return not text[:1].isspace()
