"""How the shift goes, beside the verdict: counts, the chart, drift, and what does not work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from blemish.station.page.charts import p_chart_svg
from blemish.station.page.texts import Texts
from blemish.station.statistics.p_chart import PChart, p_chart
from blemish.station.statistics.shifts import parts_of

if TYPE_CHECKING:
    from blemish.station.station import Station

CHART_SECONDS = 10.0  # for which a chart of the shift that runs is shown again
SUBGROUPS = 16  # of a shift


@dataclass
class ShiftChart:
    """The chart of the shift that runs, made now and then: it takes a look at all of its rows."""

    station: Station
    _known: tuple[float, datetime, PChart] | None = None
    _lock: Lock = field(default_factory=Lock)

    def now(self, since: datetime, until: datetime) -> PChart:
        """As it was at most `CHART_SECONDS` ago."""
        with self._lock:
            known, now = self._known, time.monotonic()
            if known is not None and known[1] == since and now - known[0] < CHART_SECONDS:
                return known[2]
            chart = p_chart(self.station.ledger, since, until, step=step_of(since, until))
            self._known = time.monotonic(), since, chart
            return chart


def step_of(since: datetime, until: datetime) -> timedelta:
    """How long a subgroup of a shift takes."""
    return (until - since) / SUBGROUPS


def shift_shown(station: Station, chart: ShiftChart, t: Texts) -> dict[str, Any]:
    """What the panel is given of the shift and of the line."""
    status = station.status()
    since, until = (datetime.fromisoformat(status["shift"][end]) for end in ("start", "end"))
    return {
        "shift": parts_of(status["shift"]["verdicts"].items()),
        "since": since,
        "chart": chart_shown(chart.now(since, until), t),
        "drift": _drift(status["drift"]),
        "troubles": list(_troubles(status)),
        "recipe": status["recipe"],
        "queue": status["queue"]["waiting"],
    }


def chart_shown(chart: PChart, t: Texts) -> Markup:
    """A p chart as SVG, with its title in words."""
    out = sum(point.out for point in chart.points)
    told = t("shift.chart_told", count=len(chart.points), out=out)
    drawn = p_chart_svg(chart, t.zone, title=t("shift.chart"), told=told)
    return Markup(drawn)


def _drift(known: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Of all cameras: an alarm of any of them."""
    alarms = [told["alarm"] for told in known.values() if told.get("alarm")]
    state = "unwatched" if not known else "alarm" if alarms else "steady"
    return {"state": state, "told": alarms[0] if alarms else ""}


def _troubles(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names of what does not work, and why."""
    for table in ("cameras", "outputs"):
        for name, one in status[table].items():
            if not one["ready"]:
                yield name, one["told"]
