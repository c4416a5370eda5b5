"""A model made from another one, and the way back: the new file holds what makes the old one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from blemish.detectors.origins import Origins
from blemish.errors import ModelFileError, UsageError
from blemish.model.extras import (
    ORIGINS_KEY,
    THUMBNAILS_KEY,
    UNDO_KEY,
    origins_text,
    read_thumbnails,
)
from blemish.model.facts import SCHEMA, Facts
from blemish.model.file import sign
from blemish.model.model import Model
from blemish.model.parent import parent_of, undo_text
from blemish.progress import Progress

if TYPE_CHECKING:
    import onnx


def made(
    model: Model,
    graph: onnx.ModelProto,
    origins: Origins,
    facts: Facts,
    *,
    thumbnails: Mapping[str, bytes] = MappingProxyType({}),
) -> Model:
    """A model that was made from another one; golden samples are those of the other, and go.

    Args:
        model: the other.
        graph: of the new one.
        origins: of the vectors of its banks.
        facts: of it, with what was done as the last step.
        thumbnails: of images that are new, by the hashes of their files.

    Raises:
        ModelFileError: the other could not be had back.
    """
    facts = replace(facts, schema=SCHEMA, golden=())  # what they say is of the old graph
    extras = {ORIGINS_KEY: origins_text(origins)}
    if small := read_thumbnails(model.extras, "the model"):
        there = {image.sha256 for image in facts.training.images}
        jpeg = {sha256: one for sha256, one in small.jpeg.items() if sha256 in there}
        extras[THUMBNAILS_KEY] = replace(small, jpeg=jpeg | dict(thumbnails)).to_text()
    old = model.to_bytes()
    extras[UNDO_KEY] = undo_text(old, sign(graph, facts, extras))
    new = Model(
        sign(graph, facts, extras),
        engine=model.engine,
        limits=model.reader.limits,
        raw=model.reader.raw,
    )
    if undo(new) != old:
        raise ModelFileError("What was done could not be undone, so nothing is; report this.")
    return new


def tell_of_golden(model: Model, progress: Progress) -> None:
    """Say that golden samples went, where the model that another was made from has some."""
    if model.facts.golden:
        progress.say(
            "Golden samples say what the model before made of them, so they are not kept: blemish "
            "golden keeps new ones."
        )


def undo(model: Model) -> bytes:
    """The file that a model was made from by `learn` or `forget`, byte for byte.

    Raises:
        UsageError: it was made by neither, or calibrated since.
        ModelFileError: it does not hold what it should.
    """
    facts, extras = model.facts, model.extras
    if not facts.history:
        raise UsageError("There is nothing to undo: the model is as it was fitted or calibrated.")
    if UNDO_KEY not in extras:
        raise UsageError(
            "The model was calibrated since it was last taught, which cannot be undone; undo the "
            "one that it was calibrated from."
        )
    return parent_of(model.to_bytes(), extras[UNDO_KEY], facts.history[-1].parent)
