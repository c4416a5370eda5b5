"""What the page of cameras says is what the code does."""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from pathlib import Path

import pytest
from msgspec import NODEFAULT
from msgspec.structs import fields

from blemish.station.sources.registry import KINDS, source_class
from blemish.station.tables import Problems
from rendering import code_blocks

for needed in ("av", "fastapi", "paho.mqtt"):
    pytest.importorskip(needed, reason="needs the extra 'station'")

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "cameras.md").read_text()


def told_of(settings):
    """What a class says of its settings, by their names."""
    text = inspect.getdoc(settings).partition("Attributes:")[2]
    entries = re.split(r"\n {4}(?=\S)", text)
    told = {}
    for names, _, meaning in (entry.partition(":") for entry in entries[1:]):
        told |= dict.fromkeys(names.split(", "), " ".join(meaning.split()))
    return told


def default_of(field):
    if field.default_factory is not NODEFAULT:
        return ""
    if field.default is NODEFAULT:
        return "required"
    return "" if field.default is None else f"`{json.dumps(field.default)}`"


def table_of(settings):
    told = told_of(settings)
    rows = [f"| `{f.name}` | {default_of(f)} | {told[f.name]} |" for f in fields(settings)]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"push"}))
def test_the_page_has_the_settings_of_each_kind(kind):
    assert table_of(source_class(kind).Settings) in PAGE


def test_the_page_names_every_kind():
    assert all(f'kind = "{kind}"' in PAGE for kind in KINDS)


def test_the_examples_are_right():
    for _, code in code_blocks(PAGE, "toml"):
        for table in tomllib.loads(code)["camera"]:
            name, kind = table.pop("name"), table.pop("kind")
            problems = Problems(Path("site.toml"))
            settings = problems.table(table, source_class(kind).Settings, name)
            assert settings is not None, problems.told
