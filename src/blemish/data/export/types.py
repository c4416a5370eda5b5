"""Types of defects that would not come back from a format: refused, or told where only renamed.

A label may mean good parts or nothing to whoever reads annotations (`background`, `ignore`), and
a folder may be asked about (`images`); see `blemish.data.words`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path

from blemish.data.annotations.annotation import TO_IGNORE, means_good
from blemish.data.export.contract import Format
from blemish.data.folder import holds_data
from blemish.data.layouts.kinds import doubt_of_folder
from blemish.data.mask_names import is_mask_folder
from blemish.data.places import is_good_folder
from blemish.data.words import plain
from blemish.errors import DataError, raise_all
from blemish.names import shown


def check_types(form: Format, kinds: Mapping[str, str]) -> None:
    """Raise `DataError` with all types of defects that a format would not give back.

    Args:
        form: to be written.
        kinds: the name of a folder for each type.
    """
    why_not = {kind: _lost_folder(name) if form.types_are_folders else _lost_label(kind)
               for kind, name in kinds.items()}  # fmt: skip
    problems = [
        f"'{shown(kind)}' cannot be a type of defect in {form.name}, where it {why}; rename the "
        "type."
        for kind, why in why_not.items()
        if why
    ]
    raise_all(problems, DataError)


def renamed(form: Format, kinds: Mapping[str, str]) -> list[str]:
    """A sentence for each type of defect that comes back under another name."""
    names = kinds if form.types_are_folders else {kind: shown(kind).strip() for kind in kinds}
    return [
        f"The type '{shown(kind)}' is written as '{name}', and comes back as that."
        for kind, name in names.items()
        if unicodedata.normalize("NFC", kind) != unicodedata.normalize("NFC", name)
    ]


def _lost_label(kind: str) -> str:
    """Why a label would not be read as that of a defect; empty, if it would."""
    if means_good(kind):
        return "marks good parts"
    return "marks what does not count" if plain(kind).strip("-") in TO_IGNORE else ""


def _lost_folder(name: str) -> str:
    """Why a folder would not be read as that of a type of defects; empty, if it would."""
    if is_good_folder(name):
        return "marks good parts"
    if is_mask_folder(name):
        return "seems to hold masks"
    if name.isdecimal():
        return "may stand for good parts or for others"
    return doubt_of_folder(name) if holds_data(Path(name)) else "is a folder that is passed over"
