"""Which detectors judge together, and the settings of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from blemish.detectors.settings import DetectorSettings
from blemish.errors import SettingError, did_you_mean
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
        from blemish.detectors.registry import detector_names

        problems = super().contradictions()
        unknown = [name for name in self.members if name not in detector_names()]
        problems += [
            f"'members' names the unknown detector '{name}'; known are "
            f"{', '.join(detector_names())}.{did_you_mean(name, detector_names())}"
            for name in unknown
        ]
        twice = {name for name in self.members if self.members.count(name) > 1}
        problems += [f"'members' names '{name}' twice." for name in sorted(twice)]
        if NAME in self.members:
            problems.append(f"'members' cannot name '{NAME}' itself.")
        if not problems:
            try:
                self.of_members()
            except SettingError as error:
                told = plain(str(error), self.members).splitlines()
                problems += [f"'member_settings': {line}" for line in told]
        return problems

    def of_members(self) -> dict[str, DetectorSettings]:
        """The settings of each member.

        Raises:
            SettingError: a member is unknown, or one of its settings is not allowed.
        """
        from blemish.detectors.registry import settings_class

        members = {}
        for name, values in self.given_to_members().items():
            with told_of_member(name):
                members[name] = settings_class(name).from_dict(values)
        return members

    def given_to_members(self) -> dict[str, dict[str, Any]]:
        """What each member is made with; all else is its default.

        Raises:
            SettingError: a member is unknown, or has no setting of a name.
        """
        from blemish.detectors.assigned import settings_of_each

        shared: dict[str, Any] = {"seed": self.seed, "resize": self.resize}
        if self.image_size is not None:
            shared["image_size"] = self.image_size
        typed = parse_assignments(_joined(self.member_settings))
        own = settings_of_each(self.members, typed)
        return {name: shared | values for name, values in own.items()}

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values; no size where each member has its own."""
        return super().to_dict() | {"image_size": self.image_size}

    @property
    def usual_side_px(self) -> int:
        """The side of the largest working image of a member, where no size is given."""
        return max(max(one.size_hw) for one in self.of_members().values())

    @property
    def on_gpu(self) -> bool | None:
        """Whether the fit of a member is done on a GPU."""
        wanted = {one.on_gpu for one in self.of_members().values()}
        return True if True in wanted else None if None in wanted else False

    def portable(self) -> dict[str, Any]:
        """All settings, without the folders of this machine, in those of members neither."""
        own = [_portable(text, self.of_members()) for text in self.member_settings]
        return super().portable() | {"member_settings": own}


@contextmanager
def told_of_member(name: str) -> Iterator[None]:
    """Have errors of a member's settings say whose they are, and not as options, which it has not.

    Args:
        name: of the member.
    """
    try:
        yield
    except SettingError as error:
        lines = (f"{name}: {line}" for line in plain(str(error), [name]).splitlines())
        raise SettingError("\n".join(lines)) from error


def plain(text: str, members: Iterable[str]) -> str:
    """What members say, without quotes around names of settings: by these options are known."""
    from blemish.detectors.registry import settings_class

    names = {name for member in members for name in settings_class(member).names()}
    return re.sub(r"'(\w+)'", lambda found: found[found[1] in names], text)


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
        kept = owner.portable()
        wanted = setting_name if dot else member
        if wanted in owner.names_of_files() and kept.get(wanted) is not None:
            return f"{name}={kept[wanted]}"
    return assignment
