"""Detectors by name: ours, and those that other packages register as entry points."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from blemish.detectors.registry import (
    OURS,
    SHARED,
    described_settings,
    detector_class,
    detector_names,
    make_detector,
    settings_by_detector,
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


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Dict", "its setting 'more' is a <class 'dict'>, of which no option can be made"),
        ("Choice", "its setting 'more' is a typing.Literal"),
        ("Nested", "its setting 'more' is a tuple"),
        ("Mixed", "its setting 'more' is a tuple"),
        ("Bare", "its setting 'more' is a <class 'tuple'>"),
        ("Forward", "cannot be used: NameError: name 'Nowhere' is not defined"),
        ("NoDefault", "its setting 'more' has no default"),
        ("MadeDefault", "its setting 'more' has no default"),
        ("BadLimits", "its setting 'more' has limits that are none: 'few'"),
        ("BadDefault", "cannot be used: SettingError: 'more' must be a whole number"),
        ("NoSettings", "its settings_class <class 'dict'> is no subclass of DetectorSettings"),
        ("NumberOfSettings", "its settings_class 5 is no subclass of DetectorSettings"),
        ("Renamed", "its name is 'patchcore'"),
        ("an_object", "faulty_detectors:an_object is no class"),
        ("Undescribed", "cannot be used: ZeroDivisionError: no word"),
        ("Meta", "cannot be used: RuntimeError: no settings_class here"),
        ("Silent", "cannot be used: UnspeakableError"),
        ("Exit", "cannot be used: SystemExit: 3"),
        ("Base", "cannot be used: BaseException: all of it"),
    ],
)
def test_whatever_is_wrong_with_one_is_told_only_where_it_is_asked_for(registered, name, said):
    registered(**{name: f"faulty_detectors:{name}", "toy": "toy:Toy"})
    assert list(settings_by_detector()) == [SHARED, *OURS, "toy"]
    for asked in (detector_class, settings_class, described_settings):
        with pytest.raises(BlemishError, match=re.escape(said)) as found:
            asked(name)
        assert f"The detector '{name}' of the package" in str(found.value)


def test_a_broken_one_is_tried_once(registered, monkeypatch, tmp_path):
    (tmp_path / "counts_tries.py").write_text(
        "from pathlib import Path\n"
        "with Path(__file__).with_suffix('.tries').open('a') as file: file.write('once ')\n"
        "raise SystemExit('enough')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    registered(tried="counts_tries:Detector")
    for _ in range(3):
        assert "tried" not in settings_by_detector()
        with pytest.raises(BlemishError, match="SystemExit: enough"):
            detector_class("tried")
    assert (tmp_path / "counts_tries.tries").read_text() == "once "


def test_ctrl_c_while_one_is_imported_interrupts(registered, monkeypatch, tmp_path):
    (tmp_path / "takes_long.py").write_text("raise KeyboardInterrupt")
    monkeypatch.syspath_prepend(tmp_path)
    registered(long="takes_long:Detector")
    with pytest.raises(KeyboardInterrupt):
        settings_by_detector()


def test_all_types_of_settings_that_ours_have_are_allowed():
    for name in OURS:
        assert [problem for one in described_settings(name) for problem in one.problems()] == []


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
