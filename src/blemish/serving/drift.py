"""Whether the images that come still look like those that a model learned from: a monitor each.

Images that several clients send come in no order of a line; the promise of a monitor holds for any
order, as long as they are parts of the same kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from blemish.errors import BlemishError, OtherModelError
from blemish.monitor.monitor import Monitor
from blemish.serving.models import Judged

SAVED_EVERY = 100  # parts; at the end, too


class Drift(Collector):
    """Monitors of models by name, each with a file of its state; for any number of threads.

    Args:
        folder: of the states, `NAME.json`; one of another model begins anew.

    Raises:
        BlemishError: the folder is not there.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise BlemishError(f"'{folder}' is no folder; make it, for the states of monitors.")
        self._folder, self._monitors = folder, dict[str, Monitor]()
        self._lock = Lock()

    def update(self, judged: Judged) -> None:
        """Take an image that was judged with its look. Raises `MonitorError` of a damaged state."""
        name, sha256 = judged.served.name, judged.served.model.sha256
        with self._lock:
            monitor = self._monitors.get(name)
            if monitor is None or monitor.model_sha256 != sha256:
                monitor = self._monitors[name] = self._begun(judged)
            monitor.update(judged.prediction)
            if monitor.parts % SAVED_EVERY == 0:
                monitor.save(self._path(name))

    def save(self) -> None:
        """Keep the states of all."""
        with self._lock:
            for name, monitor in self._monitors.items():
                monitor.save(self._path(name))

    def collect(self) -> Iterator[Metric]:
        """What Prometheus is told."""
        evidence = GaugeMetricFamily(
            "blemish_drift_parts_a_chance",
            "Good parts among which chance shows as much once at most.",
            labels=["model", "stream"],
        )
        parts = GaugeMetricFamily("blemish_drift_parts", "Parts watched.", labels=["model"])
        alarm = GaugeMetricFamily("blemish_drift_alarm", "Whether it drifts.", labels=["model"])
        with self._lock:
            for name, monitor in self._monitors.items():
                parts.add_metric([name], monitor.parts)
                alarm.add_metric([name], monitor.alarm is not None)
                for stream, rate in monitor.evidence.items():
                    evidence.add_metric([name, stream], rate)
        yield from (evidence, parts, alarm)

    def describe(self) -> list[Metric]:
        """Nothing beforehand: streams are known once there are images."""
        return []

    def _begun(self, judged: Judged) -> Monitor:
        path, model = self._path(judged.served.name), judged.served.model
        if path.exists():
            with suppress(OtherModelError):
                return Monitor.load(path, model_sha256=model.sha256)
        return Monitor(model)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"
