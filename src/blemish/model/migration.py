"""The facts of older model files as they would stand in one of today."""

from __future__ import annotations

from typing import Any

from blemish.typed_json import JsonError

OLDEST = 3  # schema that is still read
SIDE_PX = 256  # of a working image, where schema 3 does not name it


def migrate(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts of schema 3 or later as those of schema 4.

    Schema 3 says picture where 4 says image, tells how images are resized among the detector's
    settings, and mixes what a detector tells of its fit with what is known of every one.

    Raises:
        JsonError: what is to be moved is not there.
    """
    if facts["schema"] != OLDEST:
        return facts
    facts = _renamed(facts)
    try:
        detector, settings = dict(facts["detector"]), facts["detector"]["settings"]
        known = {name: detector.pop(name) for name in ("name", "settings")}
        known |= {"batch": detector.pop("batch", None)}
        known |= {"learned_from": detector.pop("trained_on", None)}
        size = settings["image_size"] or SIDE_PX
        working = {"size_hw": size if isinstance(size, list) else [size, size]}
        return facts | {
            "detector": known | {"sources": _sources(detector), "details": detector},
            "input": facts["input"] | {"working": working | {"fit": settings["fit"]}},
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise JsonError(f"detector: it is not as schema {OLDEST} has it.") from error


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name.replace("picture", "image"): _renamed(one) for name, one in value.items()}
    return [_renamed(one) for one in value] if isinstance(value, list) else value


def _sources(detector: dict[str, Any]) -> list[dict[str, Any]]:
    kept = ("name", "licence", "sha256")
    return [
        {"role": role, **{name: detector[role][name] for name in kept}}
        for role in ("backbone", "teacher")
        if detector.get(role)
    ]
