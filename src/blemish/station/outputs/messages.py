"""The JSON that goes out: of rows of the ledger, and of the station as it is now.

Both say which schema they keep to. Within a version fields may be added, never changed or taken
away; `schemas/` holds the JSON Schema of each.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from blemish.ledger.entry import Kind, Row
from blemish.station.inspection import Outcome
from blemish.station.outputs.display import Shown

ROW_SCHEMA: Literal["blemish/row/1"] = "blemish/row/1"
STATE_SCHEMA: Literal["blemish/state/1"] = "blemish/state/1"


def _said(description: str) -> Meta:
    return Meta(description=description)


class RowMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a station's ledger. It may come more than once, always with the same id."""

    schema: Literal["blemish/row/1"] = ROW_SCHEMA
    id: Annotated[str, _said("Of an inspection its id, of other rows their hash; never reused.")]
    station: Annotated[str, _said("Name of the station.")]
    number: Annotated[int, _said("Place in the ledger, counted from 1, without gaps.")]
    sha256: Annotated[str, _said("Hash of the row and of all before it.")]
    kind: Annotated[Kind, _said("What the row tells of.")]
    time: Annotated[datetime, _said("When that was, UTC.")]
    part: Annotated[str | None, _said("Id of the part.")] = None
    recipe: Annotated[str | None, _said("By which it was inspected.")] = None
    verdict: Annotated[str | None, _said("Of a part; only one that is 'good' passes.")] = None
    score: Annotated[float | None, _said("Raw score.")] = None
    threshold: Annotated[float | None, _said("Of the score.")] = None
    model_sha256: Annotated[str | None, _said("Hash of the model file.")] = None
    image_sha256: Annotated[str | None, _said("Hash of the image.")] = None
    refers_to: Annotated[int | None, _said("Number of the row that this one is about.")] = None
    who: Annotated[str | None, _said("The person, by the name of the token.")] = None
    body: Annotated[dict[str, Any], _said("All of it; of an inspection every camera's view.")]


class StateMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A station as it is now, and the newest part. Only `alive` with 'good' passes a part."""

    schema: Literal["blemish/state/1"] = STATE_SCHEMA
    station: Annotated[str, _said("Name of the station.")]
    time: Annotated[datetime | None, _said("When this was said, UTC; null in a last will.")]
    alive: Annotated[bool, _said("Whether the station can judge parts.")]
    verdict: Annotated[Outcome, _said("Of the newest part; 'not inspected' while not alive.")]
    number: Annotated[int, _said("Parts since the start, the newest included.")] = 0
    beat: Annotated[int, _said("Seconds in which the station could judge parts.")] = 0
    id: Annotated[str | None, _said("Id of the inspection.")] = None
    part: Annotated[str | None, _said("Id of the part.")] = None
    recipe: Annotated[str | None, _said("By which it was inspected.")] = None
    score: Annotated[float | None, _said("Raw score of the view that decides.")] = None
    threshold: Annotated[float | None, _said("Of that score.")] = None
    inspection: Annotated[dict[str, Any] | None, _said("All of it, where it is sent.")] = None


SCHEMAS = {"row-1.json": RowMessage, "state-1.json": StateMessage}


def id_of(row: Row) -> str:
    """What tells a row from all others, also where it comes again."""
    said = row.entry.body.get("id")
    return said if row.entry.kind is Kind.INSPECTION and isinstance(said, str) else row.sha256


def of_row(row: Row, station: str) -> bytes:
    """A row as JSON, UTF-8. What is no number (NaN, infinite) becomes null."""
    entry = row.entry
    message = RowMessage(
        id=id_of(row),
        station=station,
        number=row.number,
        sha256=row.sha256,
        kind=entry.kind,
        time=entry.time.astimezone(UTC),
        part=entry.part,
        recipe=entry.recipe,
        verdict=entry.verdict,
        score=_finite(entry.score),
        threshold=_finite(entry.threshold),
        model_sha256=entry.model_sha256,
        image_sha256=entry.image_sha256,
        refers_to=entry.refers_to,
        who=entry.who,
        body=dict(entry.body),
    )
    return _encode(message)


def of_state(
    shown: Shown, station: str, *, beat: int, inspection: dict[str, Any] | None = None
) -> bytes:
    """A station that is alive, as JSON."""
    message = StateMessage(
        station=station,
        time=datetime.now(UTC),
        alive=True,
        verdict=shown.outcome,
        number=shown.number,
        beat=beat,
        id=shown.id or None,
        part=shown.part or None,
        recipe=shown.recipe or None,
        score=_finite(shown.score),
        threshold=_finite(shown.threshold),
        inspection=inspection,
    )
    return _encode(message)


def of_stop(station: str, *, time: datetime | None = None) -> bytes:
    """A station that cannot judge, as JSON: also what a broker says of it once it is gone."""
    return _encode(
        StateMessage(
            station=station,
            time=time,
            alive=False,
            verdict=Outcome.NOT_INSPECTED,
        )
    )


def _finite(value: float | None) -> float | None:
    """What JSON has a number for."""
    return value if value is not None and math.isfinite(value) else None


def _encode(message: msgspec.Struct) -> bytes:
    try:
        return msgspec.json.encode(message)
    except UnicodeEncodeError:  # a file's name that is no Unicode; JSON can spell it
        return json.dumps(msgspec.to_builtins(message)).encode()
