"""Work that people start and follow: one piece at a time, in a thread of its own."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from okng.domain.errors import OkngError
from okng.domain.ports import Progress
from okng.domain.records import JobState

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Going:
    """How far a piece of work is; `error` says why it failed."""

    state: JobState
    stage: str = ""
    done: int = 0
    total: int = 0
    error: str | None = None

    @property
    def is_open(self) -> bool:
        """It waits or runs."""
        return self.state in (JobState.QUEUED, JobState.RUNNING)


class _Closing(Exception):
    """The service ends: leave the work."""


class OneAtATime:
    """Does pieces of work by name; what runs when the service ends is left."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._going: dict[str, Going] = {}
        self._closing = threading.Event()
        self._worker = ThreadPoolExecutor(1, f"okng-{name}")

    def of(self, key: str) -> Going | None:
        """Return how far a piece is; None where none was begun since the service was."""
        with self._lock:
            return self._going.get(key)

    def start(self, key: str, work: Callable[[Progress], None]) -> Going:
        """Begin a piece of work, or return the one of that name that waits or runs already."""
        with self._lock:
            going = self._going.get(key)
            if going is not None and going.is_open:
                return going
            queued = self._going[key] = Going(JobState.QUEUED)
        self._worker.submit(self._run, key, work)
        return queued

    def close(self) -> None:
        """Leave what runs and what waits."""
        self._closing.set()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _run(self, key: str, work: Callable[[Progress], None]) -> None:
        def progress(stage: str, done: int, total: int) -> None:
            if self._closing.is_set():
                raise _Closing
            self._say(key, JobState.RUNNING, stage=stage, done=done, total=total)

        self._say(key, JobState.RUNNING)
        try:
            work(progress)
        except _Closing:
            return
        except (OkngError, OSError, MemoryError) as error:
            self._say(key, JobState.FAILED, error=str(error) or "not enough memory")
        except BaseException:
            self._say(key, JobState.FAILED, error="a fault in okng: see the service's log")
            _log.exception("%s of %s", self._name, key)
            raise
        else:
            self._say(key, JobState.DONE)

    def _say(self, key: str, state: JobState, **facts: Any) -> None:
        with self._lock:
            self._going[key] = Going(state, **facts)
