"""How far parts may shift and turn, as people say it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from blemish.errors import SettingError

MOST_DEGREES = 180.0  # to either side: a full circle
MOST_SHIFT = 0.4  # of the longer side; beyond, less than half of the part is shown
SCALES = 0.15  # how much larger or smaller a part may be, where it may

_FORM = re.compile(r"\s*(?P<degrees>\d+(\.\d+)?)\s*(?P<scale>,\s*scale\s*)?")


@dataclass(frozen=True)
class Alignment:
    """What is looked for: how far parts may lie from where the reference shows one.

    Attributes:
        degrees: they are turned by at most so much to either side; 180 for any.
        scale: whether they may be larger or smaller, too, by up to 15 %.
        shift: how far their middle may be off, as a share of the image's longer side.

    Raises:
        SettingError: a value is out of its limits.
    """

    degrees: float = 30.0
    scale: bool = False
    shift: float = 0.25

    def __post_init__(self) -> None:
        if not 0 <= self.degrees <= MOST_DEGREES:
            raise SettingError(
                f"'align' must be degrees in [0, {MOST_DEGREES:g}]; got {self.degrees:g}.",
                parameter="align",
            )
        if not 0 < self.shift <= MOST_SHIFT:
            raise SettingError(
                f"'shift' of an alignment must be in (0, {MOST_SHIFT:g}]; got {self.shift:g}.",
                parameter="align",
            )

    @classmethod
    def named(cls, text: str) -> Alignment:
        """An alignment as it is typed: `30` for degrees, `30,scale` where size varies, too.

        Raises:
            SettingError: it is neither.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise SettingError(
                f"'align' must be degrees like 30, or 30,scale; got '{text}'.", parameter="align"
            )
        return cls(float(found["degrees"]), scale=found["scale"] is not None)

    def __str__(self) -> str:
        """As it is typed."""
        return f"{self.degrees:g}" + ",scale" * self.scale
