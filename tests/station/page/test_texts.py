"""What the page says: the same keys in each language, and every key that is asked for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from string import Formatter

import pytest

from blemish.serving.tokens import Role
from blemish.station.inspection import Outcome
from blemish.station.page import texts
from blemish.station.page.page import PLACES
from blemish.station.page.texts import LANGUAGES, Texts, catalogue

FOLDER = Path(texts.__file__).parent
SOURCES = [*FOLDER.glob("*.py"), *FOLDER.glob("templates/*.j2")]
# Keys that are put together from values; each of these is there.
MADE = {
    "verdict.": [outcome.replace(" ", "_") for outcome in Outcome],
    "menu.": [place for place, _ in PLACES],
    "role.": list(Role),
    "drift.": ["steady", "alarm", "unwatched"],
    "setup.": ["images", "fit", "go"],
    "word.": ["confirmed", "overruled", "learn", "learn-defect", "act"],
    "cameras.": ["exposure_us", "gain"],
}


def asked():
    """Keys that are named in what asks for them, whole or as what a key begins with."""
    words = {
        word
        for path in SOURCES
        for word in re.findall(r"""["']([a-z_]+\.[a-z_-]*)["']""", path.read_text())
    }
    return {word for word in words if word.split(".")[0] in tables()}


def tables():
    return {key.split(".")[0] for key in catalogue("en")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_have_the_same_keys_and_values_to_fill_in(language):
    english, other = catalogue("en"), catalogue(language)
    assert english.keys() == other.keys()
    for key, text in other.items():
        assert text.strip() == text != ""
        assert _fields(text) == _fields(english[key]), key


def test_every_key_that_is_asked_for_is_there():
    missing = {key for key in asked() if not key.endswith(".")} - catalogue("en").keys()
    assert not missing


def test_every_key_that_is_there_is_asked_for():
    made = {f"{lead}{end}" for lead, ends in MADE.items() for end in ends}
    assert made <= catalogue("en").keys()
    assert not catalogue("en").keys() - asked() - made


def test_keys_are_put_together_only_where_the_test_knows():
    assert {key for key in asked() if key.endswith(".")} <= MADE.keys()


def test_numbers_and_times_are_spelled_as_the_language_has_them():
    zone = timezone(timedelta(hours=2))
    english, german = Texts("en", zone), Texts("de", zone)
    assert (english.number(12345.5, 1), german.number(12345.5, 1)) == ("12,345.5", "12\u202f345,5")
    assert (english.score(0.123456), german.score(0.123456)) == ("0.1235", "0,1235")
    assert (english.share(0.0123), german.share(None)) == ("1.2\N{NO-BREAK SPACE}%", "\N{EN DASH}")
    time = datetime(2026, 3, 4, 23, 5, 6, tzinfo=UTC)
    assert english.moment(time) == "2026-03-05 01:05:06"
    assert german.moment(time) == "05.03.2026 01:05:06"
    assert german.verdict(Outcome.NOT_INSPECTABLE) == "Nicht prüfbar"


def test_a_visitor_chooses_the_language(shop):
    assert '<html lang="en">' in shop.ask("/history").text
    chosen = shop.ask("/history?language=de")
    assert '<html lang="de">' in chosen.text
    assert "language=de" in chosen.headers["set-cookie"]
    assert '<html lang="en">' in shop.ask("/history?language=xx").text


def _fields(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name}
