"""The site file: what one station is made of.

[station]
name = "line 3"
[[camera]]
name = "top"
kind = "folder"
folder = "/data/top"
[[output]]
name = "plc"
kind = "modbus"
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from blemish.errors import BlemishError, DataError, raise_some
from blemish.station.outputs.registry import output_class
from blemish.station.recipe import Recipe, Seconds, read_recipes
from blemish.station.shifts import Shifts
from blemish.station.sources.registry import source_class
from blemish.station.tables import Problems, Table, read_toml

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
TABLES = ("station", "page", "camera", "output", "shifts")
PORT = Annotated[int, Meta(ge=0, le=65535)]
Some = Annotated[int, Meta(ge=1, le=10_000)]


class StationTable(Table, frozen=True):
    """The station itself.

    Attributes:
        name: for people.
        folder: where record, pictures, recipes and models lie; by default beside the site file.
        recipe: to begin with, where none was switched to before; may be left out of one alone.
        queue: frames that may wait to be judged; what comes beyond that is *not inspected*.
        workers: images that are judged at once; by default a core each.
        hang_seconds: after which a judgement that has not come hangs: the part is *not inspected*,
            and the heartbeat stops.
        drain_seconds: how long parts that have come are waited for at the end.
        models_memory: most memory that warm models may take, in bytes.
    """

    name: str = "station"
    folder: Path | None = None
    recipe: str | None = None
    queue: Some = 32
    workers: Some | None = None
    hang_seconds: Seconds = 10.0
    drain_seconds: Seconds = 10.0
    models_memory: Annotated[int, Meta(ge=1)] = 4_000_000_000


class Page(Table, frozen=True):
    """Where the page and the HTTP interface are.

    Attributes:
        host, port: to listen at; port 0 for any that is free.
        tokens: file of who may what.
        language: of the page, until a user chooses.
        cert, key: PEM files, for TLS.
    """

    host: str = "127.0.0.1"
    port: PORT = 8420
    tokens: Path | None = None
    language: Literal["en", "de"] = "en"
    cert: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            raise ValueError("'cert' and 'key' go together; name both files, or neither")


@dataclass(frozen=True)
class Part:
    """A camera or an output, as the site file has it.

    Attributes:
        name: of it alone.
        kind: of the registry.
        make: its class.
        settings: of the kind.
        values: the same as the file has them.
    """

    name: str
    kind: str
    make: Any
    settings: Any
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Site:
    """What one station is made of.

    Attributes:
        path: of the file.
        station, page, shifts: its tables.
        cameras, outputs: in the order of the file.
        recipes: by their names; one that is new while the station runs is put here.
    """

    path: Path
    station: StationTable
    page: Page
    shifts: Shifts
    cameras: tuple[Part, ...]
    outputs: tuple[Part, ...]
    recipes: dict[str, Recipe]

    @property
    def folder(self) -> Path:
        """Where record, pictures, recipes and models lie."""
        return self.station.folder or self.path.parent.absolute()

    @property
    def models(self) -> Path:
        """Folder of model files."""
        return self.folder / "models"

    @property
    def recipe(self) -> str:
        """The recipe to begin with."""
        return self.station.recipe or next(iter(self.recipes))

    def settings_for(self, camera: Part, recipe: str) -> Any:
        """Settings of a camera while a recipe runs."""
        changed = self.recipes[recipe].settings_of(camera.name)
        if not changed:
            return camera.settings
        problems = Problems(self.path)
        place = f"recipe '{recipe}', camera '{camera.name}'"
        settings = problems.table({**camera.values, **changed}, camera.make.Settings, place)
        if problems.told:
            raise problems.error()
        return settings


def read_site(path: str | Path) -> Site:
    """Read a site file and its recipes, and load the classes of its kinds.

    Raises:
        DataError: something is wrong with them; all problems at once, each with its place.
        MissingExtraError: a kind needs a library that is not installed.
    """
    path = Path(path)
    values, problems = read_toml(path), Problems(path)
    problems.check_keys(values, TABLES, "")
    station = problems.table(values.get("station", {}), StationTable, "station")
    page = problems.table(values.get("page", {}), Page, "page")
    shifts = problems.table(values.get("shifts", {}), Shifts, "shifts")
    cameras = _parts(values.get("camera", []), "camera", source_class, problems)
    outputs = _parts(values.get("output", []), "output", output_class, problems)
    if not _names(cameras) and "camera" not in values:
        problems.add("", "there is no [[camera]]; a station needs one at least.")
    if station is None or page is None or shifts is None or problems.told:
        raise problems.error()
    folder = station.folder or path.parent.absolute()
    recipes = read_recipes(folder / "recipes", _names(cameras))
    _check_first(station, recipes, problems)
    if problems.told:
        raise problems.error()
    site = Site(path, station, page, shifts, cameras, outputs, recipes)
    _check_overrides(site)
    return site


def _parts(
    values: Any, word: str, class_of: Callable[[str], Any], problems: Problems
) -> tuple[Part, ...]:
    """Cameras or outputs, those that are right."""
    if not isinstance(values, list):
        problems.add(word, f"it must be a list of tables: [[{word}]].")
        return ()
    found: list[Part] = []
    for number, table in enumerate(values, start=1):
        name = table.get("name") if isinstance(table, dict) else None
        place = f"{word} '{name}'" if isinstance(name, str) else f"{word} {number}"
        part = _part(table, place, class_of, problems)
        if part is None:
            continue
        if part.name.lower() in (other.name.lower() for other in found):
            problems.add(place, f"there are two of that name; name each {word} differently.")
        found.append(part)
    return tuple(found)


def _part(
    values: Any, place: str, class_of: Callable[[str], Any], problems: Problems
) -> Part | None:
    if not isinstance(values, dict):
        problems.add(place, "it must be a table.")
        return None
    name, kind = values.get("name"), values.get("kind")
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        problems.add(place, "'name' must be letters, digits, - and _ (64 at most).")
    if not isinstance(kind, str):
        problems.add(place, "'kind' is missing.")
        return None
    try:
        make = class_of(kind)
    except BlemishError as error:
        problems.add(place, str(error))
        return None
    own = {key: value for key, value in values.items() if key not in ("name", "kind")}
    settings = problems.table(own, make.Settings, place)
    return None if settings is None else Part(str(name), kind, make, settings, own)


def _names(cameras: Sequence[Part]) -> list[str]:
    """Of cameras that give images; others only trigger these."""
    return [camera.name for camera in cameras if getattr(camera.make, "is_camera", True)]


def _check_first(station: StationTable, recipes: Mapping[str, Recipe], problems: Problems) -> None:
    if station.recipe is None and len(recipes) > 1:
        problems.add(
            "station", f"'recipe' must say with which to begin: {', '.join(sorted(recipes))}."
        )
    elif station.recipe is not None:
        problems.check_keys({station.recipe: None}, recipes, "station, 'recipe'")


def _check_overrides(site: Site) -> None:
    """Raise `DataError` where a recipe changes what a camera has not, or two watch one folder."""
    told = []
    for recipe in site.recipes:
        watched: dict[str, str] = {}
        for camera in site.cameras:
            try:
                settings = site.settings_for(camera, recipe)
            except DataError as error:
                told.append(str(error))
                continue
            if camera.kind != "folder":
                continue
            other = watched.setdefault(os.path.realpath(settings.folder), camera.name)
            if other != camera.name:
                told.append(
                    f"{site.path}: cameras '{other}' and '{camera.name}' watch one folder, "
                    f"'{settings.folder}'; give each its own."
                )
    raise_some(list(dict.fromkeys(told)), DataError)
