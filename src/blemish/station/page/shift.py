"""How the shift goes, beside the verdict: counts, the chart, drift, and what does not work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from blemish.binomial import CONFIDENCE, rate_range
from blemish.station.inspection import Outcome
from blemish.station.page.charts import Point, p_chart
from blemish.station.page.texts import Texts

if TYPE_CHECKING:
    from blemish.station.station import Station


def shift_shown(station: Station, t: Texts) -> dict[str, Any]:
    """What the panel is given: `shift`, `chart`, `drift`, `troubles`, `recipe` and `queue`."""
    status = station.status()
    counts = {str(outcome): int(status["shift"]["verdicts"].get(outcome, 0)) for outcome in Outcome}
    parts = sum(counts.values())
    rejected = parts - counts[Outcome.GOOD]
    low, high = rate_range(rejected, parts, confidence=CONFIDENCE) if parts else (None, None)
    points = [Point(**point) for point in status["shift"].get("points", ())]
    return {
        "shift": {
            "name": t(
                "shift.since", time=t.time_of_day(datetime.fromisoformat(status["shift"]["start"]))
            ),
            "inspected": parts,
            "counts": counts,
            "rate": rejected / parts if parts else None,
            "low": low,
            "high": high,
        },
        "chart": _chart(points, t),
        "drift": _drift(status.get("drift") or {}),
        "troubles": list(_troubles(status)),
        "recipe": status.get("recipe"),
        "queue": status["queue"]["waiting"],
    }


def _chart(points: list[Point], t: Texts) -> Markup:
    parts = sum(point.parts for point in points)
    if not parts:
        return Markup("")
    out = sum(point.out for point in points if point.parts)
    return Markup(
        p_chart(
            points,
            sum(point.rejected for point in points) / parts,
            title=t("shift.chart"),
            told=t("shift.chart_told", count=len(points), out=out),
        )
    )


def _drift(known: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Of all cameras: an alarm of any of them."""
    alarms = [told["alarm"] for told in known.values() if told.get("alarm")]
    state = "unwatched" if not known else "alarm" if alarms else "steady"
    return {"state": state, "told": alarms[0] if alarms else ""}


def _troubles(status: Mapping[str, Any]) -> Any:
    for table in ("cameras", "outputs"):
        for name, one in status.get(table, {}).items():
            if not one["ready"]:
                yield name, one["told"]
