from __future__ import annotations

from pathlib import Path

import pytest

from blemish.cli.options import (
    data_arguments,
    read_image_size,
    read_list,
    read_megabytes,
    read_settings,
)
from blemish.errors import SettingError, UsageError


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


def test_image_size_is_a_side_or_height_and_width():
    assert read_image_size("256") == 256
    assert read_image_size("256x320") == [256, 320]
    with pytest.raises(SettingError, match="256x320"):
        read_image_size("large")


def test_settings_of_the_command_line_win_over_the_file(tmp_path):
    config = tmp_path / "settings.toml"
    config.write_text("[settings]\nk = 3\nseed = 5\nlevels = ['a', 'b']\n")
    settings = read_settings(config, ["k=9"], seed=7, backbone=None)
    assert settings == {"k": 9, "seed": 7, "levels": ["a", "b"]}


def test_a_setting_given_twice_is_refused():
    with pytest.raises(UsageError, match="'seed' is given twice"):
        read_settings(None, ["seed=1"], seed=2)


@pytest.mark.parametrize("text", ["k = 3\n", "[other]\nk = 3\n", "[settings\n"])
def test_a_file_of_another_form_is_refused(tmp_path, text):
    config = tmp_path / "settings.toml"
    config.write_text(text)
    with pytest.raises(UsageError, match="settings"):
        read_settings(config, [])


def test_the_same_data_is_named_with_what_is_not_a_default():
    assert data_arguments(Path("d"), None, None, 0) == [Path("d")]
    assert data_arguments(Path("d"), "tile", 0.5, 2, 5000) == [
        Path("d"), "--category", "tile", "--test-fraction", "0.5", "--split-seed", "2",
        "--max-pixels", "5000",
    ]  # fmt: skip


def test_lists_have_commas():
    assert read_list("a, b,") == ["a", "b"]
    assert read_list(None) is None
