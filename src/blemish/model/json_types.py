"""Whether a JSON value is what a type says: one declaration serves mypy and files of strangers.

Types are TypedDicts of `str`, `int`, `float`, `bool`, `None`, literals, unions, lists, tuples
(arrays of that many values), objects of any names, and `Annotated` numbers and texts with limits.
What a TypedDict does not name may be there, too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

DEEPEST = 32  # values within values
LARGEST_INT = 2**63 - 1
LONGEST_TEXT = 1 << 16  # characters of one text
_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
_KINDS |= {NoneType: "null"}

Check = Callable[[Any, str], None]


class JsonError(ValueError):
    """A JSON text or value is not what it should be; says where, and what is allowed."""


@dataclass(frozen=True)
class Within:
    """Limits of a number; `low` and `high` are allowed unless they are said to be `open`."""

    low: float
    high: float = LARGEST_INT
    open: bool = False

    def problem(self, value: Any) -> str | None:
        """What is wrong with a number, as `must be ...`, or `None`."""
        inside = self.low < value < self.high if self.open else self.low <= value <= self.high
        left, right = "()" if self.open else "[]"
        return None if inside else f"must be in {left}{self.low:g}, {self.high:g}{right}"


@dataclass(frozen=True)
class Looks:
    """What a text must look like, as a regular expression."""

    pattern: str

    def problem(self, value: Any) -> str | None:
        """What is wrong with a text, as `must be ...`, or `None`."""
        return None if re.fullmatch(self.pattern, value) else f"must look like {self.pattern}"


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


def check_json(value: Any, kind: Any, where: str = "") -> None:
    """Raise `JsonError` where a value is not of a type, naming the first place.

    Args:
        value: as `read_json` gives it.
        kind: a type of those above.
        where: what to call the value.
    """
    _checker(kind)(value, where)


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


@cache
def _checker(kind: Any) -> Check:
    """How to check a value of a type."""
    if is_typeddict(kind):
        return _record(kind)
    origin, args = get_origin(kind), get_args(kind)
    return _MAKERS[origin](args) if origin in _MAKERS else _plain(kind)


def _plain(kind: Any) -> Check:
    allowed = (int, float) if kind is float else (kind,)

    def check(value: Any, where: str) -> None:
        if type(value) not in allowed:  # not isinstance: true is no number
            raise JsonError(f"{where} must be {_KINDS[kind]}; got {_spell(value)}.")

    return check


def _limited(args: tuple[Any, ...]) -> Check:
    check, limits = _checker(args[0]), args[1]

    def both(value: Any, where: str) -> None:
        check(value, where)
        if problem := limits.problem(value):
            raise JsonError(f"{where} {problem}; got {_spell(value)}.")

    return both


def _one_of(choices: tuple[Any, ...]) -> Check:
    def check(value: Any, where: str) -> None:
        if not any(type(value) is type(one) and value == one for one in choices):
            allowed = ", ".join(map(str, choices))
            raise JsonError(f"{where} must be one of {allowed}; got {_spell(value)}.")

    return check


def _any_of(kinds: tuple[Any, ...]) -> Check:
    def check(value: Any, where: str) -> None:
        problem = None
        for kind in kinds:
            try:
                return _checker(kind)(value, where)
            except JsonError as error:
                problem = problem or error
        raise problem or JsonError(where)

    return check


def _list_of(args: tuple[Any, ...]) -> Check:
    item = _checker(args[0])

    def check(value: Any, where: str) -> None:
        if not isinstance(value, list):
            raise JsonError(f"{where} must be a list; got {_spell(value)}.")
        for place, one in enumerate(value):
            item(one, f"{where}[{place}]")

    return check


def _row_of(args: tuple[Any, ...]) -> Check:
    items = [_checker(arg) for arg in args]

    def check(value: Any, where: str) -> None:
        if not isinstance(value, list) or len(value) != len(items):
            raise JsonError(f"{where} must be a list of {len(items)}; got {_spell(value)}.")
        for place, (item, one) in enumerate(zip(items, value, strict=True)):
            item(one, f"{where}[{place}]")

    return check


def _values_of(args: tuple[Any, ...]) -> Check:
    item = _checker(args[1])

    def check(value: Any, where: str) -> None:
        for name, one in _object(value, where).items():
            item(one, f"{where}.{name}")

    return check


_MAKERS: dict[Any, Callable[[tuple[Any, ...]], Check]] = {
    Annotated: _limited,
    Literal: _one_of,
    Union: _any_of,
    UnionType: _any_of,
    list: _list_of,
    tuple: _row_of,
    dict: _values_of,
}


def _record(kind: Any) -> Check:
    # Not __required_keys__: it does not see NotRequired where annotations are postponed.
    hints = get_type_hints(kind, include_extras=True)
    optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
    checks = {
        name: _checker(get_args(hint)[0] if name in optional else hint)
        for name, hint in hints.items()
    }

    def check(value: Any, where: str) -> None:
        record = _object(value, where)
        for name, item in checks.items():
            inside = f"{where}.{name}" if where else name
            if name in record:
                item(record[name], inside)
            elif name not in optional:
                raise JsonError(f"{inside} is missing.")

    return check


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise JsonError(f"{where or 'it'} must be an object; got {_spell(value)}.")
    return value


def _spell(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = json.dumps(value)
    return text if len(text) < 60 else f"{text[:57]}..."
