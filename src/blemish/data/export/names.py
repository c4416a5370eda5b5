"""Names of files that every system takes, each once in its folder, in whatever case."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from blemish.names import COMMANDS, shown

LONGEST_BYTES = 150  # of a stem, so that endings and temporary names still fit

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\n\t]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MASK = "_mask"  # a file of that ending is taken for the mask of another


def safe_name(text: str) -> str:
    """A text as a name of a file or folder, without its suffix."""
    plain = _FORBIDDEN.sub("_", COMMANDS.sub("_", shown(unicodedata.normalize("NFC", text))))
    plain = plain.encode()[:LONGEST_BYTES].decode(errors="ignore").strip(" ").rstrip(".")
    if plain.startswith(".") or not plain:
        plain = f"_{plain}"
    if _RESERVED.fullmatch(plain) or plain.lower().endswith(_MASK):
        plain += "_"
    return plain


def unique_names(ids: Sequence[str], folders: Sequence[str], suffixes: Sequence[str]) -> list[str]:
    """Paths of images below their folders: the name of the file, or all of the id where needed.

    Those of one folder differ in more than their suffix, since annotations go by the rest.

    Args:
        ids: of the images, with forward slashes.
        folders: that each goes to, with forward slashes.
        suffixes: of each, with its dot.
    """
    short = [safe_name(PurePosixPath(one).stem) for one in ids]
    times = Counter(map(_key, folders, short))
    taken: set[tuple[str, str]] = set()
    names = []
    for one, folder, stem, suffix in zip(ids, folders, short, suffixes, strict=True):
        name = stem
        if times[_key(folder, stem)] > 1:
            name = safe_name("-".join(PurePosixPath(one).with_suffix("").parts))
        name = _numbered(name, folder, taken)
        taken.add(_key(folder, name))
        names.append(f"{folder}/{name}{suffix}")
    return names


def distinct(texts: Sequence[str]) -> dict[str, str]:
    """A safe name for each text, all of them different in whatever case."""
    taken: set[tuple[str, str]] = set()
    names = {}
    for text in texts:
        names[text] = _numbered(safe_name(text), "", taken)
        taken.add(_key("", names[text]))
    return names


def _numbered(name: str, folder: str, taken: set[tuple[str, str]]) -> str:
    number, found = 1, name
    while _key(folder, found) in taken:
        number += 1
        found = f"{name}-{number}"
    return found


def _key(folder: str, name: str) -> tuple[str, str]:
    return folder, name.casefold()
