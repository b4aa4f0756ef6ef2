"""Run queued trainings, one at a time, and write down how they go."""

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Protocol

from okng.domain.compute_ports import TrainingCompute, TrainingTask
from okng.domain.errors import NotFound, OkngError, TrainingFailed, Unavailable
from okng.domain.people_ports import AuditLog, Transactions
from okng.domain.records import DatasetRecord, Job, JobState
from okng.services.training_curves import TrainingCurves

MOST_ATTEMPTS = 3
MOST_LOG_LINES = 5000

_POLL_SECONDS = 2.0
_WRITE_SECONDS = 0.5
_RETRY_SECONDS = 2.0
_LONGEST_LINE = 1000
_LONGEST_ERROR = 2000

_log = logging.getLogger(__name__)


class JobQueue(Protocol):
    """Hands out jobs, and takes down how they go."""

    def claim(self, worker: str, at: datetime) -> Job | None: ...

    def progress(self, job_id: str, stage: str, done: int, total: int) -> bool: ...

    def finish(
        self,
        job_id: str,
        state: JobState,
        at: datetime,
        model: str | None = None,
        error: str | None = None,
    ) -> Job: ...

    def requeue(self, alive: Collection[str] = ()) -> tuple[Job, ...]: ...


class LogWriter(Protocol):
    """Keeps what jobs say."""

    def append(self, job_id: str, lines: Sequence[str]) -> int: ...


class DatasetPlaces(Protocol):
    """Knows where datasets lie."""

    def get(self, dataset_id: str) -> DatasetRecord: ...


class TrainingRunner:
    """A thread that trains what is queued.

    `place` says where a dataset lies, and the folder that nothing in it may lead out of; `trained`
    is told the product that has a new model.
    """

    def __init__(
        self,
        jobs: JobQueue,
        logs: LogWriter,
        datasets: DatasetPlaces,
        compute: TrainingCompute,
        transactions: Transactions,
        audit: AuditLog,
        clock: Callable[[], datetime],
        trained: Callable[[str], None],
        place: Callable[[DatasetRecord], tuple[Path, Path]],
        curves: TrainingCurves,
        worker: str = "service",
    ) -> None:
        self._jobs = jobs
        self._logs = logs
        self._datasets = datasets
        self._compute = compute
        self._transactions = transactions
        self._audit = audit
        self._clock = clock
        self._trained = trained
        self._place = place
        self._curves = curves
        self._worker = worker
        self._woken = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="training", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Trainings are being run."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Queue again what was running when the service ended, and begin."""
        for job in self._jobs.requeue():
            self._logs.append(
                job.id, ["the service ended during this training; it is queued again"]
            )
        self._thread.start()

    def wake(self) -> None:
        """Look at the queue at once; a training that was cancelled ends."""
        self._woken.set()

    def close(self, seconds: float = 15.0) -> None:
        """End; a training that runs is stopped, and begins anew at the next start."""
        self._closing.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._woken.clear()
            try:
                job = self._jobs.claim(self._worker, self._clock())
            except OkngError as error:  # the database is away for a moment
                _log.warning("no training can be fetched: %s", error)
                job = None
            if job is None:
                self._woken.wait(_POLL_SECONDS)
            else:
                self._train(job)

    def _train(self, job: Job) -> None:
        """Train one job and write down its end, unless the service is closing."""
        listener = _Listener(
            job.id, self._jobs, self._logs, self._curves, self._woken, self._closing
        )
        model, error = None, None
        try:
            if job.attempts > MOST_ATTEMPTS:
                raise TrainingFailed(
                    f"the service ended {MOST_ATTEMPTS} times during this training: it may need "
                    "more memory than there is; take fewer images or a smaller size"
                )
            folder, within = self._place(self._datasets.get(job.dataset_id))
            if not folder.exists():
                raise NotFound(f"the dataset's folder {folder} is not there any more")
            model = self._compute.train(TrainingTask(job, folder, within), listener)
        except (OkngError, OSError, ValueError) as failure:
            if not isinstance(failure, OkngError):
                _log.exception("training %s failed", job.id)
            error = str(failure)[:_LONGEST_ERROR] or type(failure).__name__
            listener.log(f"failed: {error}")
        listener.write()
        if model is None and error is None and self._closing.is_set():
            return  # it is queued again at the next start
        self._finish(job, model, error)

    def _finish(self, job: Job, model: str | None, error: str | None) -> None:
        """Write down the end of a job; while the database is away, try again."""
        state = JobState.DONE if error is None else JobState.FAILED
        while True:
            try:
                with self._transactions():
                    ended = self._jobs.finish(job.id, state, self._clock(), model, error)
                    details = {"state": ended.state.value, "model": model, "error": error}
                    self._audit.append(job.actor, "training.finish", job.id, details)
                break
            except Unavailable as away:
                _log.warning("the end of training %s cannot be written: %s", job.id, away)
                if self._closing.wait(_RETRY_SECONDS):
                    return
            except NotFound:
                _log.warning("training %s has been removed", job.id)
                return
        if model is not None:
            self._trained(job.product)


class _Listener:
    """Writes down what a training says, a few times a second."""

    def __init__(
        self,
        job_id: str,
        jobs: JobQueue,
        logs: LogWriter,
        curves: TrainingCurves,
        woken: threading.Event,
        closing: threading.Event,
    ) -> None:
        self._job_id = job_id
        self._jobs = jobs
        self._logs = logs
        self._curves = curves
        self._woken = woken
        self._closing = closing
        self._wanted = True
        self._at: tuple[str, int, int] = ("", 0, 0)
        self._lines: list[str] = []
        self._said = 0
        self._written = 0.0

    def progress(self, stage: str, done: int, total: int) -> None:
        self._at = stage, done, total

    def learned(self, stage: str, epoch: int, figures: Mapping[str, float]) -> None:
        self._curves.add(self._job_id, stage, epoch, figures)

    def log(self, line: str) -> None:
        self._said += 1
        if self._said <= MOST_LOG_LINES:
            self._lines.append(line[:_LONGEST_LINE])
        elif self._said == MOST_LOG_LINES + 1:
            self._lines.append(f"... more than {MOST_LOG_LINES} lines; the rest is not kept")

    def is_wanted(self) -> bool:
        if self._closing.is_set():
            return False
        if self._woken.is_set() or monotonic() - self._written >= _WRITE_SECONDS:
            self._woken.clear()
            self.write()
        return self._wanted

    def write(self) -> None:
        """Write down what is new; what cannot be written now waits for the next time."""
        self._written = monotonic()
        try:
            self._wanted = self._jobs.progress(self._job_id, *self._at)
            if self._lines:
                self._logs.append(self._job_id, self._lines)
                self._lines = []
        except NotFound:
            self._wanted = False
        except Unavailable as away:
            _log.warning("the progress of training %s cannot be written: %s", self._job_id, away)
