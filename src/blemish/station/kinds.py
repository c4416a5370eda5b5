"""Kinds of sources and outputs, by name: their classes are loaded once a site asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from blemish.errors import MissingExtraError, UsageError, did_you_mean

EXTRA = "station"


def load_kind(kinds: Mapping[str, str], kind: str, *, what: str) -> Any:
    """The class of a kind.

    Args:
        kinds: `module:Class` by the names of kinds.
        kind: that is asked for.
        what: it is a kind of, for the error.

    Raises:
        UsageError: nobody knows it.
        MissingExtraError: it needs a library that is not installed.
    """
    if kind not in kinds:
        near = did_you_mean(kind, kinds) or f" There are: {', '.join(sorted(kinds))}."
        raise UsageError(f"there is no {what} of kind '{kind}'.{near}")
    module, _, name = kinds[kind].partition(":")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("blemish"):
            raise
        raise MissingExtraError(f"kind '{kind}' ({error.name} is not there)", EXTRA) from error
