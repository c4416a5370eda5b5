from __future__ import annotations

import pytest

from blemish.wording import counted, first_few, listed


@pytest.mark.parametrize(
    ("items", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_a_list_ends_with_and(items, text):
    assert listed(items) == text


def test_of_many_items_the_first_few_are_told_and_how_many_more():
    assert first_few(["a", "b"], 2) == "a, b"
    assert first_few(["a", "b", "c", "d"], 2) == "a, b and 2 more"
    assert first_few(["a", "b", "c"], 2, separator="; ") == "a; b and 1 more"
    assert first_few(["a"] * 1200, 1) == "a and 1,199 more"


def test_counts_take_their_plural():
    assert counted(1, "image") == "1 image"
    assert counted(0, "image") == "0 images"
    assert counted(2, "category", "categories") == "2 categories"
