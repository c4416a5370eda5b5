"""Models of recipes, kept warm so that a switch takes no time, up to a bound of memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from blemish.errors import BlemishError
from blemish.station.recipe import Recipe

if TYPE_CHECKING:
    from blemish.serving.models import Models

SUFFIX = ".onnx"
COPIES = 3  # of a model's file that its sessions take, about


def name_of(file: str) -> str:
    """Name of a model, by that of its file."""
    return file.removesuffix(SUFFIX)


class Warm:
    """Loads models before they are needed; for any number of threads.

    Args:
        models: by names, where they are put.
        folder: of their files.
        most_bytes: that they may take together; those of the recipe that runs are loaded anyway.
    """

    def __init__(self, models: Models, folder: Path, most_bytes: int) -> None:
        self._models, self._folder, self._most_bytes = models, folder, most_bytes
        self._used: dict[str, None] = {}  # names, the one that was used last at the end
        self._lock = Lock()

    def path_of(self, name: str) -> Path:
        """The file of a model."""
        return self._folder / f"{name}{SUFFIX}"

    def load(self, recipe: Recipe) -> None:
        """Have the models of a recipe ready; others go where there is no room for all.

        Raises:
            BlemishError: a file is missing or no sound model.
        """
        with self._lock:
            names = [name_of(file) for file in recipe.models]
            for name in names:
                if name not in self._models.names:
                    self._models.reload(name, self.path_of(name))
                self._used.pop(name, None)
                self._used[name] = None
            self._make_room(keep=names)

    def load_all(self, recipes: Mapping[str, Recipe], first: str) -> list[str]:
        """The same of all recipes for which there is room, the first in any case.

        Returns:
            What is wrong with some, a sentence each; they are tried again once they are needed.
        """
        told = []
        for name in (first, *(name for name in recipes if name != first)):
            if name != first and self._taken() + self._needed(recipes[name]) > self._most_bytes:
                continue
            try:
                self.load(recipes[name])
            except BlemishError as error:
                told.append(f"Recipe '{name}' cannot be inspected by: {error}")
        return told

    def _needed(self, recipe: Recipe) -> int:
        """What the models of a recipe will take that are not there yet."""
        names = set(map(name_of, recipe.models)) - set(self._models.names)
        paths = [path for name in names if (path := self.path_of(name)).is_file()]
        return sum(COPIES * path.stat().st_size for path in paths)

    def _make_room(self, *, keep: list[str]) -> None:
        for name in [name for name in self._used if name not in keep]:
            if self._taken() <= self._most_bytes:
                break
            self._models.drop(name)
            del self._used[name]

    def _taken(self) -> int:
        models = [self._models.get(name).model for name in self._models.names]
        return COPIES * sum(model.size_bytes for model in models)
