"""The register map of the Modbus output: what lies where, and how it is written and read.

Convention: 16-bit registers, counted from 0; of values in two registers the high word comes first.
Texts are UTF-8, two bytes a register, the first in the high byte, filled up with zeros.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

VERSION = 1
LARGEST_NUMBER = 0xFFFF

Value = int | float | str
Type = Literal["uint16", "uint32", "float32", "text"]

_WORDS = {"uint16": 1, "uint32": 2, "float32": 2}
_FORMATS = {"uint16": ">H", "uint32": ">I", "float32": ">f"}


@dataclass(frozen=True)
class Field:
    """A value in the map.

    Attributes:
        name: in documents and programs.
        address: of its first register.
        type: how it is written.
        meaning: for people.
        characters: of a text, how many bytes it may have.
    """

    name: str
    address: int
    type: Type
    meaning: str
    characters: int = 0

    @property
    def words(self) -> int:
        """How many registers it takes."""
        return _WORDS.get(self.type, self.characters // 2)


STATUS = (
    Field("version", 0, "uint16", "of this map: 1"),
    Field("number", 1, "uint16", "of the newest result: 1 to 65535, then 1 again; 0: none yet"),
    Field(
        "outcome",
        2,
        "uint16",
        "0 not inspected, 1 good, 2 defect, 3 not inspectable; only 1 passes",
    ),
    Field("heartbeat", 3, "uint16", "changes every second while parts can be judged"),
    Field("score", 4, "float32", "raw, of the image that decides; NaN where there is none"),
    Field("threshold", 6, "float32", "of that score"),
    Field("recipe_number", 8, "uint16", "of the recipe in force; 0 where it has no number"),
    Field("recipe_answer", 9, "uint16", "to `recipe`: 0 none, 1 under way, 2 done, 3 refused"),
    Field("acknowledged", 10, "uint16", "`acknowledge` as it came"),
    Field("trigger_done", 11, "uint16", "`trigger` whose image was asked for"),
    Field("good", 12, "uint32", "parts since the start"),
    Field("defect", 14, "uint32", "the same"),
    Field("not_inspectable", 16, "uint32", "the same"),
    Field("not_inspected", 18, "uint32", "the same"),
    Field("part", 20, "text", "id of the part", characters=64),
    Field("recipe_name", 52, "text", "of the recipe in force", characters=32),
    Field("number_again", 68, "uint16", "the same as `number`"),
)
COMMANDS = (
    Field("acknowledge", 100, "uint16", "the number of the result that was taken: withdraws it"),
    Field("recipe", 101, "uint16", "number of the recipe to switch to"),
    Field("trigger", 102, "uint16", "takes an image where it changes to another number than 0"),
    Field("trigger_part", 103, "text", "id of the part of that image", characters=64),
)


def size(fields: Sequence[Field]) -> int:
    """How many registers a block has."""
    return fields[-1].address + fields[-1].words - fields[0].address


def write(fields: Sequence[Field], values: Mapping[str, Value]) -> list[int]:
    """Values as the registers of their block; texts that are too long are cut."""
    registers: list[int] = []
    for field in fields:
        content = _bytes(field, values[field.name])
        registers += struct.unpack(f">{field.words}H", content)
    return registers


def read(fields: Sequence[Field], registers: Sequence[int]) -> dict[str, Value]:
    """Registers of a block as its values."""
    first = fields[0].address
    return {
        field.name: _value(field, registers[field.address - first :][: field.words])
        for field in fields
    }


def _bytes(field: Field, value: Value) -> bytes:
    if field.type == "text":
        text = str(value).encode("utf-8", "replace")[: field.characters]
        return text.decode("utf-8", "ignore").encode().ljust(field.characters, b"\0")
    if field.type == "float32":
        try:
            return struct.pack(">f", value)
        except OverflowError:  # more than a float32 holds
            return struct.pack(">f", float("inf") if float(value) > 0 else float("-inf"))
    return struct.pack(_FORMATS[field.type], int(value) % (1 << 16 * field.words))


def _value(field: Field, registers: Sequence[int]) -> Value:
    content = struct.pack(f">{field.words}H", *registers)
    if field.type == "text":
        return content.rstrip(b"\0").decode("utf-8", "replace")
    value: Value = struct.unpack(_FORMATS[field.type], content)[0]
    return value


def table(fields: Sequence[Field]) -> str:
    """The block as a table in Markdown."""
    lines = ["| register | name | type | meaning |", "|---|---|---|---|"]
    for field in fields:
        last = field.address + field.words - 1
        place = str(field.address) if last == field.address else f"{field.address}-{last}"
        kind = f"text, {field.characters} bytes" if field.type == "text" else field.type
        lines.append(f"| {place} | `{field.name}` | {kind} | {field.meaning} |")
    return "\n".join(lines)
