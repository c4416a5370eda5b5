from __future__ import annotations

from pathlib import Path

import pytest

from blemish.cli.options import DataChoice, read_list, read_megabytes
from blemish.errors import SettingError


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [("2GB", 2000), ("1500MB", 1500), ("0.5 gb", 500), ("2GiB", 2000), ("1T", 1_000_000)],
)
def test_memory_is_read_with_its_unit(text, megabytes):
    assert read_megabytes(text) == megabytes


@pytest.mark.parametrize("text", ["2000", "GB", "two GB", "-1GB", "2 apples"])
def test_memory_without_a_unit_is_refused(text):
    with pytest.raises(SettingError, match="2GB"):
        read_megabytes(text)


def test_the_same_data_is_named_with_what_is_not_a_default():
    assert DataChoice(Path("d"), None).arguments() == [Path("d")]
    choice = DataChoice(
        Path("d"), "tile", 0.5, 2, good=["Teile"], ignore=["alt", "neu"], defect=["other"]
    )
    assert choice.arguments(5000) == [
        Path("d"), "--category", "tile", "--test-fraction", "0.5", "--split-seed", "2",
        "--good", "Teile", "--ignore", "alt", "--ignore", "neu", "--defect", "other",
        "--max-pixels", "5000",
    ]  # fmt: skip


def test_lists_have_commas():
    assert read_list("a, b,") == ["a", "b"]
    assert read_list(None) is None
