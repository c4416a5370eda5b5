"""What so many good images can promise, told before a fit."""

from __future__ import annotations

import pytest

import blemish
from blemish.alignment import Alignment
from blemish.calibration import CalibrationRequest
from blemish.errors import CalibrationError, DataError
from blemish.model.promise import check_promise
from parts import part_dataset
from tiny import HoldsOut, tiny_settings
from toy import Toy

ONE_PERCENT = CalibrationRequest(0.01)


def keys(count):
    return [f"{number:04}" for number in range(count)]


def test_copies_count_once():
    assert check_promise("cards", [*keys(99), *keys(50)], ONE_PERCENT, detector=Toy()) == 99
    with pytest.raises(CalibrationError, match="99"):
        check_promise("cards", [*keys(98), *keys(50)], ONE_PERCENT, detector=Toy())


def test_the_reference_that_parts_are_aligned_with_is_one_less():
    assert check_promise("cards", keys(100), ONE_PERCENT, detector=Toy(), aligned=True) == 99
    with pytest.raises(CalibrationError, match="at least 99 good images; there are 98"):
        check_promise("cards", keys(99), ONE_PERCENT, detector=Toy(), aligned=True)
    with pytest.raises(DataError, match=r"2 good images.* 1 without the reference that parts"):
        check_promise("cards", keys(2), aligned=True)


def test_the_reference_may_be_one_of_those_that_are_held_out(backbone):
    detector = HoldsOut(**tiny_settings(backbone))
    assert check_promise("cards", keys(40), detector=detector) == 6
    assert check_promise("cards", keys(40), detector=detector, aligned=True) == 5


class Untouched(Toy):
    """A detector that is fitted on nothing."""

    def fit(self, images, *, progress, folder=None, engine=None):
        raise AssertionError("fitted before it was known what the images can promise")


def test_a_rate_that_cannot_be_had_without_the_reference_is_refused_before_the_fit(tmp_path):
    dataset = blemish.open_dataset(part_dataset(tmp_path / "cards", good=12))
    with pytest.raises(CalibrationError, match="11"):
        blemish.fit(dataset, Untouched(), align=Alignment(20), false_alarm_rate=1 / 12.5)
    found = blemish.fit(dataset, Toy(), align=Alignment(20), false_alarm_rate=1 / 12)
    assert len(found.calibration.scores) == 11
