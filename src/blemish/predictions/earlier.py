"""Predictions of an earlier run by the same model, which `predict --resume` goes on from."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blemish.errors import BlemishError, UsageError
from blemish.files import is_temporary, looking_at, write_whole
from blemish.names import shown
from blemish.predictions.images_named import NamedImage
from blemish.typed_json import read_json

LINES = "predictions.jsonl"
RUN = "predictions.run.json"  # what judged; written before the first line
FILE = "file"  # of a line: which file was judged, whatever its path names later

Identity = dict[str, int]


@dataclass(frozen=True)
class Earlier:
    """What is there already.

    Attributes:
        lines: that stay as they are, each with its end, in the order of the file.
        results: those among them that are of images asked for, as plain JSON values.
        left: images that are still to be judged, in the order given.
    """

    lines: tuple[str, ...]
    results: tuple[dict[str, Any], ...]
    left: tuple[NamedImage, ...]


def write_run(folder: Path, facts: dict[str, Any]) -> None:
    """Say what the lines of a folder are made by. Raises `BlemishError`."""
    write_whole(folder / RUN, json.dumps(facts, indent=2) + "\n")


def read_earlier(
    folder: Path,
    facts: dict[str, Any],
    images: Sequence[NamedImage],
    *,
    drawn: Callable[[NamedImage], bool],
) -> Earlier | None:
    """What an earlier run left in a folder; `None` where there was none.

    A verdict stays where its image has not changed since that run began and its drawings are
    there. What could not be judged is tried again; of what a power cut left torn, whole lines stay.

    Args:
        folder: of the output.
        facts: what the lines have to be made by, as `write_run` wrote it.
        images: that are asked for.
        drawn: whether all drawings and maps of an image are there.

    Raises:
        UsageError: the folder holds something else, or what another model said.
        BlemishError: it cannot be read.
    """
    begun_ns = _check_same(folder, facts)
    if begun_ns is None:
        return None
    told = [shown(str(image.source)) for image in images]
    times = Counter(told)
    wanted = {name: p for name, p in zip(told, images, strict=True) if times[name] == 1}
    lines, results, done = [], [], set()
    for line, value in _whole_lines(folder / LINES):
        path = value.get("path")
        image = wanted.get(path) if isinstance(path, str) else None
        if image is None:
            lines.append(line)  # of another day's images
        elif path not in done and _stays(value, image, begun_ns) and drawn(image):
            done.add(path)
            lines.append(line)
            results.append(value)
    left = tuple(p for name, p in zip(told, images, strict=True) if name not in done)
    return Earlier(tuple(lines), tuple(results), left)


def _check_same(folder: Path, facts: dict[str, Any]) -> int | None:
    """When the earlier run began, in nanoseconds; `None` where there is nothing of one yet."""
    path = folder / RUN
    with looking_at(folder):
        if not path.is_file():
            if all(_says_nothing(there) for there in folder.iterdir()):
                return None
            raise UsageError(
                f"'{folder}' holds no predictions to go on with (no {RUN}); name another folder, "
                "or write into it with force=True."
            )
        begun_ns = path.stat().st_mtime_ns
        text = path.read_bytes()
    try:
        there = {"outlines": False, "evidence": False} | dict(
            read_json(text.decode())
        )  # older runs do not say
    except (ValueError, TypeError) as error:
        raise BlemishError(f"'{path}' is damaged: it is not JSON; name another folder.") from error
    refuse_differing(str(folder), there, facts)
    return begun_ns


def refuse_differing(folder: str, there: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Raise `UsageError` where what a folder holds was made otherwise, with the differences."""
    differing = [
        f"{name} {there.get(name)} there, {value} here"
        for name, value in facts.items()
        if name != "blemish" and there.get(name) != value
    ]
    if differing:
        raise UsageError(
            f"'{folder}' holds predictions made otherwise ({'; '.join(differing)}); name another "
            "folder, or replace them with force=True."
        )


def _says_nothing(path: Path) -> bool:
    """Whether a run that was killed before its first verdict leaves this."""
    empty = path.name == LINES and path.stat().st_size == 0
    return empty or is_temporary(path.name)


def _whole_lines(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Lines with their values, without what is torn or no line of ours."""
    with looking_at(path):
        data = path.read_bytes() if path.exists() else b""
    found = []
    for raw in data.splitlines(keepends=True):
        try:
            line = raw.decode()
            value = read_json(line)
        except ValueError:
            continue
        if line.endswith("\n") and isinstance(value, dict):
            found.append((line, value))
    return found


def identity_of(path: Path) -> Identity | None:
    """What tells a file from another under the same path; `None` where it cannot be looked at."""
    try:
        facts = os.stat(path)  # noqa: PTH116 - as everything else finds it, through links
    except OSError:
        return None
    return {"inode": facts.st_ino, "bytes": facts.st_size, "modified_ns": facts.st_mtime_ns}


def _stays(result: dict[str, Any], image: NamedImage, begun_ns: int) -> bool:
    """Whether this very file was judged, and is the same now: nobody can set back `st_ctime`."""
    try:
        facts = os.stat(image.path)  # noqa: PTH116 - as above
    except OSError:
        return False
    unchanged = max(facts.st_mtime_ns, facts.st_ctime_ns) < begun_ns
    same = result.get(FILE) == identity_of(image.path)
    return unchanged and same and result.get("verdict") is not None
