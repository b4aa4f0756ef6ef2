"""What a pool of workers counts, for whoever watches it."""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from okng.domain.inspection import Inspection

BOUNDS_MS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0)
"""Upper bounds of the histograms' buckets."""

STAGES = ("queue", "decode", "view", "graph", "decide")


@dataclass(frozen=True)
class Histogram:
    """How long something took. `counts` has one more entry than `BOUNDS_MS`: what took longer."""

    counts: tuple[int, ...]
    sum_ms: float

    @property
    def count(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True)
class PoolStatistics:
    """A pool at one moment. Counts are since it began.

    `models` maps a loaded model to the number of workers that have it; `verdicts` counts by
    product and verdict; `refused` had no room in the queue, `expired` waited too long.
    """

    workers: int
    busy: int
    queued: int
    queue_size: int
    refused: int
    expired: int
    verdicts: Mapping[tuple[str, str], int]
    stages: Mapping[str, Histogram]
    models: Mapping[str, int]


class Tally:
    """Counts answers; any thread may."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._verdicts: Counter[tuple[str, str]] = Counter()
        self._counts = {stage: [0] * (len(BOUNDS_MS) + 1) for stage in STAGES}
        self._sums = dict.fromkeys(STAGES, 0.0)
        self._mean_ms = 50.0
        self.refused = 0
        self.expired = 0

    @property
    def mean_ms(self) -> float:
        """How long a worker lately needs for one image; a guess at first."""
        return self._mean_ms

    def add(self, inspection: Inspection, queue_ms: float) -> None:
        """Count an answer."""
        timing = inspection.timing
        spent = {"queue": queue_ms}
        if timing is not None:
            spent |= {stage: getattr(timing, f"{stage}_ms") for stage in STAGES[1:]}
        with self._lock:
            self._verdicts[inspection.product, inspection.verdict.value] += 1
            for stage, milliseconds in spent.items():
                self._counts[stage][bisect_left(BOUNDS_MS, milliseconds)] += 1
                self._sums[stage] += milliseconds
            if timing is not None:
                self._mean_ms += (timing.total_ms - self._mean_ms) / 16

    def count_refused(self) -> None:
        with self._lock:
            self.refused += 1

    def count_expired(self) -> None:
        with self._lock:
            self.expired += 1

    def verdicts(self) -> dict[tuple[str, str], int]:
        with self._lock:
            return dict(self._verdicts)

    def stages(self) -> dict[str, Histogram]:
        with self._lock:
            return {
                stage: Histogram(tuple(self._counts[stage]), self._sums[stage]) for stage in STAGES
            }
