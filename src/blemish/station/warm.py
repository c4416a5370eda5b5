"""Models of recipes, kept warm so that a switch takes no time, up to a bound of memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from blemish.errors import BlemishError, ModelFileError, raise_some
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

    def check(self, recipes: Iterable[Recipe]) -> None:
        """Raise `ModelFileError` where files of models are missing; all at once."""
        told = [
            f"Recipe '{recipe.name}': there is no model '{self.path_of(name_of(file))}'."
            for recipe in recipes
            for file in recipe.models
            if not self.path_of(name_of(file)).is_file()
        ]
        raise_some(told, ModelFileError)

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
            What is wrong with others, a sentence each; they are tried again once switched to.

        Raises:
            BlemishError: the first cannot be loaded.
        """
        self.load(recipes[first])
        told = []
        for name, recipe in recipes.items():
            needed = sum(
                COPIES * self.path_of(name_of(file)).stat().st_size
                for file in recipe.models
                if name_of(file) not in self._models.names and self.path_of(name_of(file)).is_file()
            )
            if name == first or self._taken() + needed > self._most_bytes:
                continue
            try:
                self.load(recipe)
            except BlemishError as error:
                told.append(f"Recipe '{name}' cannot be switched to: {error}")
        self.load(recipes[first])
        return told

    def _make_room(self, *, keep: list[str]) -> None:
        for name in [name for name in self._used if name not in keep]:
            if self._taken() <= self._most_bytes:
                break
            self._models.drop(name)
            del self._used[name]

    def _taken(self) -> int:
        models = [self._models.get(name).model for name in self._models.names]
        return COPIES * sum(model.size_bytes for model in models)
