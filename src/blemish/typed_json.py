"""JSON of strangers: read within bounds, and taken for nothing but the type that it is to be.

Types are dataclasses and named tuples (arrays in JSON) of what msgspec knows; fields that a type
does not name are left out.
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

DEEPEST = 32  # values within values
LARGEST_INT = 2**63 - 1
LONGEST_TEXT = 1 << 16  # characters of one text
BOM = b"\xef\xbb\xbf"

Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Turn = Annotated[float, Meta(ge=0, le=180)]  # degrees to either side
Rate = Annotated[float, Meta(gt=0, lt=1)]
AboveZero = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]

T = TypeVar("T")


class JsonError(ValueError):
    """A JSON text or value is not what it should be; says where, and what is allowed."""


def read_json(text: str) -> Any:
    """A JSON value without anything that could do harm later.

    Numbers are finite and fit 64 bits, no name comes twice in one object, nesting and texts are
    bounded, and texts can be written as UTF-8 (a file's name that is none may be there as Python
    reads it, by surrogates).

    Raises:
        JsonError: it is no JSON, or has any of that.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
    except RecursionError:
        raise JsonError("it is nested too deeply.") from None
    except ValueError as error:
        raise JsonError(f"it is no JSON ({error}).") from error
    _check_bounded(value)
    return value


def as_type(value: Any, kind: type[T]) -> T:
    """A value of `read_json` as what it is to be. Raises `JsonError`, naming the place."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise JsonError(_spell(error)) from None
    except UnicodeEncodeError:  # a text that is no UTF-8 in the place of a number
        raise JsonError("a text is where a number should be.") from None


def read_as(content: bytes, kind: type[T]) -> T:
    """JSON of any size as what it is to be; what the type does not name is skipped unread.

    Unlike `read_json` it bounds neither texts nor whole numbers: the type has to.

    Raises:
        JsonError: it is no JSON, or of another type; names the place.
    """
    try:
        return msgspec.json.decode(content.removeprefix(BOM), type=kind)
    except msgspec.ValidationError as error:
        raise JsonError(_spell(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise JsonError(f"it is no JSON ({error}).") from error


def as_json(value: Any) -> Any:
    """A typed value as JSON has it: objects, arrays, texts and numbers."""
    return msgspec.to_builtins(value, enc_hook=_of_numpy)


def _spell(error: msgspec.ValidationError) -> str:
    what, _, place = str(error).replace("`", "").partition(" - at $")
    where = place.removeprefix(".") or "it"
    return f"{where}: {what[0].lower()}{what[1:]}."


def _of_numpy(value: Any) -> Any:
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is nothing that JSON has.")


def _refuse(constant: str) -> Any:
    raise JsonError(f"{constant} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise JsonError(f"'{max(names, key=names.count)}' is there twice")
    return found


def _check_bounded(value: Any) -> None:
    """Level by level, so that no depth of nesting can end the walk."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _parts(one)]
        if not level:
            return
    raise JsonError(f"it is nested more than {DEEPEST} deep.")


def _parts(value: Any) -> list[Any]:
    """What is in a value; raises `JsonError` where a text or number is out of bounds."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise JsonError(f"a text has {len(value):,} characters; at most {LONGEST_TEXT:,}.")
        try:
            value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise JsonError(f"the text {value[:40]!r} is no Unicode.") from None
    elif isinstance(value, float) and not math.isfinite(value):
        raise JsonError("a number is too large.")
    elif isinstance(value, int) and abs(value) > LARGEST_INT:
        raise JsonError("a whole number is too large.")
    return []
