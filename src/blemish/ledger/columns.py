"""An entry as the columns of its row, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from blemish.errors import LedgerError, UsageError
from blemish.ledger.chain import TEXTS
from blemish.ledger.entry import Entry, Kind, Row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_TEXT = 4096  # characters of an indexed text
MICROSECOND = timedelta(microseconds=1)

_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))

Columns = tuple[Any, ...]  # values by `chain.COLUMNS`; texts as str


def microseconds(time: datetime) -> int:
    """Since 1970, UTC. Raises `UsageError` where a time has no zone."""
    if time.tzinfo is None:
        raise UsageError(f"'time' must have a time zone; got {time.isoformat()}.")
    return (time - EPOCH) // MICROSECOND


def moment(count: int) -> datetime:
    """The time so many microseconds after 1970, in UTC."""
    return EPOCH + count * MICROSECOND


def columns_of(number: int, entry: Entry) -> Columns:
    """An entry as columns.

    Raises:
        UsageError: it has a value that cannot be kept: a number that is not finite, a text that is
            no Unicode, a body that is no JSON, a reference to no earlier row.
    """
    if entry.refers_to is not None and not 1 <= entry.refers_to < number:
        raise UsageError(
            f"'refers_to' must be the number of an earlier row, 1 to {number - 1}; "
            f"got {entry.refers_to}."
        )
    return (
        number,
        microseconds(entry.time),
        _finite("score", entry.score),
        _finite("threshold", entry.threshold),
        entry.refers_to,
        str(Kind(entry.kind)),
        *(_text(name, getattr(entry, name)) for name in TEXTS[1:-1]),
        _body(entry.body),
    )


def row_of(columns: Sequence[Any], sha256: bytes, *, new: bool) -> Row:
    """The row that was stored so. Raises `LedgerError` where no entry can have been."""
    number, time, score, threshold, refers_to, kind, *texts, body = columns
    try:
        entry = Entry(
            kind=Kind(kind),
            time=moment(time),
            body=json.loads(body),
            score=score,
            threshold=threshold,
            refers_to=refers_to,
            **dict(zip(TEXTS[1:-1], texts, strict=True)),
        )
    except (ValueError, OverflowError) as error:
        raise LedgerError(
            f"Row {number:,} is no row of a ledger ({error}); 'blemish audit' tells more."
        ) from error
    return Row(number, entry, sha256.hex(), new=new)


def _finite(name: str, value: float | None) -> float | None:
    if value is None:
        return None
    if not math.isfinite(value):
        raise UsageError(f"'{name}' must be finite; got {value}.")
    return float(value) + 0.0  # SQLite keeps no sign of a zero


def _text(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    if len(value) > LONGEST_TEXT:
        raise UsageError(f"'{name}' has {len(value):,} characters; at most {LONGEST_TEXT:,}.")
    if "\0" in value or (not value.isascii() and not _is_unicode(value)):
        raise UsageError(f"'{name}' must be a text without zeros and lone surrogates: {value!r}.")
    return str(value)


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _body(body: Any) -> str:
    try:
        text = _ENCODER.encode(dict(body))
        return _ENCODER.encode(json.loads(text))  # so that what is read gives the same text again
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"'body' must be plain JSON values ({error}).") from error
