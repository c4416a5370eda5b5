"""Settings: frozen dataclasses whose fields carry their own limits and a line of documentation.

A settings class is read from a mapping (TOML, JSON, `--set name=value`) and written as JSON.
Unknown names and values outside their limits are errors, all of one input told at once.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from blemish.errors import SettingError, did_you_mean, raise_all

LARGEST_INT = 2**63 - 1  # that files of all formats hold
NONE = "none"  # as it is typed for no value
PLAIN = frozenset({bool, int, float, str})


@dataclass(frozen=True)
class Limits:
    """What a field may hold besides its type. `None` is allowed where the type allows it."""

    doc: str
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] | None = None
    fewest: int | None = None
    names_file: bool = False  # or a folder: its content counts, not where it lies

    def problem(self, value: Any) -> str | None:
        """What is wrong with `value`, as `must be ...`, or `None`."""
        if value is None:
            return None
        if self.choices is not None and value not in self.choices:
            near = did_you_mean(str(value), self.choices)
            return f"must be one of {', '.join(self.choices)}; got {value!r}.{near}"
        if self.fewest is not None and len(value) < self.fewest:
            entries = "entry" if self.fewest == 1 else "entries"
            return f"must have at least {self.fewest} {entries}; got {len(value)}."
        numbers = value if isinstance(value, tuple) else (value,)
        if any(isinstance(number, int) and abs(number) > LARGEST_INT for number in numbers):
            return f"must be a whole number of 64 bits; got {value!r}."
        if not all(self._inside(number) for number in numbers if not isinstance(number, str)):
            return f"must be in {self._interval()}; got {value!r}."
        return None

    def _inside(self, number: float) -> bool:
        return (
            math.isfinite(number)
            and (self.at_least is None or number >= self.at_least)
            and (self.above is None or number > self.above)
            and (self.at_most is None or number <= self.at_most)
        )

    def _interval(self) -> str:
        low = f"[{self.at_least:g}" if self.at_least is not None else "(-inf"
        low = f"({self.above:g}" if self.above is not None else low
        return f"{low}, {self.at_most:g}]" if self.at_most is not None else f"{low}, inf)"


@dataclass(frozen=True)
class Described:
    """What a settings class says of one of its settings.

    Attributes:
        name: of the setting.
        type: as it is annotated.
        default: its value where none is given.
        limits: what it may be, and its documentation.
    """

    name: str
    type: Any
    default: Any
    limits: Limits

    def problems(self) -> Iterator[str]:
        """Why no option can be made of it."""
        if self.default is dataclasses.MISSING:
            yield f"its setting '{self.name}' has no default"
        limits: Any = self.limits  # of a field's metadata, which may hold anything
        if not isinstance(limits, Limits):
            yield f"its setting '{self.name}' has limits that are none: {limits!r}"
        if not _is_plain(self.type):
            yield (
                f"its setting '{self.name}' is a {self.type}, of which no option can be made: a "
                "setting is true or false, a number, a text, or a tuple of one of these"
            )


def setting(default: Any, doc: str, **limits: Any) -> Any:
    """A field of a settings class: its default, a sentence of documentation, and its limits."""
    return dataclasses.field(default=default, metadata={"limits": Limits(doc=doc, **limits)})


@dataclass(frozen=True)
class Settings:
    """Base of all settings. Subclasses are frozen dataclasses whose fields use `setting`."""

    def __post_init__(self) -> None:
        problems = []
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            limits = field.metadata.get("limits")
            value, hint = getattr(self, field.name), hints[field.name]
            if _is_none(value, hint, limits):
                value = None
            value, wrong_type = _coerce(value, hint)
            object.__setattr__(self, field.name, value)
            problem = wrong_type or (limits.problem(value) if limits else None)
            if problem:
                problems.append(f"'{field.name}' {problem}")
        problems.extend([] if problems else self.contradictions())
        raise_all(problems, SettingError)

    def contradictions(self) -> list[str]:
        """Problems between fields that are each allowed; subclasses override."""
        return []

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of all settings, in order."""
        return tuple(field.name for field in dataclasses.fields(cls))

    @classmethod
    def described(cls) -> tuple[Described, ...]:
        """What each setting is, in order."""
        hints = typing.get_type_hints(cls)
        fields = dataclasses.fields(cls)
        found = ((field, field.metadata.get("limits", Limits(doc=""))) for field in fields)
        return tuple(Described(f.name, hints[f.name], f.default, limits) for f, limits in found)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read settings from a mapping.

        Raises:
            SettingError: a name is unknown (with the closest known one) or a value not allowed.
        """
        known = cls.names()
        unknown = [
            f"Unknown setting '{name}'; known are {', '.join(known)}.{did_you_mean(name, known)}"
            for name in values
            if name not in known
        ]
        raise_all(unknown, SettingError)
        return cls(**values)

    @classmethod
    def names_of_files(cls) -> tuple[str, ...]:
        """The names of the settings that name a file or folder."""
        return tuple(one.name for one in cls.described() if one.limits.names_file)

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values."""
        values = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed, checked again."""
        return type(self).from_dict({**dataclasses.asdict(self), **changes})


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Read `name=value` pairs as typed on a command line; values are TOML, or else plain text.

    `coreset_ratio=0.1` gives a float, `levels=block4,block11` a text that a list setting splits.

    Raises:
        SettingError: a pair has no `=`, or a name comes twice.
    """
    values: dict[str, Any] = {}
    problems = []
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals:
            problems.append(f"'{assignment}' must have the form NAME=VALUE.")
        elif name in values:
            problems.append(f"'{name}' is set twice.")
        else:
            values[name] = parse_value(text.strip())
    raise_all(problems, SettingError)
    return values


def parse_number(text: str) -> float:
    """A number as it is typed, which may be a percentage: `0.01`, `1%`. Raises `ValueError`."""
    number = text.strip()
    return float(number[:-1]) / 100 if number.endswith("%") else float(number)


def parse_value(text: str) -> Any:
    """A value as it is typed: TOML, a percentage, or else plain text."""
    if text.rstrip().endswith("%"):
        with suppress(ValueError):
            return parse_number(text)
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # no TOML, too long a number, nested too deeply
        return text


def _is_none(value: Any, hint: Any, limits: Limits | None) -> bool:
    """Whether a text is `none` for no value, where that is allowed and is no choice by itself."""
    if not isinstance(value, str) or value.lower() != NONE:
        return False
    is_choice = limits is not None and NONE in (limits.choices or ())
    return type(None) in typing.get_args(hint) and not is_choice


def _coerce(value: Any, hint: Any) -> tuple[Any, str | None]:
    """`value` as `hint` wants it, and what is wrong with its type (or `None`)."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        tried = [_coerce(value, option) for option in typing.get_args(hint)]
        fitting = next((result for result in tried if result[1] is None), None)
        return fitting or (value, f"must be {_spell(hint)}; got {value!r}.")
    if typing.get_origin(hint) is tuple:
        return _coerce_tuple(value, hint)
    if hint is type(None):
        return value, None if value is None else "must be none."
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value), None
    if isinstance(value, hint) and not (hint is not bool and isinstance(value, bool)):
        return value, None
    return value, f"must be {_spell(hint)}; got {value!r}."


def _coerce_tuple(value: Any, hint: Any) -> tuple[Any, str | None]:
    arguments = typing.get_args(hint)
    if isinstance(value, str) and arguments[0] is str:
        value = [part.strip() for part in value.split(",") if part.strip()]
    fixed = len(arguments) if arguments[-1] is not Ellipsis else None
    if not isinstance(value, (list, tuple)) or (fixed is not None and len(value) != fixed):
        return value, f"must be {_spell(hint)}; got {value!r}."
    items = [_coerce(item, arguments[0]) for item in value]
    wrong = next((problem for _, problem in items if problem), None)
    return tuple(item for item, _ in items), wrong


def _is_plain(hint: Any) -> bool:
    """Whether `_coerce` knows a type, and an option can be made of it."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return all(_is_plain(kind) for kind in kinds)
    if typing.get_origin(hint) is tuple:
        items = {item for item in typing.get_args(hint) if item is not Ellipsis}
        return len(items) == 1 and items <= PLAIN
    return isinstance(hint, type) and hint in PLAIN


def _spell(hint: Any) -> str:
    """A type as a reader would say it."""
    words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(_spell(option) for option in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        arguments = typing.get_args(hint)
        if arguments[-1] is Ellipsis:
            return f"a list ({_spell(arguments[0])} each)"
        return f"{len(arguments)} values ({_spell(arguments[0])} each)"
    return "none" if hint is type(None) else words.get(hint, str(hint))
