"""Settings of detectors as a user gives them: by options, by `--set`, in a TOML file."""

from __future__ import annotations

import re
import tomllib
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from blemish.cli.detector_options import GIVEN, is_pair, kinds_of
from blemish.cli.flags import OF_THEIR_OWN, flag
from blemish.cli.options import read_megabytes
from blemish.detectors.registry import settings_by_detector
from blemish.errors import SettingError, UsageError, raise_all
from blemish.settings import Described, parse_assignments, parse_value


def read_settings(
    ctx: typer.Context, config: Path | None, assignments: Sequence[str] | None
) -> dict[str, Any]:
    """Settings of a detector from a file, from `--set`, and from options of their own.

    Args:
        ctx: of a command that `FitsDetectors`.
        config: a TOML file, or `None`.
        assignments: `name=value` each.

    Raises:
        UsageError: the file cannot be used, or something is given in two ways.
        SettingError: a value cannot be read.
    """
    given = _given(ctx)
    assigned = parse_assignments(assignments or ())
    raise_all(
        [
            f"'{flag(plain)}' is given twice: by an option of its own, and by --set {name}."
            for name in assigned
            if (plain := name.rpartition(".")[2]) in given
        ],
        UsageError,
    )
    return _without(_read_config(config), {*assigned, *given}) | assigned | given


def _without(config: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """What a file says of one detector alone gives way to what is typed for all."""
    kept: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            kept[name] = {k: v for k, v in value.items() if k not in names}
        elif name.partition(".")[2] not in names:
            kept[name] = value
    return kept


def _given(ctx: typer.Context) -> dict[str, Any]:
    """The settings that were given by options of their own, by name.

    Raises:
        SettingError: a text cannot be read as what a setting is.
    """
    kinds = {one.name: one for group in settings_by_detector().values() for one in group}
    texts: dict[str, str] = ctx.meta.get(GIVEN, {})
    return {name: _read(kinds[name], text) for name, text in texts.items()}


def _read(one: Described, text: str) -> Any:
    """A setting's value from what was typed."""
    if one.name in OF_THEIR_OWN:
        return read_megabytes(text)
    if is_pair(one):
        sides = re.fullmatch(r"(\d+)(?:\s*[x,]\s*(\d+))?", text.strip().lower())
        if sides is None:
            raise SettingError(f"'{flag(one.name)}' must be like 256 or 256x320; got '{text}'.")
        height, width = sides.groups()
        return int(height) if width is None else [int(height), int(width)]
    is_text = any(kind is str or typing.get_origin(kind) is tuple for kind in kinds_of(one))
    return text if is_text else parse_value(text)


def _read_config(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"Cannot read '{path}': {error.strerror}.") from error
    except RecursionError as error:
        raise UsageError(f"'{path}' is nested too deeply.") from error
    except ValueError as error:
        raise UsageError(f"'{path}' is no TOML file: {error}.") from error
    settings = tables.pop("settings", None)
    if tables or not isinstance(settings, dict):
        raise UsageError(f"'{path}' must hold one table, [settings], and nothing else.")
    return settings
