"""What Prometheus is told of a station."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from blemish.serving.metrics import SECONDS

if TYPE_CHECKING:
    from blemish.station.inspection import Inspection
    from blemish.station.station import Station


def add_figures(station: Station, registry: CollectorRegistry) -> None:
    """Add them to a registry."""
    seconds = Histogram(
        "blemish_station_inspection_seconds",
        "From the last image of a part to its verdict; counts parts, too.",
        ["recipe", "verdict"],
        buckets=SECONDS,
        registry=registry,
    )

    def count(inspection: Inspection) -> None:
        seconds.labels(inspection.recipe, str(inspection.outcome)).observe(inspection.seconds)

    station.watchers.append(count)
    registry.register(_Figures(station))


class _Figures(Collector):
    """What Prometheus is told of a station, looked at when it asks."""

    def __init__(self, station: Station) -> None:
        self._station = station

    def collect(self) -> Iterator[Metric]:
        status = self._station.status()
        queue, record = status["queue"], status["record"]
        for name, told, value in (
            ("alive", "Whether parts can be judged and recorded.", status["alive"]),
            ("queue", "Images that wait or are being judged.", queue["waiting"]),
            ("queue_most", "Of these, at most.", queue["most"]),
            ("refused", "Images that found no room since the start.", queue["refused"]),
            ("record_rows", "Rows of the record.", record["rows"]),
            ("record_lost", "Inspections that could not be recorded.", record["lost"]),
        ):
            yield GaugeMetricFamily(f"blemish_station_{name}", told, value=float(value))
        yield _family("parts", "Parts of the shift.", "verdict", status["shift"]["verdicts"])
        evidence = {
            camera: told["evidence"]["parts_a_chance"] for camera, told in status["drift"].items()
        }
        yield _family("drift", "Good parts among which chance shows as much.", "camera", evidence)
        for kind in ("cameras", "outputs"):
            yield from _of_parts(kind, status[kind])
        backlog = {name: one["waiting"] for name, one in status["outputs"].items()}
        yield _family("outputs_waiting", "What an output was not given yet.", "name", backlog)

    def describe(self) -> list[Metric]:
        return []


def _of_parts(kind: str, parts: dict[str, dict[str, Any]]) -> Iterator[Metric]:
    """Whether cameras or outputs are ready, and what they count."""
    ready = {name: one["ready"] for name, one in parts.items()}
    yield _family(f"{kind}_ready", f"Whether {kind} work.", "name", ready)
    counts = GaugeMetricFamily(
        f"blemish_station_{kind}_count", "What they count.", labels=["name", "what"]
    )
    for name, one in parts.items():
        for what, count in one["counts"].items():
            counts.add_metric([name, what], float(count))
    yield counts


def _family(name: str, told: str, label: str, values: dict[str, Any]) -> Metric:
    family = GaugeMetricFamily(f"blemish_station_{name}", told, labels=[label])
    for value, number in values.items():
        family.add_metric([value], float(number))
    return family
