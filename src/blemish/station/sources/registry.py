"""Kinds of sources, by the names that a site file has for them.

A class has `Settings` (a `station.tables.Table`) and is made by `Class(name, settings, context)`.
One that gives no frames, but triggers others, says so: `is_camera = False`.
"""

from __future__ import annotations

from typing import Any

from blemish.station.kinds import load_kind

KINDS = {
    "folder": "blemish.station.sources.folder:Folder",
    "push": "blemish.station.sources.push:Push",
    "video": "blemish.station.sources.video:Video",
    "aravis": "blemish.station.sources.aravis:Aravis",
    "drawn": "blemish.station.sources.drawn:Drawn",
    "mqtt-trigger": "blemish.station.sources.mqtt_trigger:MqttTrigger",
}


def source_class(kind: str) -> Any:
    """The class of a kind. Raises `UsageError`, `MissingExtraError`."""
    return load_kind(KINDS, kind, what="camera")
