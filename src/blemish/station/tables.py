"""Tables of TOML files as typed structs: all problems at once, each with its place."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec.structs import fields

from blemish.errors import MOST_PROBLEMS_SHOWN, DataError, did_you_mean
from blemish.files import looking_at
from blemish.wording import first_few

MOST_BYTES = 1 << 20

T = TypeVar("T", bound=msgspec.Struct)


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of what a table holds; a field of type `Path` is taken from the file's folder."""


class Problems:
    """What is wrong with a file, gathered until all of it has been looked at.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[str] = []

    def add(self, place: str, what: str) -> None:
        """One more: where, and what is wrong."""
        self.told.append(f"{self.path}: {place}: {what}" if place else f"{self.path}: {what}")

    def error(self) -> DataError:
        """All of it as an error, to be raised."""
        return DataError(first_few(self.told, MOST_PROBLEMS_SHOWN, separator="\n"))

    def check_keys(self, values: Mapping[str, Any], allowed: Iterable[str], place: str) -> None:
        """Tell of keys that nobody knows, with the nearest that somebody does."""
        known = list(allowed)
        for name in values.keys() - set(known):
            near = did_you_mean(name, known) or f" There are: {', '.join(known)}."
            self.add(place, f"there is no '{name}'.{near}")

    def table(self, values: Any, kind: type[T], place: str) -> T | None:
        """Values of a table as a struct; `None` once a problem was told.

        Args:
            values: as `tomllib` gives them.
            kind: of the struct.
            place: the table's name, for people.
        """
        before = len(self.told)
        if not isinstance(values, dict):
            self.add(place, "it must be a table.")
            return None
        known = {field.encode_name: field for field in fields(kind)}
        self.check_keys(values, known, place)
        for name, field in known.items():
            if name in values:
                self._check(values[name], field.type, place, f"'{name}'")
            elif field.required:
                self.add(place, f"'{name}' is missing.")
        if len(self.told) > before:
            return None
        found: T | None = self._check(values, kind, place, "")
        return found

    def _check(self, value: Any, kind: Any, place: str, name: str) -> Any:
        try:
            return msgspec.convert(value, kind, dec_hook=self._of_text)
        except msgspec.ValidationError as error:
            what, _, where = str(error).replace("`", "'").partition(" - at '$")
            where = where.strip("'.")
            lead = " ".join(filter(None, (name, f"({where})" if where else "")))
            self.add(place, f"{lead}: {_lowered(what)}." if lead else f"{what.rstrip('.')}.")
            return None

    def _of_text(self, kind: type, value: Any) -> Any:
        if kind is Path and isinstance(value, str) and value:
            return self.path.parent.absolute() / Path(value).expanduser()
        raise ValueError(f"it must be the path of a file or folder, not {value!r}")


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as plain values.

    Raises:
        DataError: there is none, it cannot be read, or it is no TOML (with line and column).
    """
    with looking_at(path):
        if not path.is_file():
            raise DataError(f"There is no file '{path}'.")
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"'{path}' is too large for a file of settings.")
        content = path.read_bytes()
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: it is no TOML: {error}.") from error


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
