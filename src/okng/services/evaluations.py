"""Evaluations of the service's models: started by people, one at a time, kept with their report."""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from okng.algorithms.pictures import thumbnail_jpeg
from okng.domain.arrays import Pixels
from okng.domain.errors import NotFound, OkngError
from okng.domain.model import ModelEntry
from okng.domain.people import Principal, Right
from okng.domain.people_ports import AuditLog, Transactions
from okng.domain.ports import Progress
from okng.domain.records import DatasetRecord, JobState
from okng.services.checkups import LoadWithin

PICTURE_PX = 640

_log = logging.getLogger(__name__)
_Key = tuple[str, str]


@dataclass(frozen=True)
class Measured:
    """What an evaluation came to: a page for people, the same as plain values, its images' paths.

    `result["images"]` and `paths` have the same order.
    """

    html: str
    result: Mapping[str, Any]
    paths: tuple[str, ...]


class Models(Protocol):
    """Knows models."""

    def entry(self, reference: str) -> ModelEntry: ...


class Evaluated(Protocol):
    """Knows datasets, and says which folder nothing of them may lead out of."""

    def get(self, dataset_id: str, by: Principal) -> DatasetRecord: ...

    def place(self, record: DatasetRecord) -> tuple[Path, Path]: ...


class EvaluationStore(Protocol):
    """Keeps the newest evaluation of each model on each dataset."""

    def put(self, model: str, dataset_id: str, measured: Measured) -> None: ...

    def page(self, model: str, dataset_id: str) -> bytes | None: ...

    def result(self, model: str, dataset_id: str) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True)
class EvaluationRecord:
    """How far an evaluation is; `result` is that of the last one that was done.

    `state` is None before anybody has asked for one.
    """

    model: str
    dataset_id: str
    state: JobState | None
    done: int = 0
    total: int = 0
    error: str | None = None
    result: Mapping[str, Any] | None = None


class _Closing(Exception):
    """The service ends: leave the evaluation."""


class Evaluations:
    """Measures models on the test images of datasets; what runs when the service ends is lost.

    `measure` does it, given the model's name, the dataset's place and the folder that nothing of
    it may lead out of.
    """

    def __init__(
        self,
        models: Models,
        datasets: Evaluated,
        store: EvaluationStore,
        measure: Callable[[str, Path, Path, Progress], Measured],
        load: LoadWithin,
        transactions: Transactions,
        audit: AuditLog,
    ) -> None:
        self._models = models
        self._datasets = datasets
        self._store = store
        self._measure = measure
        self._load = load
        self._transactions = transactions
        self._audit = audit
        self._lock = threading.Lock()
        self._going: dict[_Key, EvaluationRecord] = {}
        self._closing = threading.Event()
        self._worker = ThreadPoolExecutor(1, "okng-evaluation")

    def start(self, model: str, dataset_id: str, by: Principal) -> EvaluationRecord:
        """Begin an evaluation, or return the one that waits or runs already.

        Raises:
            NotFound: there is no such model or dataset, or the dataset is deleted.
        """
        by.require(Right.TEACH)
        name = self._models.entry(model).name
        place, within = self._datasets.place(self._datasets.get(dataset_id, by))
        key = name, dataset_id
        with self._lock:
            going = self._going.get(key)
            if going is not None and going.state in (JobState.QUEUED, JobState.RUNNING):
                return going
            queued = EvaluationRecord(name, dataset_id, JobState.QUEUED)
            self._going[key] = queued
        with self._transactions():
            self._audit.append(by.name, "model.evaluate", name, {"dataset": dataset_id})
        self._worker.submit(self._run, key, place, within)
        return queued

    def get(self, model: str, dataset_id: str, by: Principal) -> EvaluationRecord:
        """Return how far an evaluation is, with the newest result.

        Raises:
            NotFound: there is no such model or dataset.
        """
        by.require(Right.READ)
        self._models.entry(model)
        self._datasets.get(dataset_id, by)
        with self._lock:
            going = self._going.get((model, dataset_id))
        kept = self._store.result(model, dataset_id)
        state = None if kept is None else JobState.DONE
        found = going or EvaluationRecord(model, dataset_id, state)
        return replace(found, result=None if kept is None else kept["result"])

    def page(self, model: str, dataset_id: str, by: Principal) -> bytes:
        """Return the newest report, HTML that needs nothing else.

        Raises:
            NotFound: there is none.
        """
        by.require(Right.READ)
        self._datasets.get(dataset_id, by)
        page = self._store.page(model, dataset_id)
        if page is None:
            raise NotFound(f"{model} has no report on this dataset: start an evaluation")
        return page

    def picture(self, model: str, dataset_id: str, number: int, by: Principal) -> bytes:
        """Return an image of the newest evaluation, by its number, as a small JPEG.

        Raises:
            NotFound: there is no such evaluation or number, or the dataset is deleted.
            BadImage: it cannot be read any more.
        """
        return thumbnail_jpeg(self.image(model, dataset_id, number, by), PICTURE_PX)

    def image(self, model: str, dataset_id: str, number: int, by: Principal) -> Pixels:
        """Return the same at its own size, uint8 `[H, W, 3]`, RGB."""
        by.require(Right.READ)
        within = self._datasets.place(self._datasets.get(dataset_id, by))[1]
        kept = self._store.result(model, dataset_id)
        paths = [] if kept is None else kept["paths"]
        if not 0 <= number < len(paths):
            raise NotFound(f"the evaluation of {model} shows no image {number}")
        return self._load(Path(paths[number]), within)

    def close(self) -> None:
        """Leave what runs and what waits."""
        self._closing.set()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _run(self, key: _Key, place: Path, within: Path) -> None:
        def progress(stage: str, done: int, total: int) -> None:
            del stage  # there is but one
            if self._closing.is_set():
                raise _Closing
            self._say(key, JobState.RUNNING, done=done, total=total)

        self._say(key, JobState.RUNNING)
        try:
            self._store.put(*key, self._measure(key[0], place, within, progress))
        except _Closing:
            return
        except (OkngError, OSError, MemoryError) as error:
            self._say(key, JobState.FAILED, error=str(error) or "not enough memory")
        except BaseException:
            self._say(key, JobState.FAILED, error="a fault in okng: see the service's log")
            _log.exception("evaluation of %s on %s", *key)
            raise
        else:
            self._say(key, JobState.DONE)

    def _say(self, key: _Key, state: JobState, **facts: Any) -> None:
        with self._lock:
            self._going[key] = EvaluationRecord(*key, state, **facts)
