"""Notes on folders that were taken for something by names that nobody knows.

Whatever lies beside good images is a kind of defect by its name, so a name without a word that says
so is told, once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from blemish.data.layouts.classes import ImageClass
from blemish.data.layouts.found import MOST_NAMED, Names
from blemish.data.lexicon.defects import PARTS_AS_WELL, USUAL
from blemish.data.lexicon.verdicts import BAD_WORDS, GOOD_WORDS
from blemish.data.places import is_place_or_time
from blemish.data.words import has_word, plain
from blemish.result import GOOD
from blemish.wording import quoted_few

_KNOWN = GOOD_WORDS | BAD_WORDS | USUAL | PARTS_AS_WELL
_CODE = re.compile(r"[a-z]{1,3}-?\d{1,3}|[a-z]{2,3}-20\d\d")  # a defect's code, or a part's


def taken_notes(classes: Sequence[ImageClass], names: Names) -> Iterator[str]:
    """What was taken for kinds of defects, and for good, though its name does not say so."""
    unknown = sorted({
        one.folder.name
        for one in classes
        if one.defect_type != GOOD and not names.is_said(one.folder.name) and one.images
        and not has_word(one.folder.name, _KNOWN)
    })  # fmt: skip
    if unknown:
        one = len(unknown) == 1
        taken = "a type of defect by its name" if one else "types of defect by their names"
        if_not = "it is none" if one else "one is none"
        yield (
            f"Taken as {taken}: {quoted_few(unknown, MOST_NAMED)}; if {if_not}, say good=NAME or "
            "ignore=NAME."
        )
    codes = sorted({
        f"{one.folder.name}/{part}"
        for one in classes
        if one.defect_type == GOOD
        for part in _parts_below(one)
        if not names.is_said(part) and _is_code(part)
    })  # fmt: skip
    if codes:
        yield (
            f"Taken for good with the folder around it: {quoted_few(codes, MOST_NAMED)}; if one is "
            "not, say defect=NAME or ignore=NAME."
        )


def _parts_below(one: ImageClass) -> set[str]:
    """The names of the folders below that of a class that lead to its images."""
    parents = {path.parent.relative_to(one.folder.path) for path in one.images}
    return {part for parent in parents for part in parent.parts}


def _is_code(name: str) -> bool:
    """Whether a name may be the code of a defect as well as that of a part: `D07`, `RMA_2024`."""
    known = is_place_or_time(name) and re.match("[a-z]{2}", plain(name)) is not None  # `kw12`
    return bool(_CODE.fullmatch(plain(name))) and not known
