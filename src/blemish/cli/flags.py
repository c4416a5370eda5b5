"""Parameters as they are typed: the library names `image_size`, a user types `--image-size`.

Sentences of the library name a parameter in quotes, or with a value as Python takes it
(`alpha='drop'`, `force=True`). A quoted word of an error may be a file of that name as well, so a
word without an underscore is a parameter only where the error says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property

from blemish.errors import BlemishError, SettingError

# Parameters whose options have names of their own.
OF_THEIR_OWN = {
    "memory_megabytes": "--memory",
    "memory_bytes": "--memory",
    "smallest_region_px": "--smallest-region",
}
UNKNOWN = "Unknown setting "
GUESSED, EXAMPLE = "Did you mean ", "must be like "  # go before what no parameter need be
_A_VALUE = re.compile(r"; got (?:'[^']*'\. Did you mean )?$")  # goes before it
_QUOTED = re.compile(r"'([a-z]\w*)'")
_GIVEN = re.compile(
    r"(?<![\w.])([a-z]\w*)=("  # not `member.name=`, which is typed so
    r"True\b"  # an option without a value
    r"|'[^']*'"  # a text
    r"|[\w/]+(?:\.\w+)*)"  # a number, or a name to fill in
)


def flag(name: str) -> str:
    """The option of a parameter."""
    return OF_THEIR_OWN.get(name) or f"--{name.replace('_', '-')}"


class Flags:
    """Spells sentences of the library as a user types.

    Args:
        own: names of parameters that have an option; settings of detectors have one besides.
    """

    def __init__(self, own: Iterable[str] = ()) -> None:
        self._own = {*own, *OF_THEIR_OWN}

    @cached_property
    def _names(self) -> set[str]:
        return self._own | self._settings

    @cached_property
    def _settings(self) -> set[str]:
        from blemish.detectors.registry import settings_by_detector

        return {one.name for group in settings_by_detector().values() for one in group}

    def of_error(self, error: BlemishError) -> str:
        """What an error says."""
        of_settings = isinstance(error, SettingError)

        def named(name: str) -> bool:
            return of_settings or "_" in name or name == error.parameter

        return self._spell(str(error), named)

    def of_text(self, text: str) -> str:
        """What a sentence says that is no error."""
        return self._spell(text, lambda name: "_" in name)

    def _spell(self, text: str, named: Callable[[str], bool]) -> str:
        def quoted(found: re.Match[str]) -> str:
            name = found[1]
            if text[: found.start()].endswith(UNKNOWN) and name not in self._settings:
                return found[0]  # as it was typed, whatever option there is of that name
            before = text[: found.start()]
            if _A_VALUE.search(before) or (before.endswith(GUESSED) and UNKNOWN not in before):
                return found[0]
            return f"'{flag(name)}'" if named(name) and name in self._names else found[0]

        def given(found: re.Match[str]) -> str:
            name, value = found.groups()
            if name not in self._names or text[: found.start()].endswith(EXAMPLE):
                return found[0]
            return flag(name) if value == "True" else f"{flag(name)} {value.strip(chr(39))}"

        return _GIVEN.sub(given, _QUOTED.sub(quoted, text))
