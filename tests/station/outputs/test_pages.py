"""What the pages say of outputs is what the code does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from blemish.station.outputs import modbus_map
from blemish.station.outputs.registry import output_class
from blemish.station.tables import Problems
from rendering import code_blocks

pytest.importorskip("asyncua", reason="needs the extra 'station'")
opcua = pytest.importorskip("blemish.station.outputs.opcua")

PAGES = Path(__file__).parents[3] / "docs" / "how-to"
PLC, OUTPUTS = ((PAGES / name).read_text() for name in ("plc.md", "outputs.md"))


@pytest.mark.parametrize("fields", [modbus_map.STATUS, modbus_map.COMMANDS])
def test_the_page_has_the_register_map_of_the_code(fields):
    assert modbus_map.table(fields) in PLC


@pytest.mark.parametrize("fields", [modbus_map.STATUS, modbus_map.COMMANDS])
def test_no_registers_overlap(fields):
    place = fields[0].address
    for field in fields:
        assert field.address == place
        place += field.words
    assert modbus_map.size(fields) <= 125  # what one request can read


def test_the_page_has_the_nodes_of_the_code():
    tables = "\n".join(line.split("|")[1] for line in PLC.splitlines() if line.startswith("| `"))
    assert {*opcua.VARIABLES, *opcua.METHODS} <= set(re.findall(r"`(\w+)`", tables))


@pytest.mark.parametrize("page", [PLC, OUTPUTS], ids=["plc", "outputs"])
def test_settings_on_the_pages_are_right(page):
    blocks = [code for _, code in code_blocks(page, "toml")]
    assert len(blocks) == 3
    for code in blocks:
        (table,) = tomllib.loads(code)["output"]
        name, kind = table.pop("name"), table.pop("kind")
        problems = Problems(Path("site.toml"))
        assert problems.table(table, output_class(kind).Settings, name) is not None, problems.told
