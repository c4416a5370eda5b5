"""Manifests: a CSV or JSONL file that lists images, with their labels, masks, splits, groups.

    path,label,mask,split,group
    a/001.png,good,,train,plate-17
    a/002.png,scratch,masks/002.png,test,plate-18

`path` and `label` are needed, the rest may be absent or empty. Paths are relative to the manifest's
folder and lie inside it, so that ids are the same on every machine. All problems are told at once,
each with its line.
"""

from __future__ import annotations

import csv
import io
import posixpath
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from blemish.data.entry import Entry
from blemish.data.masks import MaskFile
from blemish.data.split import Split
from blemish.errors import DataError, did_you_mean, raise_all
from blemish.images.read import IMAGE_SUFFIXES
from blemish.result import GOOD
from blemish.typed_json import JsonError, read_json

MANIFEST_SUFFIXES = frozenset({".csv", ".jsonl"})
COLUMNS = ("path", "label", "mask", "split", "group")
NEEDED = ("path", "label")
MOST_PROBLEMS_SHOWN = 20

NumberedRow = tuple[int, Mapping[str, Any]]


def read_manifest(path: Path) -> tuple[Entry, ...]:
    """Read the entries of a `.csv` or `.jsonl` manifest.

    Raises:
        DataError: the file cannot be read, or some of its lines are wrong: up to 20 are named.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 text ({error}).") from error
    problems: list[str] = []
    rows = (_csv_rows if path.suffix.lower() == ".csv" else _jsonl_rows)(text, problems.append)
    entries = []
    for line, row in rows:
        entry = _entry(path.parent, row, _at_line(line, problems.append))
        if entry is not None:
            entries.append((line, entry))
    problems += _repeated(entries)
    _tell(path, problems)
    if not entries:
        raise DataError(f"{path} lists no images.")
    return tuple(entry for _, entry in entries)


def _at_line(line: int, tell: Callable[[str], None]) -> Callable[[str], None]:
    return lambda problem: tell(f"line {line}: {problem}")


def _csv_rows(text: str, tell: Callable[[str], None]) -> Iterator[NumberedRow]:
    header = text.partition("\n")[0]
    delimiter = ";" if ";" in header and "," not in header else ","  # spreadsheets in Europe
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [name.strip().lower() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    problems = _column_problems(names)
    problems += [f"needs a column '{name}'." for name in NEEDED if name not in names]
    for problem in problems:
        tell(f"line 1: {problem}")
    if problems:
        return
    try:
        for row in reader:
            if None in row:
                tell(f"line {reader.line_num}: has more than {len(names)} fields.")
            else:
                yield reader.line_num, row
    except csv.Error as error:
        tell(f"line {reader.line_num}: is not valid CSV ({error}).")


def _jsonl_rows(text: str, tell: Callable[[str], None]) -> Iterator[NumberedRow]:
    for line, content in enumerate(text.splitlines(), start=1):
        if not content.strip():
            continue
        try:
            row = read_json(content)
        except JsonError as error:
            tell(f"line {line}: {error}")
            continue
        problems = _column_problems(row) if isinstance(row, dict) else ["must be a JSON object."]
        for problem in problems:
            tell(f"line {line}: {problem}")
        if not problems:
            yield line, row


def _column_problems(names: Any) -> list[str]:
    problems = [
        f"unknown column '{name}'; known are {', '.join(COLUMNS)}.{did_you_mean(name, COLUMNS)}"
        for name in names
        if name not in COLUMNS
    ]
    names = list(names)
    return problems + [f"column '{n}' comes twice." for n in COLUMNS if names.count(n) > 1]


def _entry(root: Path, row: Mapping[str, Any], tell: Callable[[str], None]) -> Entry | None:
    """The entry of one row, or `None` after telling what is wrong with it."""
    texts = {name: _text(name, row.get(name), tell) for name in COLUMNS}
    label = GOOD if (texts["label"] or "").lower() == GOOD else texts["label"]
    image = _file(root, "path", texts["path"], tell)
    mask = _file(root, "mask", texts["mask"], tell)
    split = texts["split"] and texts["split"].lower()
    for name in NEEDED:
        if texts[name] is None:
            tell(f"'{name}' is empty.")
    if split not in (None, "train", "test"):
        tell(f"'split' must be train, test or empty; got '{split}'.")
    if split == "train" and label != GOOD:
        tell(f"'{label}' is a defect and must not be in the training split.")
    if mask and label == GOOD:
        tell("a good image has no mask.")
    if image is None or label is None:
        return None
    return Entry(
        id=image.relative_to(root).as_posix(),
        path=image,
        defect_type=label,
        masks=() if mask is None else (MaskFile(mask),),
        split=cast(Split | None, split),
        group=texts["group"],
    )


def _text(name: str, value: Any, tell: Callable[[str], None]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        if name == "group" and isinstance(value, int):
            return str(value)
        tell(f"'{name}' must be a text; got {value!r}.")
        return None
    return value.strip() or None


def _file(root: Path, name: str, text: str | None, tell: Callable[[str], None]) -> Path | None:
    if text is None:
        return None
    inside = posixpath.normpath(text.replace("\\", "/"))
    if inside.startswith(("/", "../")) or inside == ".." or Path(inside).is_absolute():
        tell(f"'{name}' must be relative to the manifest's folder and inside it; got '{text}'.")
        return None
    path = root / inside
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        tell(f"'{name}' must be an image ({', '.join(sorted(IMAGE_SUFFIXES))}); got '{text}'.")
        return None
    if not path.is_file():
        tell(f"'{name}' does not exist: '{text}'.")
        return None
    return path


def _repeated(entries: list[tuple[int, Entry]]) -> list[str]:
    first: dict[str, int] = {}
    problems = []
    for line, entry in entries:
        if entry.id in first:
            problems.append(
                f"line {line}: '{entry.id}' is listed in line {first[entry.id]} already."
            )
        first.setdefault(entry.id, line)
    return problems


def _tell(path: Path, problems: list[str]) -> None:
    shown = [f"{path}: {problem}" for problem in problems[:MOST_PROBLEMS_SHOWN]]
    if len(problems) > len(shown):
        shown.append(f"{path}: and {len(problems) - len(shown)} more problems.")
    raise_all(shown, DataError)
