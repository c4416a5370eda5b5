"""Which detectors there are: ours, and those that other packages register.

A package registers a detector as an entry point of the group `blemish.detectors`:

    [project.entry-points."blemish.detectors"]
    mine = "my_package.detector:Mine"

Whatever is wrong with one of these is found where it is loaded and looked at, once in a process,
and told where somebody asks for it by name, so that a broken one troubles nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from blemish.errors import BlemishError, SettingError, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from blemish.detectors.contract import Detector
    from blemish.detectors.settings import DetectorSettings
    from blemish.settings import Described

MEMBERS = ("settings_class", "fit", "plan", "name")  # without which nothing can be shown or tried
GROUP = "blemish.detectors"
SHARED = "every detector"
# Of each the class `<Name>` in `<name>/detector.py`, and `<Name>Settings` in `<name>/settings.py`.
OURS = {
    "patchcore": "PatchCore",
    "efficientad": "EfficientAd",
    "padim": "Padim",
    "fusion": "Fusion",
}


@dataclass(frozen=True)
class _Usable:
    """A detector of another package, and its settings as they were when they were looked at."""

    kind: type[Detector]
    settings_class: type[DetectorSettings]
    described: tuple[Described, ...]


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
    return _other(name).kind


def settings_class(name: str) -> type[DetectorSettings]:
    """The settings of a detector by its name; for ours without importing NumPy.

    Raises:
        SettingError: there is none of that name (with the closest that is).
        BlemishError: the package that registers it is broken.
    """
    if name in OURS:
        kind: type[DetectorSettings] = _ours(name, "settings", f"{OURS[name]}Settings")
        return kind
    return _other(name).settings_class


def described_settings(name: str) -> tuple[Described, ...]:
    """What a detector's settings say of themselves, shared ones included.

    Raises:
        SettingError: there is none of that name (with the closest that is).
        BlemishError: the package that registers it is broken.
    """
    return settings_class(name).described() if name in OURS else _other(name).described


def settings_by_detector() -> dict[str, list[Described]]:
    """The settings that all detectors share, then each detector's own; without broken detectors."""
    from blemish.detectors.settings import DetectorSettings

    shared = DetectorSettings.names()
    found = {SHARED: list(DetectorSettings.described())}
    for name in detector_names():
        try:
            described = described_settings(name)
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


def _other(name: str) -> _Usable:
    if name not in _others():
        names = detector_names()
        known = f"known are {', '.join(names)}.{did_you_mean(name, names)}"
        raise SettingError(f"Unknown detector '{name}'; {known}")
    found = _tried(_others()[name])
    if isinstance(found, BlemishError):
        raise BlemishError(str(found)) from found.__cause__
    return found


@cache
def _tried(entry: EntryPoint) -> _Usable | BlemishError:
    """What comes of an entry point: a detector, or what to say of it; the only place it is run."""
    package = entry.dist.name if entry.dist else entry.value
    whose = f"The detector '{entry.name}' of the package '{package}'"
    try:
        kind = entry.load()
        problem = next(_problems(entry, kind), None)
        if problem is None:
            return _Usable(kind, kind.settings_class, tuple(kind.settings_class.described()))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the code of another package: it may even call sys.exit
        told = BlemishError(f"{whose} cannot be used: {_spell(error)}")
        told.__cause__ = error
        return told
    return BlemishError(f"{whose} keeps no contract: {problem}.")


def _problems(entry: EntryPoint, kind: Any) -> Iterator[str]:
    """What keeps a detector from being listed, made or given options."""
    from blemish.detectors.settings import DetectorSettings

    yield from (f"{entry.value} has no {name}" for name in MEMBERS if not hasattr(kind, name))
    if not isinstance(kind, type):
        yield f"{entry.value} is no class"
    if kind.name != entry.name:
        yield f"its name is {kind.name!r}"
    settings = kind.settings_class
    if not (isinstance(settings, type) and issubclass(settings, DetectorSettings)):
        yield f"its settings_class {settings!r} is no subclass of DetectorSettings"
    yield from (problem for one in settings.described() for problem in one.problems())
    settings().to_dict()  # each has a default, which is allowed


def _spell(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # its text is the code of another package, too
        return type(error).__name__
