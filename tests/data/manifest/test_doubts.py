"""Labels that may be no kind of defect."""

from __future__ import annotations

import pytest

from blemish.data.manifest.doubts import doubt_of, may_be_good, misspelt_good


@pytest.mark.parametrize(
    "label",
    ["scratch", "Riß", "bad seal", "missing hole", "not centred", "solder_mask", "other defect",
     "gold", "wood", "划痕", "I-1", "good", "NG"],
)  # fmt: skip
def test_kinds_of_defects_and_plain_words_are_taken(label):
    assert doubt_of(label) == ""


@pytest.mark.parametrize(
    "label",
    [
        "OK?",
        "good2",
        "keine Fehler",
        "OK/NG",
        "no hole",
        "Godo",
        "gooood",
        "\u041e\u041a",
        "\uff2f\uff2b",
    ],
)
def test_what_may_mean_good_is_doubted_whatever_else_is_said(label):
    assert may_be_good(label)


@pytest.mark.parametrize("label", ["other", "to be checked", "mask", "??", "2024-05-01"])
def test_what_tells_nothing_is_doubted(label):
    assert doubt_of(label)
    assert not may_be_good(label)


@pytest.mark.parametrize(
    ("label", "word"),
    [("goood", "good"), ("okya", "okay"),
     ("noraml", "normal"), ("pased", "passed"),
     ("gooood", ""), ("abnormal", ""), ("good", ""), ("gt", ""), ("", "")],
)  # fmt: skip
def test_one_slip_of_a_key_is_found(label, word):
    assert misspelt_good(label) == word
