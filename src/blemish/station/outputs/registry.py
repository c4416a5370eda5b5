"""Kinds of outputs, by the names that a site file has for them.

A class has `Settings` (a `station.tables.Table`), is made by `Class(name, settings, context)`, and
keeps to `contracts.Output` (it has `show`) or to `contracts.Forwarder` (it has `deliver`).
"""

from __future__ import annotations

from typing import Any

from blemish.station.kinds import load_kind

KINDS = {
    "files": "blemish.station.outputs.files:Files",
    "mqtt": "blemish.station.outputs.mqtt:Mqtt",
    "opcua": "blemish.station.outputs.opcua:OpcUa",
    "modbus": "blemish.station.outputs.modbus:Modbus",
    "webhook": "blemish.station.outputs.webhook:Webhook",
    "command": "blemish.station.outputs.command:Command",
    "postgres": "blemish.station.outputs.postgres:Postgres",
}


def output_class(kind: str) -> Any:
    """The class of a kind. Raises `UsageError`, `MissingExtraError`."""
    return load_kind(KINDS, kind, what="output")
