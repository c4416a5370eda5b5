"""Shifts: when each begins, by the clock on the wall."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from blemish.station.tables import Table


class Shifts(Table, frozen=True):
    """When shifts begin.

    Attributes:
        starts: of each shift, `HH:MM`.
        timezone: whose clock that is (`Europe/Berlin`); by default the machine's.
    """

    starts: tuple[str, ...] = ("06:00", "14:00", "22:00")
    timezone: str | None = None

    def __post_init__(self) -> None:
        if not self.starts:
            raise ValueError("'starts' must name one time of day at least, as \"06:00\"")
        for text in self.starts:
            _time_of_day(text)
        if len(set(self.starts)) < len(self.starts):
            raise ValueError("'starts' names a time twice")
        try:
            _ = self.zone
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(
                f"there is no time zone '{self.timezone}'; one is \"Europe/Berlin\""
            ) from error

    @property
    def zone(self) -> ZoneInfo | None:
        """The time zone; `None` for the machine's."""
        return None if self.timezone is None else ZoneInfo(self.timezone)

    def start_of(self, when: datetime) -> datetime:
        """When the shift began that a time, aware, is in; aware, in the zone of the shifts."""
        local = when.astimezone(self.zone)
        return max(start for start in self._around(local) if start <= local)

    def end_of(self, when: datetime) -> datetime:
        """When the shift ends that a time, aware, is in: when the next one begins."""
        local = when.astimezone(self.zone)
        return min(start for start in self._around(local) if start > local)

    def _around(self, local: datetime) -> list[datetime]:
        """When shifts begin on the day of a time, the one before and the one after."""
        days = [local.date() + timedelta(days=apart) for apart in (-1, 0, 1)]
        on_the_wall = [datetime.combine(d, _time_of_day(t)) for d in days for t in self.starts]
        if self.zone is None:
            return [one.astimezone() for one in on_the_wall]
        return [one.replace(tzinfo=self.zone) for one in on_the_wall]


def _time_of_day(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError:
        raise ValueError(f"'{text}' is no time of day as \"06:00\"") from None
