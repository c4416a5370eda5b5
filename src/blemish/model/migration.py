"""The facts of older model files as they would stand in one of today."""

from __future__ import annotations

from typing import Any

from blemish.typed_json import JsonError

OLDEST = 3  # schema that is still read
SIDE_PX, BATCH = 256, 8  # where schema 3 does not name them


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
        details, settings = dict(facts["detector"]), facts["detector"]["settings"]
        detector = {
            "name": details.pop("name"),
            "seed": settings["seed"],
            "settings": details.pop("settings"),
            "batch": details.pop("batch", BATCH),
            "sources": _sources(details),
            "told": [],
            "details": details,
        }
        size = settings["image_size"] or SIDE_PX
        working = {"size_hw": size if isinstance(size, list) else [size, size]}
        return facts | {
            "detector": detector,
            "input": facts["input"] | {"working": working | {"resize": settings["fit"]}},
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
