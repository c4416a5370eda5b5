"""What Prometheus is told, from a registry of this application alone."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from blemish.serving.models import Judged, Models
from blemish.serving.waiting import Waiting

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """Counts and times.

    Args:
        models: whose hashes are told.
        waiting: whose places are.

    Attributes:
        registry: where others add what is theirs.
    """

    def __init__(self, models: Models, waiting: Waiting) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._seconds = Histogram(
            "blemish_request_seconds",
            "From the first byte of an image to its verdict.",
            ["model"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._graph_seconds = Histogram(
            "blemish_graph_seconds",
            "Of these, inside the model.",
            ["model"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._verdicts = Counter(
            "blemish_verdicts", "Images judged.", ["model", "verdict"], registry=self.registry
        )
        self._refusals = Counter(
            "blemish_refusals", "Requests refused.", ["status"], registry=self.registry
        )
        self.registry.register(_State(models, waiting))

    def judged(self, judged: Judged, seconds: float) -> None:
        """Count an image that was judged."""
        name = judged.served.name
        self._seconds.labels(name).observe(seconds)
        self._graph_seconds.labels(name).observe(judged.prediction.seconds)
        self._verdicts.labels(name, str(judged.prediction.verdict)).inc()

    def refused(self, status: int) -> None:
        """Count a request that was answered with an error."""
        self._refusals.labels(str(status)).inc()

    def to_text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)


class _State(Collector):
    """What is looked at when somebody asks."""

    def __init__(self, models: Models, waiting: Waiting) -> None:
        self._models, self._waiting = models, waiting

    def collect(self) -> Iterator[Metric]:
        waiting = self._waiting
        yield GaugeMetricFamily("blemish_places", "Requests that may wait.", value=waiting.places)
        yield GaugeMetricFamily(
            "blemish_places_taken", "Requests that wait or are judged.", value=waiting.taken
        )
        yield GaugeMetricFamily(
            "blemish_judging", "Images that are being judged.", value=self._models.running
        )
        yield GaugeMetricFamily(
            "blemish_draining", "Whether the service is about to end.", value=waiting.draining
        )
        info = InfoMetricFamily("blemish_model", "Which file judges.", labels=["model"])
        for name in self._models.names:
            sha256 = self._models.get(name).model.sha256
            info.add_metric([name], {"sha256": sha256})
        yield info

    def describe(self) -> list[Metric]:
        """Nothing beforehand."""
        return []
