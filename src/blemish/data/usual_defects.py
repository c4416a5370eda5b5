"""What defects are usually called: images of such names are hardly those of good parts.

A list of what is met most, and no more: nothing is taken for good because it is not on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from blemish.data.lexicon.defects import PARTS_AS_WELL, USUAL
from blemish.data.words import has_word, words_in


def is_usual(name: str) -> bool:
    """Whether a name is a usual kind of defect and nothing else, numbers aside: `scratch_2`."""
    words = words_in(name)
    return bool(words) and all(word in USUAL | PARTS_AS_WELL for word in words) and (
        any(word in USUAL for word in words)
    )  # fmt: skip


def names_a_defect(name: str) -> bool:
    """Whether a usual kind of defect is in a name, wherever it stands."""
    return has_word(name, USUAL)


def beginning_with_a_defect(stems: Iterable[str]) -> Collection[str]:
    """Of names of images those that begin with a usual kind of defect.

    Words that are parts as well count where the names do not all begin with the same word.
    """
    first = {stem: words[0] for stem in stems if (words := words_in(stem))}
    mixed = len(set(first.values())) > 1
    usual = USUAL | PARTS_AS_WELL if mixed else USUAL
    return {stem for stem, word in first.items() if word in usual}
