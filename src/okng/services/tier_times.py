"""What one image costs in each tier on this machine: measured once, in the background, and kept."""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from okng.domain.errors import OkngError
from okng.domain.people import Principal, Right
from okng.domain.ports import Progress
from okng.domain.records import JobState

_log = logging.getLogger(__name__)


class Cost(Protocol):
    """A tier's time for one image; `milliseconds` is None where a backbone is `missing`."""

    @property
    def tier(self) -> str: ...

    @property
    def milliseconds(self) -> float | None: ...

    @property
    def missing(self) -> str | None: ...


@dataclass(frozen=True)
class TierMeasurement:
    """How far the measuring is; `tiers` are those of the last one that was done."""

    state: JobState | None
    done: int = 0
    total: int = 0
    error: str | None = None
    tiers: Sequence[Cost] = ()


class _Closing(Exception):
    """The service ends: leave the measurement."""


class TierTimes:
    """Measures tiers when it is asked to, and remembers until the service ends."""

    def __init__(self, measure: Callable[[Progress], Sequence[Cost]]) -> None:
        self._measure = measure
        self._lock = threading.Lock()
        self._known = TierMeasurement(None)
        self._closing = threading.Event()
        self._worker = ThreadPoolExecutor(1, "okng-tiers")

    def start(self, by: Principal) -> TierMeasurement:
        """Begin to measure, or return the measurement that waits or runs already."""
        by.require(Right.TEACH)
        with self._lock:
            if self._known.state in (JobState.QUEUED, JobState.RUNNING):
                return self._known
            self._known = TierMeasurement(JobState.QUEUED, tiers=self._known.tiers)
            self._worker.submit(self._run)
            return self._known

    def get(self, by: Principal) -> TierMeasurement:
        """Return how far it is; its state is None before anybody has asked for one."""
        by.require(Right.READ)
        with self._lock:
            return self._known

    def close(self) -> None:
        """Leave what runs."""
        self._closing.set()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        def progress(stage: str, done: int, total: int) -> None:
            if self._closing.is_set():
                raise _Closing
            del stage  # there is but one
            self._say(JobState.RUNNING, done, total)

        try:
            tiers = self._measure(progress)
        except _Closing:
            return
        except (OkngError, OSError, MemoryError) as error:
            self._say(JobState.FAILED, error=str(error) or "not enough memory")
        except BaseException:
            self._say(JobState.FAILED, error="a fault in okng: see the service's log")
            _log.exception("measuring the tiers")
            raise
        else:
            with self._lock:
                self._known = TierMeasurement(JobState.DONE, len(tiers), len(tiers), None, tiers)

    def _say(
        self, state: JobState, done: int = 0, total: int = 0, error: str | None = None
    ) -> None:
        with self._lock:
            self._known = TierMeasurement(state, done, total, error, self._known.tiers)
