"""Colours of the page: contrast as WCAG 2.2 reckons it, light and dark."""

from __future__ import annotations

import re
from importlib import resources

import pytest

CSS = (resources.files("blemish.station.page") / "static" / "page.css").read_text()
TEXT, LARGE = 4.5, 3.0  # level AA: of text, and of large text, symbols and the edges of controls
PAIRS = [
    *((ink, ground, TEXT) for ink in ("ink", "soft", "accent") for ground in ("paper", "panel")),
    *((ink, "hover", TEXT) for ink in ("ink", "soft")),
    *((f"{kind}-ink", "panel", TEXT) for kind in ("good", "defect", "doubt", "none")),
    *((f"on-{kind}", kind, TEXT) for kind in ("good", "defect", "doubt", "none", "accent", "warn")),
    ("ink", "field", TEXT),
    ("control", "field", LARGE),
    ("control", "panel", LARGE),
    ("control", "paper", LARGE),
    ("good", "panel", LARGE),
    ("defect", "panel", LARGE),
]


def schemes():
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    read = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", text)) for text in (light, dark)]
    return {"light": read[0], "dark": read[0] | read[1]}


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_reckoned_as_the_standard_has_it():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_contrast_is_enough(scheme, ink, ground, least):
    colours = schemes()[scheme]
    assert contrast(colours[ink], colours[ground]) >= least


def test_colours_are_named_in_one_place():
    outside = re.sub(r":root \{.*?\}", "", CSS, flags=re.DOTALL)
    assert not re.findall(r"#[0-9a-f]{6}\b", outside)


def test_motion_stops_for_whoever_asks_for_it():
    assert "prefers-reduced-motion: reduce" in CSS
