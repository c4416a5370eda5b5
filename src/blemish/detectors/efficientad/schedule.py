"""How long a training goes on, and its learning rate at each step.

As published: all steps, at one rate that falls once, late. `cool-down`: the rate rises over the
first steps, stays, and falls evenly to nothing over the last third. When that third begins is
open: what is left unexplained of the teacher, in good images that are not trained on, decides
(`Watch`), so that easy surfaces take few steps and hard ones all. An autoencoder learns longer than
the student that is looked at: with one, all steps are taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blemish.detectors.efficientad.presets import Recipe
    from blemish.detectors.efficientad.settings import EfficientAdSettings

WARM_UP = 50  # steps over which the rate rises
COOLED = 1 / 3  # of all steps, over which it falls
LOOKED = 100  # steps from one look at what is unexplained to the next
MOST_TOLD = 10.0  # of the share that is unexplained: from there on nothing was learned
NO_LONGER_FALLS = 0.98  # of what was unexplained at half the steps: hardly less


def share_text(share: float) -> str:
    """What is unexplained, for people."""
    return f"{share:.1%}" if share < MOST_TOLD else f"more than {MOST_TOLD:.0%}"


def may_end_early(recipe: Recipe) -> bool:
    """Whether a training may take fewer steps than it was given."""
    watched = recipe.unexplained > 0 and not recipe.autoencoder_weight
    return watched and recipe.schedule == "cool-down"


def fewest_steps(recipe: Recipe, steps: int) -> int:
    """How many steps a training takes at least, of so many at most."""
    return min(steps, _whole(LOOKED)) if may_end_early(recipe) else steps


def _whole(cools_from: int) -> int:
    """All steps of a training that cools from one on."""
    return round(cools_from / (1 - COOLED))


@dataclass
class Schedule:
    """Where a training is, and when it ends.

    Attributes:
        settings: of the fit.
        steps: at most.
        unexplained: [step, share] at each look.
        cools_from: the step from which the rate falls to nothing.
    """

    settings: EfficientAdSettings
    steps: int
    unexplained: list[list[float]] = field(default_factory=list)
    cools_from: int = -1

    def __post_init__(self) -> None:
        if self.cools_from < 0:
            self.cools_from = self._latest

    @property
    def _latest(self) -> int:
        """The step from which the rate falls where nothing tells to begin earlier."""
        return round(self.steps * (1 - COOLED))

    @property
    def _ends_early(self) -> bool:
        return self.cools_from < self._latest

    @property
    def end(self) -> int:
        """How many steps it takes, as things stand."""
        return min(self.steps, _whole(self.cools_from)) if self._ends_early else self.steps

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        recipe, s = self.settings.recipe, self.settings
        if recipe.schedule == "late":
            fallen = step >= int(s.decay_at * self.steps)
            return recipe.learning_rate * (s.decay_by if fallen else 1.0)
        left = (self.end - step) / max(1, self.end - self.cools_from)
        return recipe.learning_rate * min(1.0, (step + 1) / WARM_UP, left)

    def looks(self, step: int) -> bool:
        """Whether to look at what is unexplained after so many steps."""
        wanted = self.settings.recipe.unexplained > 0
        return wanted and (step % LOOKED == 0 or step == self.end)

    def look(self, step: int, share: float) -> None:
        """Take note of the share that is unexplained, and end soon where that is enough."""
        self.unexplained.append([step, float(f"{share:.5g}")])
        enough = self._reached(share) or self._stands_still(step, share)
        if enough and step < self.cools_from and may_end_early(self.settings.recipe):
            self.cools_from = step

    @property
    def converged(self) -> bool | None:
        """Whether it ended because it was good enough, or no longer got better.

        `None` where nobody looked.
        """
        if not self.unexplained:
            return None
        return self._reached(self.unexplained[-1][1]) or self._ends_early

    def _reached(self, share: float) -> bool:
        return share <= self.settings.recipe.unexplained

    def _stands_still(self, step: int, share: float) -> bool:
        earlier = [value for at, value in self.unexplained if at <= step / 2]
        return len(earlier) > 4 and share > NO_LONGER_FALLS * earlier[-1]
