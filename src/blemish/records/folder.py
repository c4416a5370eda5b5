"""The records of a run: JSON files in one folder, each written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from blemish.errors import DataError
from blemish.files import make_folder, write_whole
from blemish.names import all_shown
from blemish.records.record import AnyRecord, from_dict
from blemish.typed_json import read_json

FOLDER = "records"
MOST_BYTES_OF_A_NAME = 60  # in the name of a file, which may have 255 with all that is added


def id_of(category: str, detector: str, seed: int, content: Mapping[str, Any]) -> str:
    """An id fit for the name of a file, with a hash of some content and of blemish's version."""
    whole = {**content, "category": category, "detector": detector, "seed": seed}
    whole["blemish"] = metadata.version("blemish")
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
    return f"{_for_a_file(category)}-{_for_a_file(detector)}-{seed}-{digest[:8]}"


def _for_a_file(name: str) -> str:
    """A name of any origin without what means something in a path, and not too long."""
    plain = re.sub(r"[^\w.-]", "_", name)
    return plain.encode()[:MOST_BYTES_OF_A_NAME].decode(errors="ignore")


def write_record(directory: Path, record: AnyRecord) -> Path:
    """Write a record to `records/<job>.json` below a folder, whole, in place of an earlier one.

    Raises:
        BlemishError: the folder cannot be written, or the disk is full.
    """
    path = record_path(directory, record.job)
    make_folder(path.parent)
    write_whole(path, json.dumps(all_shown(record.to_dict()), allow_nan=False) + "\n")
    return path


def record_path(directory: Path, job: str) -> Path:
    """Where the record of a job is."""
    return directory / FOLDER / f"{job}.json"


def read_records(directory: Path) -> list[AnyRecord]:
    """All records below a folder, sorted by job; none where there is no such folder.

    Raises:
        DataError: a file among them is damaged, no record, or of another schema, or the folder
            cannot be listed.
    """
    folder = directory / FOLDER
    try:
        paths = [path for path in folder.iterdir() if _is_record(path.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(f"Folder '{folder}' cannot be listed: {error.strerror}.") from error
    return sorted(map(read_record, paths), key=lambda record: record.job)


def read_record(path: Path) -> AnyRecord:
    """One record. Raises `DataError` where it is damaged, none, or of another schema."""
    try:
        values = read_json(path.read_bytes().decode())
    except OSError as error:
        raise DataError(f"Cannot read record '{path}': {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"'{path}' is damaged: it is no UTF-8. Delete it to go on.") from error
    except ValueError as error:
        raise DataError(f"'{path}' is damaged: {error} Delete it to go on.") from error
    try:
        return from_dict(values)
    except ValueError as error:
        raise DataError(
            f"'{path}' cannot be used: {error}. Delete it to measure again, or move it elsewhere."
        ) from error


def _is_record(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".")
