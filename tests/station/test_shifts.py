"""When shifts begin and end, by the clock on the wall."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from blemish.station.shifts import Shifts

SHIFTS = Shifts(starts=["06:00", "14:00", "22:00"], timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("2026-01-05T12:59", "2026-01-05T05:00", "2026-01-05T13:00"),
        ("2026-01-05T13:00", "2026-01-05T13:00", "2026-01-05T21:00"),
        ("2026-01-05T22:30", "2026-01-05T21:00", "2026-01-06T05:00"),
        ("2026-03-29T02:00", "2026-03-28T21:00", "2026-03-29T04:00"),  # an hour is left out
        ("2026-10-25T03:00", "2026-10-24T20:00", "2026-10-25T05:00"),  # and comes twice
    ],
)
def test_a_time_is_in_the_shift_that_began_last(now, start, end):
    when = datetime.fromisoformat(now).replace(tzinfo=UTC)
    found = [
        t.astimezone(UTC).isoformat()[:16] for t in (SHIFTS.start_of(when), SHIFTS.end_of(when))
    ]
    assert found == [start, end]


@pytest.mark.parametrize(
    "values",
    [
        {"starts": []},
        {"starts": ["6 o'clock"]},
        {"starts": ["06:00", "06:00"]},
        {"timezone": "X/Y"},
    ],
)
def test_what_is_no_shift_is_refused(values):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(values, Shifts)
