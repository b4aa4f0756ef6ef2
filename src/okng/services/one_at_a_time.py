"""Work that people start and follow: one piece at a time, in a thread of its own."""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from okng.domain.errors import OkngError
from okng.domain.ports import Progress
from okng.domain.records import JobState

MOST_ATTEMPTS = 3
"""So often work is begun that was running when the service ended: it may be what ended it."""

_log = logging.getLogger(__name__)
_Work = Callable[[Progress], None]


class Unfinished(Protocol):
    """Keeps notes of what was begun and is not done, by name, across restarts."""

    def put(self, name: str, content: Mapping[str, Any]) -> None: ...

    def remove(self, name: str) -> None: ...

    def all(self) -> Mapping[str, Mapping[str, Any]]: ...


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
    """Does pieces of work by name; what the service's end interrupted begins anew with the next."""

    def __init__(self, name: str, notes: Unfinished) -> None:
        self._name = name
        self._notes = notes
        self._lock = threading.Lock()
        self._going: dict[str, Going] = {}
        self._closing = threading.Event()
        self._worker = ThreadPoolExecutor(1, f"okng-{name}")

    def of(self, key: str) -> Going | None:
        """Return how far a piece is; None where none was begun since the service was."""
        with self._lock:
            return self._going.get(key)

    def start(self, key: str, facts: Mapping[str, str], work: _Work) -> Going:
        """Begin a piece of work, or return the one of that name that waits or runs already.

        `facts` are what it takes to make the same work after a restart.
        """
        return self._begin(key, facts, work, attempt=1)

    def resume(self, again: Callable[[Mapping[str, str]], _Work]) -> None:
        """Begin anew what was waiting or running when the service ended; `again` makes the work."""
        for key, note in self._notes.all().items():
            facts, attempt = note["facts"], note["attempts"] + 1
            if attempt <= MOST_ATTEMPTS:
                self._begin(key, facts, again(facts), attempt)
                continue
            self._notes.remove(key)
            said = f"okng ended {attempt - 1} times while this was being done: start it again"
            self._say(key, JobState.FAILED, error=said)

    def close(self) -> None:
        """Leave what runs and what waits."""
        self._closing.set()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _begin(self, key: str, facts: Mapping[str, str], work: _Work, attempt: int) -> Going:
        with self._lock:
            going = self._going.get(key)
            if going is not None and going.is_open:
                return going
            self._notes.put(key, {"facts": dict(facts), "attempts": attempt})
            queued = self._going[key] = Going(JobState.QUEUED)
        self._worker.submit(self._run, key, work)
        return queued

    def _run(self, key: str, work: _Work) -> None:
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
            self._end(key, JobState.FAILED, error=str(error) or "not enough memory")
        except BaseException:
            self._end(key, JobState.FAILED, error="a fault in okng: see the service's log")
            _log.exception("%s of %s", self._name, key)
            raise
        else:
            self._end(key, JobState.DONE)

    def _end(self, key: str, state: JobState, **facts: Any) -> None:
        self._notes.remove(key)
        self._say(key, state, **facts)

    def _say(self, key: str, state: JobState, **facts: Any) -> None:
        with self._lock:
            self._going[key] = Going(state, **facts)
