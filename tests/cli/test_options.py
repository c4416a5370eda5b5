from __future__ import annotations

from pathlib import Path

import pytest
import typer

from blemish.cli.gates import read_gates
from blemish.cli.options import DataChoice, read_list, read_megabytes, read_number
from blemish.errors import SettingError
from blemish.settings import parse_value


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


@pytest.mark.parametrize(
    ("text", "number"), [("0.01", 0.01), ("1%", 0.01), (" 2.5 % ", 0.025), ("100%", 1.0)]
)
def test_a_number_may_be_a_percentage(text, number):
    assert read_number(text) == pytest.approx(number)
    assert read_gates([f"image.auroc={text}"])[0].limit == pytest.approx(number)
    if "%" in text:
        assert parse_value(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "%", "x%", "1%%", "one"])
def test_what_is_no_number_is_refused_with_an_example(text):
    with pytest.raises(typer.BadParameter, match=r"like 0\.01 or 1%"):
        read_number(text)


def test_a_text_that_ends_in_a_percent_sign_stays_one():
    assert parse_value("full%") == "full%"


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
