"""The state of a monitor as a small file: JSON, some 50 kB however long the line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from blemish.errors import MonitorError
from blemish.files import looking_at
from blemish.monitor.alarm import Alarm
from blemish.monitor.bets import Kept
from blemish.typed_json import (
    Count,
    Hash,
    JsonError,
    Positive,
    as_json,
    as_type,
    read_json,
)

SCHEMA = 1
MOST_BYTES = 1 << 22


@dataclass(frozen=True)
class StreamState:
    """A stream: its `ranks`, its `bets`, and what people are told of it."""

    kept: tuple[float, ...]
    places: tuple[Positive, ...]
    bets: Kept
    before: float | None
    latest: float | None


@dataclass(frozen=True)
class State:
    """All that a monitor knows; see `Monitor` for what is what."""

    model_sha256: Hash
    parts_per_alarm: Positive
    seed: Count
    parts: Count
    alarm: Alarm | None
    streams: dict[str, StreamState]
    schema: Positive = SCHEMA

    def to_text(self) -> str:
        """The content of its file."""
        return json.dumps(as_json(self), allow_nan=False) + "\n"


@dataclass(frozen=True)
class _Versioned:
    schema: Positive


def read_state(path: Path) -> State:
    """The state in a file.

    Raises:
        MonitorError: it is damaged, of a newer schema, or no state of a monitor.
        BlemishError: it cannot be read.
    """
    with looking_at(path):
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise MonitorError(f"'{path}' is no state of a monitor: it has {size:,} bytes.")
        content = path.read_bytes()
    try:
        values = read_json(content.decode())
        schema = as_type(values, _Versioned).schema
        if schema > SCHEMA:
            raise MonitorError(
                f"'{path}' has schema {schema}; this version reads {SCHEMA}. Upgrade: "
                "pip install -U blemish"
            )
        return as_type(values, State)
    except (JsonError, UnicodeDecodeError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, why: object) -> MonitorError:
    """That a file is none of ours."""
    return MonitorError(
        f"'{path}' is no state of a monitor, or damaged: {why} Name another file, or delete it "
        "to begin anew."
    )
