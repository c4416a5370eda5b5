"""Passwords and keys: the site file says where one is, never what it is."""

from __future__ import annotations

import os
from pathlib import Path

from blemish.errors import UsageError


def secret_of(where: str, setting: str, base: Path) -> str:
    """The secret that `file:PATH` (its first line) or `env:NAME` leads to.

    Args:
        where: as the site file has it.
        setting: its name, for errors.
        base: folder that a relative path starts from.

    Raises:
        UsageError: it is neither, or nothing is there.
    """
    kind, _, place = where.partition(":")
    if kind == "env" and place:
        found = os.environ.get(place)
        if not found:
            raise UsageError(f"'{setting}': the environment has no variable {place}.")
        return found
    if kind == "file" and place:
        try:
            lines = (base / place).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"'{setting}': {place} cannot be read ({error}).") from None
        if not lines or not lines[0]:
            raise UsageError(f"'{setting}': {place} has nothing in its first line.")
        return lines[0]
    raise UsageError(
        f"'{setting}' says where a secret is, it is none itself: 'file:PATH' or 'env:NAME'."
    )
