"""Sentences of the library with parameters as a user types them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import blemish
from blemish.cli.flags import Flags
from blemish.errors import ImageError, SettingError, UsageError

FLAGS = Flags({"force", "alpha", "category", "maps", "weights", "defect_rate", "sha256", "workers"})


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("'image_size' must be at least 32; got 3.", "'--image-size' must be at least 32; got 3."),
        ("'k' must be in [1, 50]; got 99.", "'--k' must be in [1, 50]; got 99."),
        ("'memory_megabytes' must be larger", "'--memory' must be larger"),
        ("Unknown setting 'kk' of patchcore.", "Unknown setting 'kk' of patchcore."),
        ("Unknown setting 'force' of padim.", "Unknown setting 'force' of padim."),
    ],
)
def test_a_setting_is_spelled_as_its_option(text, spelled):
    assert FLAGS.of_error(SettingError(text)) == spelled


def test_a_word_in_quotes_is_a_parameter_only_where_the_error_says_so():
    text = "'maps' exists; name another output, or replace it with force=True."
    spelled = "'maps' exists; name another output, or replace it with --force."
    assert FLAGS.of_error(UsageError(text)) == spelled
    one = UsageError("'workers' must be at least 1; got 0.", parameter="workers")
    assert FLAGS.of_error(one) == "'--workers' must be at least 1; got 0."


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("fit with alpha='drop', which", "fit with --alpha drop, which"),
        ("patchcore.k=3, as a member has it", "patchcore.k=3, as a member has it"),
        ("name one with category=NAME: a, b.", "name one with --category NAME: a, b."),
        ("pass them: weights=FILE.safetensors.", "pass them: --weights FILE.safetensors."),
        ("(calibration_folds=5), that", "(--calibration-folds 5), that"),
        ("say so: sha256=tile=ab12", "say so: --sha256 tile=ab12"),
        ("'defect_rate' says what it is.", "'--defect-rate' says what it is."),
        ("the file a=b.png is odd", "the file a=b.png is odd"),
    ],
)
def test_what_to_type_is_spelled_as_options(text, spelled):
    assert FLAGS.of_text(text) == spelled
    assert FLAGS.of_error(ImageError(text)) == spelled


def test_no_sentence_of_the_library_knows_an_option():
    folder = Path(blemish.__file__).parent
    texts = re.compile(r"""["' ]--[a-z]""")
    known = [
        f"{path.relative_to(folder)}: {line.strip()}"
        for path in folder.rglob("*.py")
        if path.relative_to(folder).parts[0] != "cli"
        for line in path.read_text().splitlines()
        if texts.search(re.sub(r"`[^`]*`", "", line))
    ]
    assert known == []
