"""Zones: which parts of an image are inspected, and which count nowhere."""

from __future__ import annotations

from blemish.zones.inspected import Inspected
from blemish.zones.shapes import Box, Disc, Painting, Polygon, Zone
from blemish.zones.zones import Zones

__all__ = ["Box", "Disc", "Inspected", "Painting", "Polygon", "Zone", "Zones"]
