"""Options that are the settings of detectors: made from what these say of themselves.

`--help` lists the settings that all detectors share, and those of the detectors that are named; of
the others it says where theirs are listed.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Collection, Iterator, Sequence
from inspect import Parameter, Signature
from typing import Annotated, Any

import typer
from typer.main import get_command

from blemish.cli.command import Command, typed_so_far
from blemish.cli.flags import flag
from blemish.detectors.registry import SHARED, settings_by_detector
from blemish.settings import Described, Limits

GIVEN = "blemish.settings"
PREFIX = "setting_"  # of the options' parameters: a setting may be called as a parameter is
_METAVARS = {bool: "true|false", int: "N", float: "NUMBER", str: "TEXT"}


class FitsDetectors(Command):
    """A command that takes the settings of all detectors as options."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The command's own, and one for each name of a setting."""
        return [*super().get_params(ctx), *self._options.values()]

    def invoke(self, ctx: Any) -> Any:
        """Keep the settings that were given for whoever reads them, and run the command."""
        values = {name: ctx.params.pop(f"{PREFIX}{name}") for name in self._options}
        ctx.meta[GIVEN] = {name: value for name, value in values.items() if value is not None}
        return super().invoke(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The command's own options, then settings by detector."""
        super().format_options(ctx, formatter)
        named = _named(typed_so_far(ctx), self._detectors_option)
        elsewhere, options = [], self._options
        flags = {flag(name) for name in options}
        for group, settings in settings_by_detector().items():
            if group not in (SHARED, *named):
                elsewhere.append(group)
                continue
            rows = [_help_row(one, options) for one in settings if flag(one.name) in flags]
            with formatter.section(f"Settings of {group}"):
                formatter.write_dl(rows)
        if elsewhere:
            command = f"{ctx.command_path} {self._detectors_option} NAME --help"
            with formatter.section("Settings of other detectors"):
                formatter.write_text(f"{command}, NAME being {' or '.join(elsewhere)}")

    @property
    def _detectors_option(self) -> str:
        names = {param.name for param in self.params}
        return "--detectors" if "detectors" in names else "--detector"

    @property
    def _options(self) -> dict[str, Any]:
        """An option for each setting, but for those that the command has an option for.

        Settings whose options are spelled alike have one, by the name of the first.
        """
        own = {opt for param in self.params for opt in param.opts} | {"--help"}
        found: dict[str, str] = {}
        for group in settings_by_detector().values():
            for one in group:
                found.setdefault(flag(one.name), one.name)
        # --seeds takes the place of --seed
        return _made([name for opt, name in found.items() if not {opt, f"{opt}s"} & own])


def _made(names: Sequence[str]) -> dict[str, Any]:
    """An option for each of some settings, as Typer makes it for a parameter of a function.

    They are hidden, since `--help` lists them in sections of their own.
    """

    def settings(**_: str | None) -> None:
        """Take them all."""

    kinds = {
        f"{PREFIX}{name}": Annotated[str | None, typer.Option(flag(name), hidden=True)]
        for name in names
    }
    settings.__annotations__ = kinds
    signature = Signature(
        [Parameter(n, Parameter.KEYWORD_ONLY, default=None, annotation=k) for n, k in kinds.items()]
    )
    settings.__signature__ = signature  # type: ignore[attr-defined]
    app = typer.Typer(add_completion=False)
    app.command()(settings)
    params = {param.name: param for param in get_command(app).params}
    return {name: params[f"{PREFIX}{name}"] for name in names}


def _named(words: Sequence[str], option: str) -> list[str]:
    """The detectors that are asked for among some arguments."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name == option:
            return (value if equals else following).split(",")
    return ["patchcore"]


def _help_row(one: Described, names: Collection[str]) -> tuple[str, str]:
    """An option and what it is, other settings spelled as options, too."""
    first, space, rest = one.limits.doc.partition(" ")
    is_value = first in (one.default, *(one.limits.choices or ()))
    told = (first if is_value else first[:1].upper() + first[1:]) + space + rest
    told = re.sub(r"\w+_\w+", lambda word: flag(word[0]) if word[0] in names else word[0], told)
    extra = [f"default: {_spell_default(one)}"] if one.default not in (None, ()) else []
    extra += [_spell_limits(one.limits)] if _spell_limits(one.limits) else []
    return f"{flag(one.name)} {_metavar(one)}", f"{told}." + f"  [{'; '.join(extra)}]" * bool(extra)


def _spell_default(one: Described) -> str:
    if is_size(one):
        return f"{one.default / 1000:g}GB"
    if isinstance(one.default, tuple):
        return ",".join(map(str, one.default))
    return str(one.default).lower() if isinstance(one.default, bool) else f"{one.default}"


def _spell_limits(limits: Limits) -> str:
    low = f"{limits.at_least:g}<=" if limits.at_least is not None else ""
    low = f"{limits.above:g}<" if limits.above is not None else low
    high = f"<={limits.at_most:g}" if limits.at_most is not None else ""
    if low and not high:
        return f"x>{'=' * low.endswith('=')}{low.rstrip('<=')}"
    return f"{low}x{high}" if low or high else ""


def _metavar(one: Described) -> str:
    if one.limits.choices:
        return "|".join(one.limits.choices)
    if is_size(one):
        return "SIZE"
    if one.limits.names_file:
        return "FILE"
    kinds = list(kinds_of(one))
    if is_pair(one):
        return "N|HxW"
    if any(typing.get_origin(kind) is tuple for kind in kinds):
        return "A,B"
    return next(_METAVARS[kind] for kind in kinds if kind in _METAVARS)


def kinds_of(one: Described) -> Iterator[Any]:
    """The types of a setting, `None` aside."""
    options = typing.get_args(one.type) if not isinstance(one.type, type) else ()
    whole = typing.get_origin(one.type) is tuple
    kinds = options if options and not whole else [one.type]
    yield from (kind for kind in kinds if kind is not type(None))


def is_size(one: Described) -> bool:
    """Whether it is an amount of memory, which is typed with its unit."""
    return one.name == "memory_megabytes" and {int, float}.issuperset(kinds_of(one))


def is_pair(one: Described) -> bool:
    """Whether it may be height and width."""
    return any(typing.get_args(kind) == (int, int) for kind in kinds_of(one))
