"""Scores of images from a list: a table with the columns `path` and `score`, in any usual format.

    path,score
    test/crack/000.png,3.25

A line is of a test image where its path is the image's, or ends with it, or is one of the names
that its map may go by (see `matching`). Lines of other images are passed over.
`predictions.jsonl`, as `blemish predict -o` writes it, is such a list, and so is `scores.csv` of a
single job.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from blemish.data.manifest.vocabulary import is_path, path_column, squashed
from blemish.data.sample import Sample
from blemish.data.tables import read_table
from blemish.errors import DataError, raise_some
from blemish.evaluation.matching import look_up, match, names_of
from blemish.names import of_cell, shown

COLUMNS = ("path", "score")

Lines = dict[str, tuple[Any, Any]]


def read_scores(
    path: Path, samples: Sequence[Sample], category: str
) -> tuple[dict[str, float], list[str]]:
    """The score of each test image by its id, and what is wrong with the list, in words.

    Raises:
        DataError: the file cannot be read, or is no such list.
    """
    lines = _read(path)
    whole: dict[str, list[str]] = {}
    ends: dict[str, list[str]] = {}
    for number, (path_there, _) in lines.items():
        parts = PurePosixPath(_listed(str(path_there or ""))).parts
        names = [PurePosixPath(*parts[start:]).as_posix() for start in range(len(parts))]
        for name in names[:1]:
            whole.setdefault(name, []).append(number)
        for name in names:
            ends.setdefault(name, []).append(number)
    candidates = {
        sample.id: look_up(whole, map(_listed, names_of(sample, category)))
        | look_up(ends, [_listed(sample.id)])
        for sample in samples
    }
    matches = match(candidates, (), what="score", place=str(path), apart="give its whole path")
    problems = [f"{path}: {p}" if p.split(":")[0] in lines else p for p in matches.problems]
    scores = {}
    for image, number in matches.found.items():
        _, written = lines[number]
        score = _number(written)
        if score is None:
            problems.append(f"{path}: {number}: {image}: its score is {written!r}, no number.")
        else:
            scores[image] = score
    return scores, problems


def _listed(name: str) -> str:
    """A name as it is in a list: as `shown`, with forward slashes."""
    return of_cell(shown(name)).replace("\\", "/")


def _number(value: Any) -> float | None:
    """A finite number, or `None`."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and not isinstance(value, bool) else None


def _read(path: Path) -> Lines:
    """Path and score of each line, by its place. Raises `DataError`."""
    table = read_table(path, _is_known)
    raise_some(table.problems, DataError, place=f"{path} is no list of scores")
    image, score = path_column(table.columns), _only_score(table.columns)
    if image is None or score is None:
        raise DataError(f"{path} is no list of scores: it must name {' and '.join(COLUMNS)}.")
    if not table.rows:
        raise DataError(f"{path} lists no scores.")
    one, other = table.columns.index(image), table.columns.index(score)
    return {row.place: (row.cells[one], row.cells[other]) for row in table.rows}


def _only_score(names: Sequence[str]) -> str | None:
    found = [name for name in names if squashed(name) == "score"]
    return found[0] if len(found) == 1 else None


def _is_known(name: str) -> bool:
    return is_path(name) or squashed(name) == "score"
