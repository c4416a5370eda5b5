"""Labels that may be no kind of defect: `OK?`, `not checked`, `goood`.

What is left is taken for the name of a defect, so whatever may mean a good image, or says nothing
of it, has to be asked about here.
"""

from __future__ import annotations

from functools import lru_cache

from blemish.data.lexicon.masks import MASK_WORDS
from blemish.data.lexicon.verdicts import GOOD_WORDS, LACK
from blemish.data.words import doubt, is_bad, is_good, plain, says_bad, words_in

SHORTEST = 4  # of a word that others are compared with by their letters
# One letter from a word for good, and words for other things that defects are named after.
OTHERS = frozenset({"gold", "bond", "bonds", "bones", "pads", "past", "goal", "grooved"})
SEEMS_GOOD = "seems to mean good parts"  # as `doubt` says it of a folder
TELLS_NOTHING = "tells nothing of the image"


@lru_cache(maxsize=4096)
def doubt_of(label: str) -> str:
    """Why a label may not name a kind of defect; empty where it does, or means good or bad."""
    if is_good(label) or is_bad(label):
        return ""
    words = words_in(label)
    if not GOOD_WORDS.isdisjoint(words) and says_bad(label):
        return "has words for good and for bad in it"
    why, meant = doubt(label), misspelt_good(label)
    if why == SEEMS_GOOD and not (meant and label.isalpha()):
        return "seems to mean a good image"
    if meant:
        return f"is one letter from '{meant}'"
    if len(words) > 1 and words[0] in LACK:
        return "may mean no defect, or that something is missing"
    # `solder mask` is no folder of masks, `other defect` is a kind of it.
    a_kind = says_bad(label) or (len(words) > 1 and not MASK_WORDS.isdisjoint(words))
    return TELLS_NOTHING if not words or (why and not a_kind) else ""


def may_be_good(label: str) -> bool:
    """Whether a doubtful label may mean good, so that no other column could allow it."""
    why = doubt_of(label)
    return why not in ("", TELLS_NOTHING)


def misspelt_good(label: str) -> str:
    """The word for good that a label is one slip of a key from; empty where it is none."""
    name = plain(label)
    if name in OTHERS or is_good(name):
        return ""
    found = (w for w in GOOD_WORDS if len(w) >= SHORTEST and w[0] == name[:1] and near(w, name))
    return min(found, default="")


def near(a: str, b: str) -> bool:
    """Whether one letter more, less or changed, or two changed about, make a text of another."""
    if abs(len(a) - len(b)) > 1 or not a.isalpha():
        return False
    start = next(
        (n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    a, b = a[start:], b[start:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
