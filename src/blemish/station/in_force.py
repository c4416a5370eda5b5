"""The recipe in force, which a person or the number of a part may change, and whom it concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from blemish.errors import UsageError, did_you_mean
from blemish.ledger.ledger import Ledger
from blemish.station.recipe import Recipe, recipe_for
from blemish.station.site import Site

MARK = "recipe"  # in the ledger


class InForce:
    """By which recipe parts are inspected now; belongs to one event loop.

    Args:
        site: whose recipes there are.
        ledger: that knows which one was switched to before; else that of the site file holds.

    Attributes:
        recipe: that is in force.
    """

    def __init__(self, site: Site, ledger: Ledger) -> None:
        self._recipes = site.recipes
        self.recipe = self._recipes.get(ledger.mark(MARK) or "") or self._recipes[site.recipe]
        self._changed, self._changing = asyncio.Event(), asyncio.Lock()

    def named(self, name: str) -> Recipe:
        """The recipe of a name. Raises `UsageError`."""
        if name not in self._recipes:
            near = did_you_mean(name, self._recipes)
            raise UsageError(f"There is no recipe '{name[:100]}'.{near}")
        return self._recipes[name]

    def asked_by(self, part: str | None) -> Recipe | None:
        """The recipe that a part asks for, by its id or number."""
        name = None if part is None else recipe_for(part, self._recipes)
        return None if name is None else self._recipes[name]

    def wrong_camera(self, camera: str, part: str | None) -> str | None:
        """Why a camera does not look at a part, by the recipe that this asks for."""
        recipe = self.asked_by(part) or self.recipe
        if camera in recipe.cameras:
            return None
        cameras = ", ".join(recipe.cameras)
        return f"Recipe '{recipe.name}' has no camera '{camera[:100]}'; it has: {cameras}."

    def check_camera(self, camera: str, part: str | None) -> None:
        """Raise `UsageError` where a camera does not look at a part."""
        wrong = self.wrong_camera(camera, part)
        if wrong is not None:
            raise UsageError(wrong)

    async def change(
        self, after: Recipe, record: Callable[[Recipe, Recipe], Awaitable[None]]
    ) -> Recipe | None:
        """Put another recipe in force.

        Args:
            after: the other.
            record: awaited with both before that; where it fails, nothing has changed.

        Returns:
            The one before; `None` where it is the same.
        """
        async with self._changing:
            before = self.recipe
            if after is before:
                return None
            await record(before, after)
            self.recipe = after
            self._changed.set()  # whoever waits looks again
            self._changed.clear()
            return before

    async def looks_through(self, camera: str) -> None:
        """Wait until a recipe with that camera is in force."""
        while camera not in self.recipe.cameras:
            await self._changed.wait()
