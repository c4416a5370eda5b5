"""`data.yaml` of YOLO: names of classes, and where the images of a split are.

Read by a small reader of its own, since YAML would cost every user a package for three lists: keys
at the left border, with a text, a list or a mapping, on one line or on those below. What else a
file holds is passed over.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from blemish.data.lexicon.splits import SPLIT_WORDS
from blemish.data.split import Split
from blemish.errors import DataError

SUFFIXES = frozenset({".yaml", ".yml"})

_KEY = re.compile(r"([\w-]+)\s*:(?:\s+(.*))?")
_ITEM = re.compile(r"\s*-\s+(.*)")
_PAIR = re.compile(r"\s*(['\"]?)(\d+)\1\s*:\s*(.*)")


@dataclass(frozen=True, slots=True)
class DataYaml:
    """What a `data.yaml` says.

    Attributes:
        path: of the file.
        names: of classes, by their number.
        places: folders or lists of images, as it writes them, with their split, in its order.
        has_keypoints: whether labels hold keypoints.
    """

    path: Path
    names: dict[int, str]
    places: tuple[tuple[str, Split], ...] = ()
    has_keypoints: bool = False


def read_data_yaml(path: Path) -> DataYaml | None:
    """What a file says; `None` where it is no `data.yaml`, having no names of classes.

    Raises:
        DataError: it cannot be read, or its names are no list.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 text ({error}).") from error
    values = _values(text)
    if "names" not in values:
        return None
    names = _names(values["names"])
    if not names:
        raise DataError(f"{path}: 'names' must list classes, as [a, b] or with a line for each.")
    folder = " ".join(values.get("path", []))
    places = [
        (_joined(folder, place), split)
        for key, split in SPLIT_WORDS.items()
        for place in _items(values.get(key, []))
    ]
    return DataYaml(path, names, tuple(places), has_keypoints="kpt_shape" in values)


def _values(text: str) -> dict[str, list[str]]:
    """The lines that belong to each key at the left border, without comments."""
    values: dict[str, list[str]] = {}
    key = ""
    for line in text.splitlines():
        plain = _without_comment(line).rstrip()
        found = _KEY.fullmatch(plain)
        if found:
            key = found[1].lower()
            values[key] = [found[2]] if found[2] else []
        elif plain.strip() and key:
            values[key].append(plain)
    return values


def _without_comment(line: str) -> str:
    quote = ""
    for place, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "#" and (place == 0 or line[place - 1].isspace()):
            return line[:place]
    return line


def _names(lines: list[str]) -> dict[int, str]:
    flow = _flow(lines)
    if flow is None:
        pairs = [_PAIR.fullmatch(line) for line in lines]
        if lines and all(pairs):
            return {int(pair[2]): _text(pair[3]) for pair in pairs if pair}
        items = [_ITEM.fullmatch(line) for line in lines]
        found = [_text(item[1]) for item in items if item]
        return dict(enumerate(found)) if len(found) == len(lines) else {}
    pairs = [_PAIR.fullmatch(part) for part in flow]
    if flow and all(pairs):
        return {int(pair[2]): _text(pair[3]) for pair in pairs if pair}
    return dict(enumerate(_text(part) for part in flow))


def _items(lines: list[str]) -> list[str]:
    """The texts of a value: one, or those of a list."""
    flow = _flow(lines)
    if flow is not None:
        return [_text(part) for part in flow]
    items = [_ITEM.fullmatch(line) for line in lines]
    return [_text(item[1] if item else line) for item, line in zip(items, lines, strict=True)]


def _flow(lines: list[str]) -> list[str] | None:
    """The parts between brackets, `[a, b]` or `{0: a, 1: b}`; `None` where there are none."""
    joined = " ".join(line.strip() for line in lines)
    if not (joined[:1] in ("[", "{") and joined[-1:] in ("]", "}")):
        return None
    parts = re.findall(r"(?:'[^']*'|\"[^\"]*\"|[^,'\"])+", joined[1:-1])
    return [part.strip() for part in parts if part.strip()]


def _text(text: str) -> str:
    text = text.strip()
    if len(text) < 2 or text[0] != text[-1]:
        return text
    if text[0] == '"':
        with suppress(ValueError):  # the same escapes as in JSON, and a few more
            return str(json.loads(text))
        return text[1:-1]
    return text[1:-1].replace("''", "'") if text[0] == "'" else text


def _joined(folder: str, place: str) -> str:
    folder = _text(folder)
    return place if not folder or folder == "." else f"{folder}/{place}"
