"""Models of the graph of another: with other thresholds, golden samples, or zones of its map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from blemish.calibration import Calibration
from blemish.errors import UsageError
from blemish.graph.interface import parsed
from blemish.graph.zones import within_zones
from blemish.model.extras import UNDO_KEY
from blemish.model.facts import SCHEMA, Facts, ZoneFacts
from blemish.model.file import sign
from blemish.model.history import calibrated
from blemish.model.model import Model
from blemish.result import ScoredImage
from blemish.zones import Inspected

if TYPE_CHECKING:
    import onnx

    from blemish.model.golden import GoldenImage


def with_calibration(
    model: Model,
    calibration: Calibration,
    scored: Sequence[ScoredImage],
    defects: Sequence[ScoredImage] = (),
) -> Model:
    """The same graph with other thresholds.

    Args:
        model: whose graph it is.
        calibration: the new one.
        scored: the good images that it rests on.
        defects: those that had a say in a threshold by costs.
    """
    history = model.facts.history
    if history:
        history += (calibrated(model.sha256),)
    facts = replace(model.facts, calibration=calibration.facts(scored, defects), history=history)
    return _variant(model, _graph_of(model), replace(facts, schema=SCHEMA), _lasting(model))


def with_golden(model: Model, images: Sequence[GoldenImage]) -> Model:
    """The same graph with other golden samples; `blemish.keep_golden` makes them.

    Args:
        model: whose graph it is.
        images: in the place of those that it has.
    """
    facts = replace(model.facts, golden=tuple(images), schema=SCHEMA)
    return _variant(model, _graph_of(model), facts, model.extras)


def within(model: Model, zones: Inspected) -> Model:
    """The same detector, whose map is inspected within zones alone; it saw whole images.

    The score is the highest of what is inspected of the map. So those that it was calibrated by
    say nothing any more, and are not kept of the training images: it is to be calibrated anew.

    Raises:
        UsageError: the model has zones already, or these have shares, which takes a fit.
    """
    if model.zones is not None or zones.shares or model.alignment is not None:
        why = "takes no shares of zones without a fit"
        why = "has zones" if model.zones is not None else why
        why = "aligns parts, and zones lie as these do" if model.alignment is not None else why
        raise UsageError(f"'{model.name}' {why}; fit it with the zones that are wanted.")
    zones = replace(zones, cut=False)
    graph = within_zones(_graph_of(model), zones, (0, 0, 0), model.image_format)
    facts = model.facts
    images = tuple(image._replace(score=None, peak=None) for image in facts.training.images)
    facts = replace(
        facts,
        input=replace(facts.input, zones=ZoneFacts.of(zones, (0, 0, 0))),
        training=replace(facts.training, images=images),
        golden=(),
        inspectable=None,
    )
    return _variant(model, graph, facts, _lasting(model))


def _variant(
    model: Model, graph: onnx.ModelProto, facts: Facts, extras: Mapping[str, str]
) -> Model:
    return Model(
        sign(graph, facts, extras),
        engine=model.engine,
        limits=model.reader.limits,
        raw=model.reader.raw,
    )


def _graph_of(model: Model) -> onnx.ModelProto:
    return parsed(model.to_bytes(), model.name)


def _lasting(model: Model) -> dict[str, str]:
    """What the file keeps besides its facts, less the way back to the one before."""
    return {key: text for key, text in model.extras.items() if key != UNDO_KEY}
