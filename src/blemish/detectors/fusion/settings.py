"""Which detectors judge together, and the settings of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blemish.detectors.settings import DetectorSettings
from blemish.errors import SettingError
from blemish.settings import parse_assignments, setting

NAME = "fusion"


@dataclass(frozen=True)
class FusionSettings(DetectorSettings):
    """Which detectors judge together; size, resizing and seed are those of all of them."""

    members: tuple[str, ...] = setting(
        ("patchcore", "efficientad"), "detectors that judge together", fewest=2
    )
    member_settings: tuple[str, ...] = setting(
        (),
        "settings of single members, patchcore.k=3,efficientad.preset=texture for example; a list "
        "keeps its commas",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "member_settings", _joined(self.member_settings))

    def contradictions(self) -> list[str]:
        """Problems between settings that are each allowed, and those of the members."""
        problems = super().contradictions()
        twice = {name for name in self.members if self.members.count(name) > 1}
        problems += [f"'members' names '{name}' twice." for name in sorted(twice)]
        if NAME in self.members:
            problems.append(f"'members' cannot name '{NAME}' itself.")
        if not problems:
            try:
                self.of_members()
            except SettingError as error:
                problems.append(str(error))
        return problems

    def of_members(self) -> dict[str, DetectorSettings]:
        """The settings of each member.

        Raises:
            SettingError: a member is unknown, or one of its settings is not allowed.
        """
        from blemish.detectors.registry import settings_class

        given = self.given_to_members()
        return {name: settings_class(name).from_dict(values) for name, values in given.items()}

    def given_to_members(self) -> dict[str, dict[str, Any]]:
        """What each member is made with; all else is its default.

        Raises:
            SettingError: a member is unknown, or has no setting of a name.
        """
        from blemish.detectors.assigned import settings_of_each

        shared: dict[str, Any] = {"seed": self.seed, "resize": self.resize}
        if self.image_size is not None:
            shared["image_size"] = self.image_size
        own = settings_of_each(self.members, parse_assignments(_joined(self.member_settings)))
        return {name: shared | values for name, values in own.items()}

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values; no size where each member has its own."""
        return super().to_dict() | {"image_size": self.image_size}

    @property
    def usual_side_px(self) -> int:
        """The side of the largest working image of a member, where no size is given."""
        return max(max(one.size_hw) for one in self.of_members().values())

    def portable(self) -> dict[str, Any]:
        """All settings, without the folders of this machine, in those of members neither."""
        own = [_portable(text, self.of_members()) for text in self.member_settings]
        return super().portable() | {"member_settings": own}


def _joined(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Assignments whose lists were split at their commas, put together again."""
    joined: list[str] = []
    for text in texts:
        if "=" in text or not joined:
            joined.append(text)
        else:
            joined[-1] += f",{text}"
    return tuple(joined)


def _portable(assignment: str, members: Mapping[str, DetectorSettings]) -> str:
    """The same, a file without its folder."""
    name, _, _ = assignment.partition("=")
    member, dot, setting_name = name.strip().partition(".")
    owners = [members[member]] if dot and member in members else list(members.values())
    for owner in owners:
        plain = owner.portable()
        wanted = setting_name if dot else member
        if wanted in owner.names_of_files() and plain.get(wanted) is not None:
            return f"{name}={plain[wanted]}"
    return assignment
