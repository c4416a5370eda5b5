"""Words of several languages as one set."""

from __future__ import annotations


def by_language(**words: str) -> frozenset[str]:
    """All words, those of a language (`en`, `de`, ...) in one text, apart by white space."""
    return frozenset(word for text in words.values() for word in text.split())
