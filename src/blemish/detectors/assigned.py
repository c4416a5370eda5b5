"""Which settings go to which detector, where several share one list of settings.

A plain name goes to every detector that has a setting of it. `efficientad.steps`, or `steps` in a
table `efficientad`, goes to that detector alone, and wins over the plain name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from blemish.detectors.registry import detector_names, make_detector, settings_class
from blemish.errors import SettingError, did_you_mean, raise_all

if TYPE_CHECKING:
    from blemish.detectors.contract import Detector

Values = dict[str, Any]
FUSION = "fusion"


def settings_of_each(detectors: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Values]:
    """The settings of each detector.

    Args:
        detectors: their names.
        settings: plain names, `detector.name`, and tables by the name of a detector.

    Raises:
        SettingError: a detector is unknown, a setting is none of these detectors', or it is meant
            for another.
    """
    known = {name: settings_class(name).names() for name in detectors}
    plain, own = _sorted_out(settings)
    problems = [
        f"Settings of '{name}' are given, but it is not among the detectors: {', '.join(known)}."
        + f" Those of fusion's members go into {_of_member(name, own[name])}." * (FUSION in known)
        for name in own
        if name not in known
    ]
    problems += _unknown([(n, v, list(known)) for n, v in plain.items()], known)
    problems += _unknown([(n, v, [d]) for d in known for n, v in own.get(d, {}).items()], known)
    raise_all(problems, SettingError)
    return {
        detector: {k: v for k, v in plain.items() if k in names} | own.get(detector, {})
        for detector, names in known.items()
    }


def make_assigned(detector: str, settings: Mapping[str, Any]) -> Detector:
    """One detector with the settings that are its own. Raises `SettingError`."""
    return make_detector(detector, settings_of_each([detector], settings)[detector])


def _sorted_out(settings: Mapping[str, Any]) -> tuple[Values, dict[str, Values]]:
    """Settings for whoever has them, and those for one detector each."""
    plain: Values = {}
    own: dict[str, Values] = {}
    names = detector_names()
    for name, value in settings.items():
        detector, dot, rest = name.partition(".")
        if dot and detector in names:
            own.setdefault(detector, {})[rest] = value
        elif name in names and isinstance(value, Mapping):
            own.setdefault(name, {}).update(value)
        else:
            plain[name] = value
    return plain, own


def _of_member(detector: str, values: Mapping[str, Any]) -> str:
    """Settings of a detector as fusion takes them of a member."""
    texts = {
        name: ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        for name, value in values.items()
    }
    said = ",".join(f"{detector}.{name}={text}" for name, text in texts.items())
    return f"member_settings='{said}'"


def _hint(name: str, value: Any, detectors: Sequence[str]) -> str:
    """How a setting that fusion does not have is given to a member that has it; empty if none."""
    if FUSION not in detectors:
        return ""
    has = (d for d in detector_names() if d != FUSION and name in settings_class(d).names())
    member = next(has, None)
    return f" Give it to a member: {_of_member(member, {name: value})}." if member else ""


def _unknown(
    given: Sequence[tuple[str, Any, Sequence[str]]], known: Mapping[str, Sequence[str]]
) -> list[str]:
    """What to say of names that none of the detectors they are for has."""
    problems = []
    for name, value, detectors in given:
        names = list(dict.fromkeys(n for detector in detectors for n in known[detector]))
        if name not in names:
            problems.append(
                f"Unknown setting '{name}' of {' and '.join(detectors)}; known are "
                f"{', '.join(names)}.{did_you_mean(name, names)}{_hint(name, value, detectors)}"
            )
    return problems
