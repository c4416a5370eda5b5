"""Settings of detectors as a user gives them: by options, by `--set`, in a TOML file."""

from __future__ import annotations

import re
import tomllib
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from blemish.cli.detector_options import GIVEN, is_pair, is_size, kinds_of
from blemish.cli.flags import flag
from blemish.cli.options import read_megabytes
from blemish.detectors.registry import described_settings
from blemish.errors import SettingError, UsageError, raise_all
from blemish.settings import Described, parse_assignments, parse_value


def read_settings(
    ctx: typer.Context,
    config: Path | None,
    assignments: Sequence[str] | None,
    *,
    detectors: Sequence[str],
) -> dict[str, Any]:
    """Settings of detectors from a file, from `--set`, and from options of their own.

    Args:
        ctx: of a command that `FitsDetectors`.
        config: a TOML file, or `None`.
        assignments: `name=value` each.
        detectors: whose settings they are; each reads what was typed as its own setting is.

    Returns:
        As `settings_of_each` takes them.

    Raises:
        UsageError: the file cannot be used, or something is given in two ways.
        SettingError: a value cannot be read, or a detector is unknown.
        BlemishError: the package that registers a detector is broken.
    """
    given, differing = _given(ctx, detectors)
    own = {
        f"{d}.{name}": value for d, values in differing.items() for name, value in values.items()
    }
    typed = {*given, *(name for values in differing.values() for name in values)}
    assigned = parse_assignments(assignments or ())
    raise_all(
        [
            f"'{flag(plain)}' is given twice: by an option of its own, and by --set {name}."
            for name in assigned
            if (plain := name.rpartition(".")[2]) in typed
        ],
        UsageError,
    )
    return _without(_read_config(config), {*assigned, *typed}) | assigned | given | own


def _without(config: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """What a file says of one detector alone gives way to what is typed for all."""
    kept: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            kept[name] = {k: v for k, v in value.items() if k not in names}
        elif name.partition(".")[2] not in names:
            kept[name] = value
    return kept


def _given(
    ctx: typer.Context, detectors: Sequence[str]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The settings that were given by options of their own, by name.

    Returns:
        Those that all detectors that have them read alike, or that none has; and the others, by
        detector.

    Raises:
        SettingError: a text cannot be read as what a setting is.
    """
    alike: dict[str, Any] = {}
    differing: dict[str, dict[str, Any]] = {}
    texts: dict[str, str] = ctx.meta.get(GIVEN, {})
    for option, text in texts.items():
        read = [
            (detector, one.name, _read(one, text))
            for detector in dict.fromkeys(detectors)
            for one in described_settings(detector)
            if flag(one.name) == flag(option)
        ]
        if all(value == read[0][2] for _, _, value in read):
            alike |= {name: value for _, name, value in read} or {option: parse_value(text)}
            continue
        for detector, name, value in read:
            differing.setdefault(detector, {})[name] = value
    return alike, differing


def _read(one: Described, text: str) -> Any:
    """A setting's value from what was typed."""
    if is_size(one):
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
