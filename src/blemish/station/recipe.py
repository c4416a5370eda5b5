"""Recipes: how a kind of part is inspected, a file each in `recipes/`.

model = "tile.onnx"          # in models/
parts = ["4711-*"]           # ids or numbers of parts that switch to it
cameras = ["top", "side"]    # by default all
[camera.side]
model = "tile-side.onnx"     # this camera has its own
exposure_us = 900            # a setting of the camera, while the recipe runs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, field
from msgspec.structs import replace

from blemish.errors import BlemishError, DataError, raise_some
from blemish.files import looking_at
from blemish.station.tables import Problems, Table, read_toml

SUFFIX = ".toml"
Seconds = Annotated[float, Meta(gt=0, le=3600)]


class Recipe(Table, frozen=True):
    """How a kind of part is inspected.

    Attributes:
        model: of all cameras that name none of their own; below the folder `models`.
        cameras: that have to give an image of each part; by default all.
        parts: ids or numbers of parts that ask for this recipe, with `*` for anything.
        wait_seconds: how long the other cameras of a part are waited for.
        monitor: whether drift of the line is watched.
        golden: folder of the golden images, for the check from the page.
        camera: by camera, settings of it that hold while this recipe runs, and its `model`.
        name: of its file, without `.toml`.
    """

    model: str | None = None
    cameras: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    wait_seconds: Seconds = 1.0
    monitor: bool = True
    golden: Path | None = None
    camera: dict[str, dict[str, Any]] = field(default_factory=dict)
    name: str = ""

    def model_of(self, camera: str) -> str:
        """Name of the model file that judges a camera's images."""
        return str(self.camera.get(camera, {}).get("model") or self.model)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of all model files."""
        return tuple(dict.fromkeys(map(self.model_of, self.cameras)))

    def settings_of(self, camera: str) -> dict[str, Any]:
        """Settings of a camera that are others than in the site file."""
        return {key: v for key, v in self.camera.get(camera, {}).items() if key != "model"}

    def asked_for_by(self, part: str) -> bool:
        """Whether a part, by its id or number, is one of these."""
        return any(fnmatchcase(part, pattern) for pattern in self.parts)


def read_recipes(folder: Path, cameras: Sequence[str]) -> dict[str, Recipe]:
    """All recipes of a folder by their names.

    Args:
        folder: of the files.
        cameras: that the site has.

    Raises:
        DataError: there is none, or some are wrong; all problems at once.
    """
    with looking_at(folder):
        paths = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    if not paths:
        raise DataError(
            f"There is no recipe in '{folder}'; write one, {folder / 'part.toml'}, with a line: "
            'model = "part.onnx".'
        )
    found, told = {}, []
    for path in paths:
        problems = Problems(path)
        try:
            recipe = _read(path, cameras, problems)
        except BlemishError as error:
            told.append(str(error))
            continue
        told += problems.told
        if recipe is not None:
            found[recipe.name] = recipe
    raise_some(told, DataError)
    return found


def recipe_for(part: str, recipes: Mapping[str, Recipe]) -> str | None:
    """Name of the recipe that a part asks for, by its id or number, if any does."""
    return next((name for name, recipe in recipes.items() if recipe.asked_for_by(part)), None)


def _read(path: Path, cameras: Sequence[str], problems: Problems) -> Recipe | None:
    values = read_toml(path)
    if "name" in values:
        problems.add("", "a recipe is named by its file; take 'name' out.")
    recipe = problems.table(values, Recipe, "")
    if recipe is None:
        return None
    recipe = replace(recipe, name=path.stem, cameras=recipe.cameras or tuple(cameras))
    problems.check_keys(dict.fromkeys(recipe.cameras), cameras, "cameras")
    problems.check_keys(recipe.camera, cameras, "camera")
    for file in recipe.models:
        if Path(file).is_absolute() or ".." in Path(file).parts:
            problems.add("", f"'{file}' is not below the folder 'models'; put it there.")
    for camera in recipe.cameras:
        if not recipe.camera.get(camera, {}).get("model") and not recipe.model:
            problems.add("", f"there is no model for camera '{camera}'; name one: model = ...")
    return recipe
