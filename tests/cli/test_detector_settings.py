"""Settings of detectors as options: made from what these say of themselves."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from blemish.cli.detector_options import GIVEN
from blemish.cli.detector_settings import read_settings
from blemish.detectors.assigned import settings_of_each
from blemish.detectors.registry import OURS, settings_class
from blemish.errors import SettingError, UsageError
from blemish.settings import setting
from toy import Toy, ToySettings


def read(config=None, assignments=(), *, detectors=tuple(OURS), **texts):
    """Settings of what was typed after `--config`, `--set` and options of their own."""
    ctx = SimpleNamespace(meta={GIVEN: texts})
    return read_settings(ctx, config, assignments, detectors=detectors)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("image_size", "256", 256),
        ("image_size", "256x320", [256, 320]),
        ("levels", "a,b", "a,b"),  # which the setting splits
        ("levels", "3", "3"),
        ("backbone", "3.onnx", "3.onnx"),
        ("coreset_ratio", "0.05", 0.05),
        ("coreset_ratio", "none", "none"),  # which the setting reads as no value
        ("k", "3", 3),
        ("k", "many", "many"),  # which the setting refuses
        ("keep_features", "true", True),
        ("memory_megabytes", "2GB", 2000),
    ],
)
def test_a_text_is_read_as_what_the_setting_is(name, text, value):
    assert read(**{name: text}) == {name: value}


def test_sizes_of_another_form_are_refused():
    with pytest.raises(SettingError, match="256x320"):
        read(image_size="large")
    with pytest.raises(SettingError, match="2GB"):
        read(memory_megabytes="2000")


def test_settings_of_the_command_line_win_over_the_file(tmp_path):
    config = tmp_path / "settings.toml"
    config.write_text("[settings]\nk = 3\nseed = 5\nlevels = ['a', 'b']\n")
    assert read(config, ["k=9"], seed="7") == {"k": 9, "seed": 7, "levels": ["a", "b"]}


def test_they_win_over_what_the_file_says_of_one_detector_alone(tmp_path):
    config = tmp_path / "settings.toml"
    config.write_text("[settings]\n'padim.seed' = 3\n[settings.patchcore]\nk = 4\nseed = 5\n")
    assert read(config, k="9") == {"padim.seed": 3, "patchcore": {"seed": 5}, "k": 9}
    assert read(config, ["seed=1"]) == {"patchcore": {"k": 4}, "seed": 1}


@pytest.mark.parametrize("name", ["seed", "patchcore.seed"])
def test_a_setting_given_twice_is_refused(name):
    with pytest.raises(UsageError, match="'--seed' is given twice"):
        read(None, [f"{name}=1"], seed="2")


@pytest.mark.parametrize("text", ["k = 3\n", "[other]\nk = 3\n", "[settings\n"])
def test_a_file_of_another_form_is_refused(tmp_path, text):
    config = tmp_path / "settings.toml"
    config.write_text(text)
    with pytest.raises(UsageError, match="settings"):
        read(config)


@dataclass(frozen=True)
class OtherSettings(ToySettings):
    """Settings that have names of ours, or options spelled as ours are."""

    k: str = setting("a", "a kind")
    seed: str = setting("a", "a word")
    image_size: str = setting("a", "small or large")
    memory: int = setting(1, "how many it remembers")
    help: int = setting(1, "how many help")


class Other(Toy):
    name = "other"
    settings_class = OtherSettings

    def __init__(self, **values):
        self.settings = OtherSettings(**values)


@pytest.fixture
def with_other(registered, monkeypatch):
    """Our detectors, and one that has settings of the same names and other types."""
    monkeypatch.setitem(sys.modules, "of_another_package", SimpleNamespace(Other=Other))
    registered(other="of_another_package:Other")


@pytest.mark.usefixtures("with_other")
@pytest.mark.parametrize(
    ("name", "text", "ours", "theirs"),
    [
        ("k", "3", 3, "3"),
        ("seed", "3", 3, "3"),
        ("image_size", "64x32", [64, 32], "64x32"),
        ("k", "true", True, "true"),
    ],
)
def test_a_text_is_read_as_what_the_setting_of_the_chosen_detector_is(name, text, ours, theirs):
    given = {name: text}
    assert read(detectors=["patchcore"], **given) == {name: ours}
    assert read(detectors=["other"], **given) == {name: theirs}
    both = read(detectors=["patchcore", "other"], **given)
    assert both == {f"patchcore.{name}": ours, f"other.{name}": theirs}


@pytest.mark.usefixtures("with_other")
def test_an_option_goes_to_the_settings_of_the_chosen_detector_that_are_spelled_so():
    assert read(detectors=["efficientad"], memory_megabytes="2GB") == {"memory_megabytes": 2000}
    assert read(detectors=["other"], memory_megabytes="3") == {"memory": 3}
    assert read(detectors=["efficientad", "other"], memory_megabytes="2GB") == {
        "efficientad.memory_megabytes": 2000,
        "other.memory": "2GB",  # which the setting refuses
    }


@pytest.mark.usefixtures("with_other")
def test_what_each_reads_as_its_own_wins_over_what_the_file_says_of_it(tmp_path):
    config = tmp_path / "settings.toml"
    config.write_text("[settings]\nk = 4\n'patchcore.k' = 5\n[settings.other]\nk = 'b'\n")
    settings = read(config, detectors=["patchcore", "other"], k="3")
    assert settings_of_each(["patchcore", "other"], settings) == {
        "patchcore": {"k": 3},
        "other": {"k": "3"},
    }
    with pytest.raises(UsageError, match="'--k' is given twice"):
        read(None, ["k=1"], detectors=["patchcore", "other"], k="2")


# --- the options ---------------------------------------------------------------------------------


@pytest.mark.parametrize("detector", OURS)
def test_help_lists_each_setting_of_the_detector_that_is_named(blemish, detector):
    shown = blemish("fit", "--detector", detector, "--help").out
    section = shown.partition(f"Settings of {detector}:")[2]
    for one in settings_class(detector).described():
        option = "--memory" if one.name == "memory_megabytes" else one.name.replace("_", "-")
        assert option in (shown if one.name in ("image_size", "resize", "seed") else section)
    others = [other for other in OURS if other != detector]
    assert not any(f"Settings of {other}:" in shown for other in others)
    assert all(other in shown.partition("other detectors:")[2] for other in others)


def test_help_of_a_benchmark_lists_the_settings_of_all_that_are_named(blemish):
    shown = blemish("benchmark", f"--detectors={','.join(OURS)}", "--help").out
    assert all(f"Settings of {name}:" in shown for name in OURS)
    assert "other detectors" not in shown
    assert "--seeds" in shown
    assert "--seed N" not in shown


def test_help_tells_defaults_and_limits_and_spells_other_settings_as_options(blemish):
    shown = " ".join(blemish("plan", "--help").out.split())
    assert "as a patch's score" not in shown
    assert "[default: 1; 1<=x<=50]" in shown
    assert "pooled to --embedding-width as in the authors' code" in shown
    assert "embedded (in the package)" in shown
    assert "[default: 4GB; x>=100]" in shown


def test_settings_of_a_detector_of_another_package_are_options_too(blemish, data, registered):
    registered(toy="toy:Toy")
    shown = blemish("plan", "--detector", "toy", "--help").out
    assert "--margin NUMBER" in shown
    assert "--shading mean|brightest" in shown
    planned = blemish("plan", data, "--detector", "toy", "--margin", "2", "--json")
    assert planned.json["images"] == 24
    wrong = blemish("plan", data, "--detector", "toy", "--shading", "darkest")
    assert wrong.code == 2
    assert "'--shading' must be one of mean, brightest" in wrong.err


def test_a_detector_of_another_package_is_fitted_inspected_and_judges(
    blemish, data, registered, tmp_path
):
    registered(toy="toy:Toy")
    output = tmp_path / "m.onnx"
    fitted = blemish("fit", data, "-o", output, "--detector", "toy", "--margin", "2")
    assert fitted.code == 0, fitted.err
    assert "range" in fitted.out
    shown = " ".join(blemish("inspect", output).out.split())
    assert "palette greys, licence CC0-1.0" in shown
    assert "settings margin=2.0, shading=mean" in shown
    judged = blemish("evaluate", output, data, "--json")
    assert judged.json["image"]["auroc"] == 1.0


def test_a_broken_detector_is_told_only_where_it_is_asked_for(blemish, data, registered, tmp_path):
    registered(broken="no_such_module:Detector")
    assert blemish("plan", "--help").code == 0
    found = blemish("plan", data, "--detector", "broken")
    assert found.code == 1
    assert "'broken'" in found.err
    assert "no_such_module" in found.err


@pytest.mark.parametrize("name", ["Dict", "Choice", "Forward", "Meta", "Exit", "NumberOfSettings"])
def test_a_faulty_detector_keeps_no_other_from_its_work(blemish, data, registered, name):
    registered(**{name: f"faulty_detectors:{name}"})
    assert blemish("plan", "--help").code == 0
    assert blemish("fit", "--detector", "padim", "--help").code == 0
    assert blemish("plan", data, "--detector", "padim", "--json").json["images"] == 24
    found = blemish("plan", data, "--detector", name)
    assert found.code == 1
    assert f"The detector '{name}' of the package" in " ".join(found.err.split())


@pytest.mark.usefixtures("with_other")
def test_settings_of_other_packages_change_no_option_of_ours(blemish, data):
    assert "Usage: blemish fit" in blemish("fit", "--help").out
    wrong = blemish("plan", data, "--detector", "patchcore", "--k", "many")
    assert "'--k' must be a whole number; got 'many'" in wrong.err
    wrong = blemish("plan", data, "--detector", "efficientad", "--memory", "lots")
    assert "'--memory' must be like 2GB" in wrong.err
    shown = blemish("plan", "--detector", "other", "--help").out
    assert "--k TEXT" in shown
    assert "--memory N" in shown
    assert blemish("plan", data, "--detector", "other", "--k", "3", "--json").json["images"] == 24


def test_a_setting_of_another_detector_is_refused(blemish, data):
    found = blemish("plan", data, "--teacher", "t.onnx")
    assert found.code == 2
    assert "Unknown setting" in found.err


def test_an_error_names_the_option(blemish, data):
    found = blemish("plan", data, "--coreset-ratio", "7")
    assert found.code == 2
    assert "'--coreset-ratio' must be in (0, 1]; got 7.0." in found.err


@pytest.mark.parametrize("name", ["seed", "coreset_count", "projection", "reweight"])
def test_whole_numbers_that_no_file_holds_are_refused_before_a_fit(name):
    with pytest.raises(SettingError, match=f"'{name}' must be a whole number of 64 bits"):
        settings_class("patchcore")(**{name: 2**63})


def test_none_is_no_value_where_that_can_be_and_a_choice_where_it_is_one():
    from blemish.detectors.efficientad.settings import EfficientAdSettings
    from blemish.detectors.patchcore.settings import PatchCoreSettings

    values = read(None, ["normalisation=none"], detectors=("patchcore",))
    assert PatchCoreSettings(**values).normalisation == "none"
    values = read(None, ["normalisation=none", "penalty=None"], detectors=("efficientad",))
    settings = EfficientAdSettings(**values)
    assert (settings.recipe.normalisation, settings.penalty) == ("none", None)
    assert PatchCoreSettings(**read(None, ["levels=none"])).levels is None
