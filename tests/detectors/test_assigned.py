from __future__ import annotations

import pytest

from blemish.cli.flags import Flags
from blemish.detectors.assigned import make_assigned, settings_of_each
from blemish.errors import SettingError

BOTH = ["patchcore", "efficientad"]


def test_a_plain_name_goes_to_every_detector_that_has_it():
    found = settings_of_each(BOTH, {"image_size": 128, "k": 3, "preset": "quick"})
    assert found == {
        "patchcore": {"image_size": 128, "k": 3},
        "efficientad": {"image_size": 128, "preset": "quick"},
    }


def test_a_detectors_own_setting_wins_however_it_is_written():
    dotted = {"image_size": 128, "efficientad.image_size": 256}
    table = {"image_size": 128, "efficientad": {"image_size": 256}}
    wanted = {"patchcore": {"image_size": 128}, "efficientad": {"image_size": 256}}
    assert settings_of_each(BOTH, dotted) == settings_of_each(BOTH, table) == wanted


def test_all_that_is_wrong_is_told_at_once():
    given = {"presett": "quick", "efficientad.k": 1, "patchcore.folds": 2}
    with pytest.raises(SettingError) as caught:
        settings_of_each(BOTH, given)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "'presett' of patchcore and efficientad" in lines[0]
    assert lines[0].endswith("Did you mean 'preset'?")
    assert "'folds' of patchcore;" in lines[1]
    assert "'k' of efficientad;" in lines[2]


def test_settings_of_a_detector_that_does_not_run_are_an_error():
    with pytest.raises(SettingError, match="'efficientad' are given, but it is not among"):
        settings_of_each(["patchcore"], {"efficientad.preset": "quick"})


def test_one_detector_takes_its_own():
    assert make_assigned("patchcore", {"patchcore.k": 2, "image_size": 64}).settings.k == 2


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        ({"efficientad.steps": 20}, "efficientad.steps=20"),
        (
            {"efficientad": {"steps": 20, "dropout": 0.5}},
            "efficientad.steps=20,efficientad.dropout=0.5",
        ),
        ({"patchcore.levels": ["a", "b"]}, "patchcore.levels=a,b"),
        ({"steps": 20}, "efficientad.steps=20"),
    ],
)
def test_settings_of_members_are_told_as_fusion_takes_them(given, typed):
    with pytest.raises(SettingError) as told:
        settings_of_each(["fusion"], given)
    assert f"member_settings='{typed}'" in str(told.value)
    assert f"--member-settings {typed}." in Flags(["member_settings"]).of_error(told.value)
