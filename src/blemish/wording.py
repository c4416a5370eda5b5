"""Numbers as people read them, wherever they are told: in errors, on the terminal, on pages."""

from __future__ import annotations


def bytes_text(value: float) -> str:
    """A size in decimal units: `2.41 GB`, `350.2 MB`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= 0.9995 * size:
            return f"{value / size:.{2 if value < 9.995 * size else 1}f} {unit}"
    return f"{value:.0f} B"
