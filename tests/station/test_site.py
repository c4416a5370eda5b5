"""Site files and recipes: read whole, or refused with all that is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from blemish.errors import DataError, MissingExtraError
from blemish.station import site as site_module
from blemish.station.kinds import load_kind
from blemish.station.recipe import read_recipes, recipe_for
from blemish.station.site import read_site
from blemish.station.tables import Table


class Settings(Table, frozen=True):
    folder: Path
    exposure_us: int = 500


@dataclass
class Camera:
    Settings = Settings


@pytest.fixture(autouse=True)
def kinds(monkeypatch):
    def class_of(kind):
        return load_kind({"folder": f"{__name__}:Camera"}, kind, what="camera")

    monkeypatch.setattr("blemish.station.kinds.import_module", lambda _: CLASSES)
    monkeypatch.setattr(site_module, "source_class", class_of)
    monkeypatch.setattr(site_module, "output_class", class_of)


class CLASSES:
    Camera = Camera


CAMERA = '[[camera]]\nname = "top"\nkind = "folder"\nfolder = "in"\n'
SIDE = CAMERA.replace("top", "side").replace('"in"', '"in-side"')


def written(folder, site=CAMERA, **recipes):
    (folder / "recipes").mkdir()
    for name, text in (recipes or {"tile": 'model = "tile.onnx"'}).items():
        (folder / "recipes" / f"{name}.toml").write_text(text)
    (folder / "line.toml").write_text(site)
    return folder / "line.toml"


def test_a_few_lines_are_a_site(tmp_path):
    site = read_site(written(tmp_path))
    assert (site.folder, site.recipe) == (tmp_path, "tile")
    assert site.cameras[0].settings == Settings(folder=tmp_path / "in")
    assert site.recipes["tile"].cameras == ("top",)
    assert site.page.host == "127.0.0.1"


def test_all_problems_are_told_at_once_with_place_and_nearest_key(tmp_path):
    text = '[station]\nqueu = 3\nhang_seconds = "long"\n[pages]\n[[camera]]\nname = "a b"\n'
    text += 'kind = "folder"\nfodler = "in"\n[[output]]\nname = "plc"\nkind = "modbuss"\n'
    with pytest.raises(DataError) as caught:
        read_site(written(tmp_path, text))
    told = str(caught.value)
    for part in (
        "station: there is no 'queu'. Did you mean 'queue'?",
        "station: 'hang_seconds': expected 'float', got 'str'.",
        "there is no 'pages'. Did you mean 'page'?",
        "'name' must be letters",
        "camera 'a b': there is no 'fodler'. Did you mean 'folder'?",
        "camera 'a b': 'folder' is missing.",
        "output 'plc': there is no camera of kind 'modbuss'.",
    ):
        assert part in told, told
    assert told.count("line.toml: ") == len(told.splitlines())


def test_what_is_no_toml_is_told_with_its_line(tmp_path):
    with pytest.raises(DataError, match=r"line 2"):
        read_site(written(tmp_path, "[station]\nname = \n"))


def test_a_site_without_a_camera_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no \[\[camera\]\]"):
        read_site(written(tmp_path, "[station]\n"))


def test_two_cameras_of_one_name_are_refused(tmp_path):
    with pytest.raises(DataError, match="two of that name"):
        read_site(written(tmp_path, CAMERA + CAMERA.replace("top", "TOP")))


def test_several_recipes_need_one_to_begin_with(tmp_path):
    recipes = {"a": 'model = "a.onnx"', "b": 'model = "b.onnx"'}
    path = written(tmp_path, **recipes)
    with pytest.raises(DataError, match="with which to begin: a, b"):
        read_site(path)
    path.write_text('[station]\nrecipe = "c"\n' + CAMERA)
    with pytest.raises(DataError, match=r"there is no 'c'\. There are: a, b"):
        read_site(path)


def test_a_recipe_may_give_a_camera_its_own_model_and_settings(tmp_path):
    text = 'model = "m.onnx"\n[camera.side]\nmodel = "s.onnx"\nexposure_us = 9\n'
    site = read_site(written(tmp_path, CAMERA + SIDE, tile=text))
    recipe = site.recipes["tile"]
    assert recipe.models == ("m.onnx", "s.onnx")
    assert [site.settings_for(c, "tile").exposure_us for c in site.cameras] == [500, 9]


def test_a_recipe_that_changes_what_a_camera_has_not_is_refused(tmp_path):
    text = 'model = "m.onnx"\n[camera.top]\nexposure = 9\n'
    with pytest.raises(DataError, match="Did you mean 'exposure_us'"):
        read_site(written(tmp_path, tile=text))


def test_problems_of_all_recipes_are_told_at_once(tmp_path):
    written(tmp_path, a='cameras = ["tpo"]', b="model = 3", c='name = "x"\nmodel = "m"')
    with pytest.raises(DataError) as caught:
        read_recipes(tmp_path / "recipes", ["top"])
    told = str(caught.value)
    for part in ("Did you mean 'top'", "no model for camera", "b.toml: 'model'", "named by its"):
        assert part in told


def test_a_folder_without_recipes_says_what_to_write(tmp_path):
    with pytest.raises(DataError, match=r"model = \"part.onnx\""):
        read_recipes(tmp_path / "recipes", ["top"])


@pytest.mark.parametrize(
    ("part", "recipe"), [("4711-003", "a"), ("4712", "b"), ("4713", None), ("x4711-1", None)]
)
def test_parts_ask_for_recipes_by_their_numbers(tmp_path, part, recipe):
    written(tmp_path, a='model = "m"\nparts = ["4711-*"]', b='model = "m"\nparts = ["4712"]')
    assert recipe_for(part, read_recipes(tmp_path / "recipes", ["top"])) == recipe


def test_a_missing_library_names_what_to_install(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name="av")

    monkeypatch.setattr("blemish.station.kinds.import_module", missing)
    with pytest.raises(MissingExtraError, match=r"blemish\[station\]"):
        load_kind({"video": "x:Y"}, "video", what="camera")


def test_two_cameras_on_one_folder_are_refused(tmp_path):
    path = written(tmp_path, CAMERA + CAMERA.replace("top", "side").replace('"in"', '"./in/"'))
    with pytest.raises(DataError, match="'top' and 'side' watch one folder"):
        read_site(path)


@pytest.mark.parametrize("model", ["../../x.onnx", "/srv/x.onnx"])
def test_models_outside_of_their_folder_are_refused(tmp_path, model):
    with pytest.raises(DataError, match="is not below the folder 'models'"):
        read_site(written(tmp_path, tile=f'model = "{model}"'))
