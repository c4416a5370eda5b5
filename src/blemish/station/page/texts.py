"""All that the page says, in the visitor's language: one catalogue a language, with the same keys.

A number, a share or a time is spelled as the language has it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache
from importlib import resources

LANGUAGES = {"en": "English", "de": "Deutsch"}
NONE = "\N{EN DASH}"  # in the place of a number that there is not
FIGURES = 4  # of a raw score that are told


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Sentences by their keys, such as `live.good`; `language` is one of `LANGUAGES`."""
    file = resources.files(__package__) / "texts" / f"{language}.toml"
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return {
        f"{table}.{key}": text for table, texts in tables.items() for key, text in texts.items()
    }


@dataclass(frozen=True)
class Texts:
    """What is said to a visitor.

    Attributes:
        language: one of `LANGUAGES`.
        zone: in which times are told; `None` for the machine's.
    """

    language: str
    zone: tzinfo | None

    def __call__(self, key: str, **values: object) -> str:
        """A sentence with values in it. Raises `KeyError` where there is none of that key."""
        return catalogue(self.language)[key].format(**values)

    def verdict(self, outcome: str) -> str:
        """The word for an outcome."""
        return self(f"verdict.{outcome.replace(' ', '_')}")

    def number(self, value: float | None, decimals: int = 0) -> str:
        """With thousands apart; a dash where there is none."""
        return NONE if value is None else self._local(f"{value:,.{decimals}f}")

    def score(self, value: float | None) -> str:
        """A raw score."""
        return NONE if value is None else self._local(f"{value:.{FIGURES}g}")

    def share(self, value: float | None, decimals: int = 1) -> str:
        """Percent."""
        return (
            NONE if value is None else self._local(f"{100 * value:.{decimals}f}\N{NO-BREAK SPACE}%")
        )

    def clock(self, time: datetime) -> str:
        """Hour, minute and second."""
        return f"{time.astimezone(self.zone):%H:%M:%S}"

    def time_of_day(self, time: datetime) -> str:
        """Hour and minute."""
        return f"{time.astimezone(self.zone):%H:%M}"

    def moment(self, time: datetime) -> str:
        """Day and time of day."""
        shape = {"en": "%Y-%m-%d %H:%M:%S", "de": "%d.%m.%Y %H:%M:%S"}[self.language]
        return time.astimezone(self.zone).strftime(shape)

    def _local(self, number: str) -> str:
        return number.translate({44: "\u202f", 46: ","}) if self.language == "de" else number
