"""The reference, made from what the code says of itself: `--help`, docstrings, settings.

Nothing of it is kept: it is made anew at each build, so it cannot be out of date.
"""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Any

import typer.main
from typer.testing import CliRunner

import blemish
from blemish.cli import command as cli_command
from blemish.cli.main import app
from blemish.detectors.registry import detector_names, settings_class
from blemish.metrics.catalogue import LEVELS, Figure, RestsOn, figures_of
from blemish.settings import Limits

WIDTH = 92
LONGEST_DEFAULT = 40
MODULES = (
    "blemish.metrics.catalogue",
    "blemish.metrics.evidence",
    "blemish.metrics.ranking",
    "blemish.metrics.pixels",
    "blemish.metrics.overlap",
    "blemish.metrics.decisions",
    "blemish.metrics.regions",
    "blemish.metrics.intervals",
    "blemish.images.read",
    "blemish.images.masks",
    "blemish.images.regions",
    "blemish.images.overlay",
    "blemish.surfaces.drawing",
    "blemish.backbones",
    "blemish.detectors.contract",
    "blemish.detectors.registry",
    "blemish.detectors.conformance",
    "blemish.benchmark.plan",
    "blemish.benchmark.run",
    "blemish.benchmark.processes",
    "blemish.benchmark.on_ray",
    "blemish.records.record",
    "blemish.records.findings",
    "blemish.report.page",
)
RESTS_ON = {
    RestsOn.GOOD: "good images",
    RestsOn.DEFECTIVE: "defective images",
    RestsOn.BOTH: "both",
}
SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Yields|Convention):\s*(.*)")
ITEM = re.compile(r"    (\*{0,2}\w[\w., *]*?): (.*)")
TITLES = {"Args": "Arguments"}


def pages() -> dict[str, str]:
    """The pages of the reference: their names and Markdown."""
    return {
        "commands.md": commands(),
        "python.md": python(),
        "modules.md": modules(),
        "settings.md": settings(),
        "figures.md": figures(),
    }


def commands() -> str:
    """All commands with their help."""
    group = typer.main.get_command(app)
    exit_codes = (inspect.getdoc(cli_command) or "").partition("\n\n")[2]
    parts = ["# Commands", "What `--help` says.", exit_codes, _block(_help())]
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        parts += [f"## blemish {name}", _block(_help(name))]
        for inner in getattr(command, "commands", ()):
            parts += [f"### blemish {name} {inner}", _block(_help(name, inner))]
    return "\n\n".join(parts) + "\n"


def _help(*words: str) -> str:
    result = CliRunner().invoke(
        app, [*words, "--help"], prog_name="blemish", terminal_width=WIDTH, max_content_width=WIDTH
    )
    return result.stdout.strip()


def _block(text: str) -> str:
    return f"```text\n{text}\n```"


def python() -> str:
    """What `import blemish` gives."""
    parts = ["# Python", "What `import blemish` gives; names are loaded when they are first used."]
    for name in sorted(blemish.__all__, key=str.lower):
        parts += _described(getattr(blemish, name), f"blemish.{name}", level=2)
    return "\n\n".join(parts) + "\n"


def modules() -> str:
    """Modules for who builds on them."""
    parts = [
        "# Modules",
        "For who measures, draws or adds: these stay as steady as we can keep them.",
    ]
    for name in MODULES:
        module = import_module(name)
        parts += [f"## {name}", _prose(inspect.getdoc(module) or "")]
        for member in _members(module):
            parts += _described(getattr(module, member), member, level=3)
    return "\n\n".join(parts) + "\n"


def _members(module: ModuleType) -> list[str]:
    """Public functions and classes that a module defines, or offers by `__all__`."""
    offered = getattr(module, "__all__", None)
    if offered is not None:
        return sorted(offered)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    ]


def settings() -> str:
    """All settings of all detectors, with their limits."""
    parts = [
        "# Settings",
        "Given as `--set NAME=VALUE`, in a TOML file, or to the detector by name.",
    ]
    for name in detector_names():
        parts += [f"## {name}", _settings_table(settings_class(name))]
    return "\n\n".join(parts) + "\n"


def figures() -> str:
    """All figures, from the catalogue."""
    parts = [
        "# Figures",
        "What `blemish evaluate` tells, by the names that JSON, records and `--require` have. "
        "[What each means, with examples](../explanation/figures.md).",
    ]
    for level in LEVELS:
        lines = ["| figure | title | better | rests on | definition |", "|---|---|---|---|---|"]
        lines += [
            f"| `{figure.path}` | {figure.title} | {figure.better} "
            f"| {RESTS_ON[figure.rests_on]}{_where(figure)} | {figure.definition} |"
            for figure in figures_of(level)
        ]
        parts += [f"## Of {level}s", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _where(figure: Figure) -> str:
    return ", at the threshold" if figure.at_threshold else ""


def _settings_table(kind: Any) -> str:
    lines = ["| setting | default | allowed | what it is |", "|---|---|---|---|"]
    for one in kind.described():
        default = "" if one.default is None else f"`{one.default}`"
        told = _prose(one.limits.doc).replace("|", "\\|")
        lines.append(f"| `{one.name}` | {default} | {_allowed(one.limits)} | {told} |")
    return "\n".join(lines)


def _allowed(limits: Limits) -> str:
    if limits.choices:
        return ", ".join(f"`{choice}`" for choice in limits.choices)
    ends = (("above", limits.above), ("at least", limits.at_least), ("at most", limits.at_most))
    return ", ".join(f"{words} {end:g}" for words, end in ends if end is not None)


def _described(value: Any, name: str, *, level: int) -> list[str]:
    """Heading, signature and docstring of a function or class, and of what a class offers."""
    short = name.rpartition(".")[2]
    parts = [f"{'#' * level} {name}"]
    if inspect.isclass(value):
        if issubclass(value, enum.Enum):
            parts.append(", ".join(f"`{short}.{one.name}` (`{one.value}`)" for one in value))
        else:
            parts.append(_signature(value, short))
        parts.append(_docstring(value))
        for method in _methods(value):
            parts += _described_method(value, method, level=level + 1, owner=short)
    elif callable(value):
        parts += [_signature(value, short), _docstring(value)]
    return [part for part in parts if part]


def _methods(kind: type) -> Iterator[str]:
    for name, value in vars(kind).items():
        wanted = inspect.isfunction(value) or isinstance(
            value, (property, cached_property, classmethod)
        )
        if wanted and not name.startswith("_"):
            yield name


def _described_method(kind: type, name: str, *, level: int, owner: str) -> list[str]:
    value = vars(kind)[name]
    heading = f"{'#' * level} {owner}.{name}"
    if isinstance(value, (property, cached_property)):
        return [heading, _docstring(value)]
    return [heading, _signature(getattr(kind, name), name), _docstring(value)]


def _signature(value: Any, name: str) -> str:
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    kept = [_shortened(one) for one in found.parameters.values() if one.name != "self"]
    found = found.replace(parameters=kept)
    if inspect.isclass(value):
        found = found.replace(return_annotation=inspect.Signature.empty)
    text = str(found).replace("'", "")
    if len(name + text) > WIDTH and kept:
        inner = ",\n    ".join(_parameters(kept))
        _, _, result = text.rpartition(") -> ")
        text = f"(\n    {inner},\n)" + (f" -> {result}" if ") -> " in text else "")
    return f"```python\n{name}{text}\n```"


def _shortened(one: inspect.Parameter) -> inspect.Parameter:
    """A parameter whose default is spelled in a word or two."""
    if len(repr(one.default)) <= LONGEST_DEFAULT or one.default is one.empty:
        return one
    return one.replace(default=...)


def _parameters(kept: list[inspect.Parameter]) -> Iterator[str]:
    starred = False
    for one in kept:
        if one.kind is one.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        starred = starred or one.kind is one.VAR_POSITIONAL
        yield str(one).replace("'", "")


def _docstring(value: Any) -> str:
    return _sections(inspect.cleandoc(value.__doc__ or ""))


def _sections(text: str) -> str:
    """A docstring in Google's style as Markdown."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if found := SECTION.fullmatch(line):
            inside = True
            lines += [f"**{TITLES.get(found[1], found[1])}** {found[2]}".rstrip(), ""]
        elif inside and (found := ITEM.fullmatch(line)):
            lines.append(f"* {', '.join(f'`{name}`' for name in found[1].split(', '))}: {found[2]}")
        elif inside and line.startswith(" " * 8):
            lines.append(f"  {line.strip()}")
        elif inside and line.startswith(" " * 4):
            lines.append(line.strip())
        else:
            inside = inside and not line.strip()
            lines.append(line)
    return _prose("\n".join(lines))


def _prose(text: str) -> str:
    """Text whose angle brackets, outside of code, are themselves."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(p if p.startswith("`") else p.replace("<", "&lt;") for p in parts)
