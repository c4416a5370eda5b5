"""Detectors by name: ours, and those that other packages register as entry points."""

from __future__ import annotations

import subprocess
import sys

import pytest

from blemish.detectors.registry import (
    OURS,
    detector_class,
    detector_names,
    make_detector,
    settings_class,
)
from blemish.errors import BlemishError, SettingError


@pytest.mark.parametrize("name", OURS)
def test_a_detector_of_ours_goes_by_its_name_and_has_its_settings(name):
    kind = detector_class(name)
    assert kind.name == name
    assert kind.settings_class is settings_class(name)


def test_a_detector_of_another_package_is_as_good_as_ours(registered):
    registered(toy="toy:Toy")
    assert detector_names() == (*OURS, "toy")
    assert make_detector("toy", {"margin": 3}).settings.margin == 3
    assert settings_class("toy").names()[-1] == "shading"


def test_a_name_of_ours_cannot_be_taken(registered):
    registered(patchcore="toy:Toy")
    assert detector_names() == tuple(OURS)
    assert detector_class("patchcore").__name__ == "PatchCore"


def test_a_broken_one_troubles_nobody_until_it_is_asked_for(registered):
    registered(broken="no_such_module:Detector", toy="toy:Toy")
    assert detector_names()[-2:] == ("broken", "toy")
    assert detector_class("toy").name == "toy"
    with pytest.raises(BlemishError, match="'broken' of the package 'no_such_module:Detector'"):
        detector_class("broken")


def test_what_is_no_detector_is_told(registered):
    registered(number="math:pi")
    with pytest.raises(BlemishError, match="keeps no contract: math:pi has no settings_class"):
        detector_class("number")


def test_an_unknown_name_is_told_with_the_closest(registered):
    registered(toy="toy:Toy")
    with pytest.raises(SettingError, match=r"known are patchcore, .*toy.*Did you mean 'toy'"):
        detector_class("toi")


def test_settings_of_ours_are_read_without_numpy():
    code = (
        "import sys\n"
        "from blemish.detectors.registry import OURS, settings_class\n"
        "for name in OURS: settings_class(name)().to_dict()\n"
        "print([name for name in ('numpy', 'onnx', 'torch') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
