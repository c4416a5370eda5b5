"""What a fit in several parts will take: they are fitted one after the other, and all kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blemish.detectors.contract import FitPlan, Told


@dataclass(frozen=True)
class JoinedPlan:
    """The plans of the members (detectors, or banks of one), by name.

    Attributes:
        members: plans.
        shared_bytes: of the model file, what members count that another has counted.
    """

    members: Mapping[str, FitPlan]
    shared_bytes: int = 0

    @property
    def images(self) -> int:
        """How many there are to learn from."""
        return max(plan.images for plan in self.members.values())

    @property
    def memory_bytes(self) -> int:
        """All members' together: what is needed to score left-out images stays until the end."""
        return sum(plan.memory_bytes for plan in self.members.values())

    @property
    def disk_bytes(self) -> int:
        """All members' together."""
        return sum(plan.disk_bytes for plan in self.members.values())

    @property
    def model_bytes(self) -> int:
        """All members' together, what they share once."""
        return sum(plan.model_bytes for plan in self.members.values()) - self.shared_bytes

    @property
    def takes_long(self) -> bool:
        """Whether that of any member does."""
        return any(plan.takes_long for plan in self.members.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, those of the members among them."""
        return {
            "images": self.images,
            "memory_bytes": self.memory_bytes,
            "disk_bytes": self.disk_bytes,
            "model_bytes": self.model_bytes,
            "members": {name: plan.to_dict() for name, plan in self.members.items()},
        }

    def told(self) -> list[Told]:
        """What each member tells, under its name."""
        return told_by_name(self.members)

    def notes(self) -> list[str]:
        """What a user must hear of any, behind its name."""
        return [f"{name}: {note}" for name, plan in self.members.items() for note in plan.notes()]


def told_by_name(members: Mapping[str, Any]) -> list[Told]:
    """What several things tell, each label behind the name of its thing."""
    return [
        (f"{name}: {label}", text) for name, one in members.items() for label, text in one.told()
    ]
