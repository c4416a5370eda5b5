"""Files without a suffix that are images by their first bytes.

What is an image is told by its suffix alone; these are not read, so whoever
has them must hear of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from blemish.errors import ImageError
from blemish.images.kinds import HEAD_BYTES, kind_of
from blemish.wording import counted, first_few

MOST_OPENED = 1000
MOST_FOLDERS = 5


def told_suffixless(files: Iterable[Path]) -> str:
    """A sentence on those of some files that are images without a suffix; empty, if none is."""
    without = [path for path in files if not path.suffix][:MOST_OPENED]
    found = [path for path in without if _suffix(path)]
    if not found:
        return ""
    folders = sorted({path.parent.name for path in found})
    are = "is an image by its" if len(found) == 1 else "are images by their"
    return (
        f"{counted(len(found), 'file')} without a suffix in {first_few(folders, MOST_FOLDERS)} "
        f"{are} content, but will not be used; give such files a suffix, as in "
        f"'{found[0].name}.{_suffix(found[0])}'."
    )


def _suffix(path: Path) -> str:
    """The suffix that a file should have; empty where it is no image."""
    with suppress(OSError, ImageError), path.open("rb") as file:
        return (
            kind_of(file.read(HEAD_BYTES))
            .lower()
            .replace("jpeg 2000", "jp2")
            .replace("jpeg xl", "jxl")
        )
    return ""
