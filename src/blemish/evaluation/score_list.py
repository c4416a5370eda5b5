"""Scores of images from a list: CSV with the columns `path` and `score`, or JSON lines with both.

    path,score
    test/crack/000.png,3.25

A line is of a test image where its path is the image's, or ends with it, or is one of the names
that its map may go by (see `matching`). Lines of other images are passed over.
`predictions.jsonl`, as `blemish predict -o` writes it, is such a list.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from blemish.data.sample import Sample
from blemish.errors import DataError
from blemish.evaluation.matching import look_up, match, names_of
from blemish.names import shown
from blemish.typed_json import read_json

COLUMNS = ("path", "score")

Lines = list[tuple[int, Mapping[str, Any]]]


def read_scores(
    path: Path, samples: Sequence[Sample], category: str
) -> tuple[dict[str, float], list[str]]:
    """The score of each test image by its id, and what is wrong with the list, in words.

    Raises:
        DataError: the file cannot be read, or is no such list.
    """
    lines = {f"line {number}": line for number, line in _read(path)}
    whole: dict[str, list[str]] = {}
    ends: dict[str, list[str]] = {}
    for number, line in lines.items():
        parts = PurePosixPath(_listed(str(line.get("path") or "").strip())).parts
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
    problems = [p if not p.startswith("line ") else f"{path}: {p}" for p in matches.problems]
    scores = {}
    for image, number in matches.found.items():
        written = lines[number].get("score")
        score = _number(written)
        if score is None:
            problems.append(f"{path}: {number}: {image}: its score is {written!r}, no number.")
        else:
            scores[image] = score
    return scores, problems


def _listed(name: str) -> str:
    """A name as it is in a list: as `shown`, with forward slashes."""
    return shown(name).replace("\\", "/")


def _number(value: Any) -> float | None:
    """A finite number, or `None`."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and not isinstance(value, bool) else None


def _read(path: Path) -> Lines:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 text ({error}).") from error
    try:
        lines = list((_json if path.suffix.lower() == ".jsonl" else _csv)(text))
    except (csv.Error, ValueError) as error:
        raise DataError(f"{path} is no list of scores: {error}.") from error
    if not lines:
        raise DataError(f"{path} lists no scores.")
    return lines


def _csv(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    header = text.partition("\n")[0]
    delimiter = ";" if ";" in header and "," not in header else ","  # spreadsheets in Europe
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [name.strip().lower() for name in reader.fieldnames or ()]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise ValueError(f"its first line must name {' and '.join(COLUMNS)}")
    reader.fieldnames = names
    for line in reader:
        yield reader.line_num, line


def _json(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            value = read_json(line)
            if not isinstance(value, dict):
                raise ValueError(f"line {number} is no JSON object")
            yield number, value
