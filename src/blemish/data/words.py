"""What names of folders and labels say: good, bad, a split, or nothing for sure (`lexicon`)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from blemish.data.lexicon.masks import MASK_WORDS
from blemish.data.lexicon.pictures import ASIDE_WORDS, AT_ANOTHER_TIME, NEUTRAL_NAMES, NEUTRAL_WORDS
from blemish.data.lexicon.splits import SPLIT_WORDS
from blemish.data.lexicon.verdicts import (
    BAD_WORDS,
    GOOD_WORDS,
    JUDGED_NAMES,
    JUDGED_WORDS,
    LACK,
    NEGATIONS,
)
from blemish.data.split import Split

DEFECT = "defect"  # the type of what is only known to be bad: `NG`, `1`
MAY_BE_GOOD = "seems to mean good parts"
# Letters of other alphabets that look like Latin ones: nobody sees in a word which they are.
_TWINS = str.maketrans("асеіјкмнорѕтухвοκαρνει", "aceijkmhopstyxbokapvei")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")  # `gooood`
_NUMBERED = re.compile(r"\d{1,3}[-.]+")  # `01_train`
_WORD = re.compile(r"[^\W\d_]+")
_IN_POINTS = re.compile(r"(?<![^\W\d_])(?<!\.)(n\.[ -]?)?i\.[ -]?o(?![^\W\d_])\.?")  # n. i. O.
_KANA = re.compile("[\u3040-\u309f]{2,}|[\u30a0-\u30ff]{2,}")
_EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]{2,}")
_PLACE_OR_TIME = re.compile(
    r"\d{4}-?\d{2}(-?\d{2})?([-t]?[\d.:-]+)?|(cam|camera|kamera|shift|schicht|line|linie|station|"
    r"batch|lot|charge|day|week|tag|view|side)-?\d+"
)


def plain(name: str) -> str:
    """A name as it is compared: composed, in lower case, joined by hyphens; `n. i. O.` as `nio`."""
    name = unicodedata.normalize("NFC", name).casefold().strip()
    name = name.replace("_", "-").replace(" ", "-")
    return _IN_POINTS.sub(lambda found: "nio" if found[1] else "io", name)


def is_good(name: str, more: Collection[str] = ()) -> bool:
    """Whether a folder or label means good parts; `more` are names that a user has given."""
    return plain(name) in GOOD_WORDS or plain(name) in map(plain, more)


def is_bad(name: str) -> bool:
    """Whether a folder or label means bad parts, and says nothing of their kind."""
    return plain(name) in BAD_WORDS


def words_in(name: str) -> list[str]:
    """The words of a name, as they are compared; numbers and marks are none."""
    return _WORD.findall(plain(name))


def split_named(word: str) -> Split | None:
    """The split that a word means, in whatever case, also numbered; `None` where it means none."""
    return SPLIT_WORDS.get(_NUMBERED.sub("", plain(word), count=1))


def split_in(folders: Iterable[str]) -> Split | None:
    """The split that the first of some folders is named for, if one is."""
    return next((split for folder in folders if (split := split_named(folder))), None)


def doubt(name: str) -> str:
    """Why a name that is no word for good may not be that of a kind of defect; empty, if it is.

    It has a word for good in it (`OK_2024`, `good parts`) or one that looks like it (`gooood`), one
    that tells nothing (`backup`), one for masks, or names a place or a time.
    """
    words = words_in(name)
    good, bad, no = (any(word in of for word in words) for of in (GOOD_WORDS, BAD_WORDS, NEGATIONS))
    not_good = good and no and not bad
    if is_good(name) or is_bad(name) or not_good:
        return ""
    if (good and not bad) or (no and bad) or any(map(_looks_good, words)):
        return MAY_BE_GOOD
    if any(word in MASK_WORDS for word in words):
        return "seems to hold masks"
    neutral = any(word in NEUTRAL_WORDS for word in words) or "-".join(words) in NEUTRAL_NAMES
    if neutral or _PLACE_OR_TIME.fullmatch(plain(name)):
        return "tells nothing of what its images are"
    lacking = len(words) > 1 and words[0] in LACK
    if is_judged(name):
        return "leaves open whether its images are good"
    return "may mean good parts, or that something is missing" if lacking else ""


def _looks_good(word: str) -> bool:
    """Whether a word looks like one for good: in letters of another alphabet, or drawn out."""
    twin = unicodedata.normalize("NFKC", word).translate(_TWINS)
    drawn_out = (_STRETCHED.sub(letters, twin) for letters in (r"\1", r"\1\1"))
    return word not in GOOD_WORDS and not GOOD_WORDS.isdisjoint({twin, *drawn_out})


def good_in_pairs(names: Iterable[str]) -> set[str]:
    """Of names that pair off, `ok_lens` with `ng_lens`, those for good; none if one stands alone.

    That is, each is a word for good or for bad with something behind or before it, and what stands
    by a word for good stands by one for bad as well.
    """
    good: dict[tuple[str, ...], str] = {}
    bad = set()
    for name in names:
        if rest := _beside(name, BAD_WORDS | {"def"}):
            bad.add(rest)
        elif rest := _beside(name, GOOD_WORDS):
            good[rest] = name
        else:
            return set()
    return set(good.values()) if good.keys() <= bad else set()


def _beside(name: str, words: Collection[str]) -> tuple[str, ...]:
    """What stands behind or before one of some words in a name; nothing where none stands there."""
    found = words_in(name)
    if len(found) < 2 or not NEGATIONS.isdisjoint(found):
        return ()
    if found[0] in words:
        return tuple(found[1:])
    return tuple(found[:-1]) if found[-1] in words else ()


def is_judged(name: str) -> bool:
    """Whether a name is that of images on which opinions differ: `overkill`, `FP`, `reworked`."""
    words = words_in(name)
    return not JUDGED_WORDS.isdisjoint(words) or "-".join(words) in JUDGED_NAMES


def sets_aside(name: str) -> bool:
    """Whether a name is that of images that were put aside, or of drawings: `review`, `overlay`."""
    return any(word in ASIDE_WORDS | JUDGED_WORDS for word in words_in(name))


def is_of_another_time(name: str) -> bool:
    """Whether images below a folder of bad ones may show them before or after, or others."""
    return not AT_ANOTHER_TIME.isdisjoint(words_in(name))


def says_bad(name: str) -> bool:
    """Whether a name has a word for bad parts in it, as `NG_001.png`; numbers are none."""
    return has_word(name, BAD_WORDS)


def says_good(name: str) -> bool:
    """Whether a name has a word for good parts in it, and none that says the contrary."""
    if says_bad(name) or not NEGATIONS.isdisjoint(words_in(name)):
        return False
    return has_word(name, GOOD_WORDS)


def has_word(name: str, known: Collection[str]) -> bool:
    """Whether one of some words is in a name.

    Chinese, Japanese and Korean put nothing between words, so that those of two characters and more
    are found within others; in Japanese letters only as a whole run of them.
    """
    return any(word in known or _joined(word, known) for word in words_in(name))


def _joined(word: str, known: Collection[str]) -> bool:
    if not _EAST_ASIAN.search(word) or word in GOOD_WORDS:  # `異常なし` has a word for bad in it
        return False
    runs = set(_KANA.findall(word))
    return not runs.isdisjoint(known) or any(
        of in word for of in known if _EAST_ASIAN.fullmatch(of) and not _KANA.fullmatch(of)
    )
