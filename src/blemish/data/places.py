"""Names of folders that say where or when images were taken, and nothing of what they show.

A folder of good images may hold such folders; whatever else lies in it could be a kind of defect.
"""

from __future__ import annotations

import re

from blemish.data.lexicon.pictures import IMAGE_WORDS, OF_PARTS
from blemish.data.lexicon.places import (
    COUNTED_PLACE_WORDS,
    COUNTED_TIME_WORDS,
    PLACE_WORDS,
    TIME_WORDS,
)
from blemish.data.lexicon.verdicts import BAD_WORDS, GOOD_WORDS, NEGATIONS
from blemish.data.usual_defects import is_usual
from blemish.data.words import is_bad, is_good, is_judged, plain, says_bad, words_in

_BESIDE = PLACE_WORDS | TIME_WORDS | OF_PARTS
_CHINESE_TIME = re.compile(r"(周|星期)[一二三四五六日天]|[一二三四五六七八九十]+月")
_DATE = re.compile(
    r"\d{4}-?\d{2}(-?\d{2})?([-t]?[\d.:-]+)?z?|\d{1,2}[-.]\d{1,2}[-.]\d{2,4}|20\d\d(-?w\d\d)?"
)
_SERIAL = re.compile(r"[a-z]{1,3}-?\d{4,}(-?\d+)*")
_HEX = re.compile(r"(?=.*\d)[0-9a-f]{4,}(-?[0-9a-f]{4,})+")


def is_time(name: str) -> bool:
    """Whether a name is that of a day, a shift or a batch: `2024-01-01`, `monday`, `lot_0042`."""
    if _DATE.fullmatch(plain(name)):
        return True
    return _has_long(name) and _all_known(name, TIME_WORDS, COUNTED_TIME_WORDS)


def is_place_or_time(name: str) -> bool:
    """Whether a name says where or when images were taken, or is a number: `cam1`, `A17`."""
    if not words_in(name):
        return any(character.isdigit() for character in name)
    known = TIME_WORDS | PLACE_WORDS
    counted = COUNTED_TIME_WORDS | COUNTED_PLACE_WORDS
    return is_time(name) or bool(_HEX.fullmatch(plain(name))) or _all_known(name, known, counted)


def names_only_a_place(name: str) -> bool:
    """Whether a name has words, and all of them are of a place or a time: `front`, `monday`."""
    return _has_long(name) and _all_known(name, TIME_WORDS | PLACE_WORDS, COUNTED_TIME_WORDS)


def is_no_kind(name: str) -> bool:
    """Whether a name below a folder of good images can be no kind of defect."""
    if says_bad(name):
        return False
    if is_good_folder(name) or is_place_or_time(name) or _is_serial(name):
        return True
    known = TIME_WORDS | PLACE_WORDS | IMAGE_WORDS | GOOD_WORDS
    return _all_known(name, known, COUNTED_TIME_WORDS | COUNTED_PLACE_WORDS)


def is_good_folder(name: str) -> bool:
    """Whether a folder means good parts, also of one place or time: `OK_front`, `good (1)`.

    `pass_2` may be the second pass of a camera.
    """
    if is_good(name):
        return True
    words = words_in(name)
    good = [word for word in words if word in GOOD_WORDS]
    if not good or "pass" in good or says_bad(name) or not NEGATIONS.isdisjoint(words):
        return False
    return _all_known(name, GOOD_WORDS | _BESIDE, COUNTED_TIME_WORDS | COUNTED_PLACE_WORDS)


def is_bad_folder(name: str) -> bool:
    """Whether a folder means bad parts, also of one place or time: `NG_images`, `bad front`."""
    if is_bad(name):
        return True
    words = words_in(name)
    if not says_bad(name) or not (GOOD_WORDS | NEGATIONS).isdisjoint(words):
        return False
    return _all_known(name, BAD_WORDS | _BESIDE, COUNTED_TIME_WORDS | COUNTED_PLACE_WORDS)


def _is_serial(name: str) -> bool:
    """Whether a name is letters and so many digits that they count parts: `ABX20394`."""
    return bool(_SERIAL.fullmatch(plain(name))) and not (is_usual(name) or is_judged(name))


def _has_long(name: str) -> bool:
    return any(map(_is_long, words_in(name)))


def _is_long(word: str) -> bool:
    """Whether it is more than a letter, which may number things as well."""
    return len(word) > 1 or not word.isascii()


def _all_known(name: str, known: frozenset[str], counted: frozenset[str]) -> bool:
    """Whether all words of a name are known, some of them only beside a number or a letter."""
    words = words_in(name)
    long = [word for word in words if _is_long(word)]
    numbered = len(long) < len(words) or any(character.isdigit() for character in name)
    if not long:
        return any(character.isdigit() for character in name)
    allowed = known | counted if numbered else known
    return all(word in allowed or _CHINESE_TIME.fullmatch(word) for word in long)
