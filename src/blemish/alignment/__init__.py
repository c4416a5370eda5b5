"""Alignment: where a part lies in an image, beside where it lies in a reference image."""

from __future__ import annotations

from blemish.alignment.motion import Motion
from blemish.alignment.settings import Alignment
from blemish.alignment.template import Template

__all__ = ["Alignment", "Motion", "Template"]
