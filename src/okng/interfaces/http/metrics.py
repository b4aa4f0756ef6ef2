"""What Prometheus is told."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from okng.services.pool_statistics import BOUNDS_MS, PoolStatistics
from okng.services.pool_statistics import Histogram as Counts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Observes requests; asks the pool for the rest when it is read."""

    def __init__(self, statistics: Callable[[], PoolStatistics]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "okng_request_seconds",
            "Time of a request.",
            ("method", "route", "status"),
            registry=self._registry,
            buckets=_SECONDS,
        )
        self._registry.register(_Pool(statistics))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).observe(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _Pool(Collector):
    """The inspection pool at the moment of reading."""

    def __init__(self, statistics: Callable[[], PoolStatistics]) -> None:
        self._statistics = statistics

    def describe(self) -> Iterable[Metric]:
        return ()  # else registering would read the pool

    def collect(self) -> Iterable[Metric]:
        now = self._statistics()
        yield _gauge("okng_workers", "Threads that inspect.", now.workers)
        yield _gauge("okng_workers_busy", "Those that inspect at this moment.", now.busy)
        yield _gauge("okng_queue_length", "Images that wait for a worker.", now.queued)
        yield _gauge("okng_queue_size", "Images that may wait.", now.queue_size)
        yield _counter("okng_inspections_refused", "Found no room in the queue.", now.refused)
        yield _counter("okng_inspections_expired", "Waited longer than allowed.", now.expired)
        verdicts = CounterMetricFamily(
            "okng_verdicts", "Verdicts given.", labels=("product", "verdict")
        )
        for (product, verdict), count in sorted(now.verdicts.items()):
            verdicts.add_metric([product, verdict], count)
        yield verdicts
        stages = HistogramMetricFamily(
            "okng_inspection_stage_seconds", "Time of an inspection by stage.", labels=("stage",)
        )
        for stage, counts in now.stages.items():
            stages.add_metric([stage], _buckets(counts), counts.sum_ms / 1000)
        yield stages
        models = GaugeMetricFamily(
            "okng_model_loaded", "Workers that have a model in memory.", labels=("model",)
        )
        for model, workers in sorted(now.models.items()):
            models.add_metric([model], workers)
        yield models


def _gauge(name: str, said: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, said, value=value)


def _counter(name: str, said: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, said, value=value)


def _buckets(counts: Counts) -> list[tuple[str, float]]:
    """Return cumulative counts by upper bound, as Prometheus wants them."""
    bounds = [*(str(bound / 1000) for bound in BOUNDS_MS), "+Inf"]
    total, buckets = 0, []
    for bound, count in zip(bounds, counts.counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
