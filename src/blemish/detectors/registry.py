"""Which detectors there are: ours, and those that other packages register.

A package registers a detector as an entry point of the group `blemish.detectors`:

    [project.entry-points."blemish.detectors"]
    mine = "my_package.detector:Mine"

Detectors are imported when they are asked for by name, so that a broken one troubles nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from blemish.errors import BlemishError, SettingError, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from blemish.detectors.contract import Detector
    from blemish.detectors.settings import DetectorSettings
    from blemish.settings import Described

GROUP = "blemish.detectors"
SHARED = "every detector"
# Of each the class `<Name>` in `<name>/detector.py`, and `<Name>Settings` in `<name>/settings.py`.
OURS = {
    "patchcore": "PatchCore",
    "efficientad": "EfficientAd",
    "padim": "Padim",
}


def detector_names() -> tuple[str, ...]:
    """Names of all detectors, ours first; those of other packages may be broken."""
    return (*OURS, *(name for name in sorted(_others()) if name not in OURS))


def detector_class(name: str) -> type[Detector]:
    """The class of a detector by its name.

    Raises:
        SettingError: there is none of that name (with the closest that is).
        BlemishError: the package that registers it is broken.
    """
    if name in OURS:
        kind: type[Detector] = _ours(name, "detector", OURS[name])
        return kind
    if name in _others():
        return _loaded(_others()[name])
    names = detector_names()
    known = f"known are {', '.join(names)}.{did_you_mean(name, names)}"
    raise SettingError(f"Unknown detector '{name}'; {known}")


def settings_class(name: str) -> type[DetectorSettings]:
    """The settings of a detector by its name; for ours without importing NumPy.

    Raises:
        SettingError: there is none of that name (with the closest that is).
        BlemishError: the package that registers it is broken.
    """
    if name in OURS:
        kind: type[DetectorSettings] = _ours(name, "settings", f"{OURS[name]}Settings")
        return kind
    return detector_class(name).settings_class


def settings_by_detector() -> dict[str, list[Described]]:
    """The settings that all detectors share, then each detector's own; without broken detectors."""
    from blemish.detectors.settings import DetectorSettings

    shared = DetectorSettings.names()
    found = {SHARED: list(DetectorSettings.described())}
    for name in detector_names():
        try:
            described = settings_class(name).described()
        except BlemishError:  # told where somebody asks for that detector
            continue
        found[name] = [one for one in described if one.name not in shared]
    return found


def make_detector(name: str, settings: Mapping[str, Any]) -> Detector:
    """A detector by its name, with some settings. Raises `SettingError`, `BlemishError`."""
    return detector_class(name)(**settings)


def _ours(name: str, module: str, attribute: str) -> Any:
    return getattr(import_module(f"blemish.detectors.{name}.{module}"), attribute)


@cache
def _others() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _loaded(entry: EntryPoint) -> type[Detector]:
    package = entry.dist.name if entry.dist else entry.value
    try:
        kind: type[Detector] = entry.load()
    except Exception as error:  # whatever the code of another package does
        raise BlemishError(
            f"The detector '{entry.name}' of the package '{package}' cannot be used: "
            f"{type(error).__name__}: {error}"
        ) from error
    missing = [name for name in ("settings_class", "fit", "plan") if not hasattr(kind, name)]
    if missing:
        raise BlemishError(
            f"The detector '{entry.name}' of the package '{package}' keeps no contract: "
            f"{entry.value} has no {missing[0]}."
        )
    return kind
