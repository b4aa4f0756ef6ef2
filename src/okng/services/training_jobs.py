"""Training jobs: start, follow and cancel them; `training_runner` does the work."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from okng.domain.errors import BadRequest, NotFound
from okng.domain.learning import LearningCurve
from okng.domain.people import Principal, Right
from okng.domain.people_ports import AuditLog, Transactions
from okng.domain.record_ports import LogLine
from okng.domain.records import DatasetRecord, Job, JobState, Page
from okng.services.training_curves import TrainingCurves
from okng.services.training_options import JobOptions

MOST_ON_A_PAGE = 500
MOST_LINES = 5000


class JobStore(Protocol):
    """Queues and shows jobs."""

    def add(self, job: Job) -> Job: ...

    def cancel(self, job_id: str, at: datetime) -> Job: ...

    def get(self, job_id: str) -> Job: ...

    def page(
        self,
        product: str | None = None,
        state: JobState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Job]: ...


class LogReader(Protocol):
    """Gives what jobs have said."""

    def lines(self, job_id: str, after: int = 0, limit: int = 1000) -> tuple[LogLine, ...]: ...


class DatasetFinder(Protocol):
    """Finds datasets."""

    def get(self, dataset_id: str) -> DatasetRecord: ...


class TrainingJobs:
    """The trainings of the service; `wake` tells whoever runs them that something has changed.

    `keep_champion` lets the model that inspects now go on doing so: a new one waits until somebody
    promotes it.
    """

    def __init__(
        self,
        jobs: JobStore,
        logs: LogReader,
        datasets: DatasetFinder,
        transactions: Transactions,
        audit: AuditLog,
        new_id: Callable[[], str],
        clock: Callable[[], datetime],
        wake: Callable[[], None],
        keep_champion: Callable[[str, Principal], None],
        curves: TrainingCurves,
        previews: Callable[[str], bytes | None],
    ) -> None:
        self._jobs = jobs
        self._logs = logs
        self._datasets = datasets
        self._transactions = transactions
        self._audit = audit
        self._new_id = new_id
        self._clock = clock
        self._wake = wake
        self._keep_champion = keep_champion
        self._curves = curves
        self._previews = previews

    def start(
        self,
        product: str,
        dataset_id: str,
        options: Mapping[str, object],
        by: Principal,
    ) -> Job:
        """Queue a training on a dataset of the product.

        Raises:
            Forbidden: the right to teach is not there.
            NotFound: there is no such product or dataset.
            BadRequest: an option cannot be used, or the dataset is another product's.
        """
        by.require(Right.TEACH)
        chosen = JobOptions.read(options).plain()
        dataset = self._datasets.get(dataset_id)
        if dataset.deleted is not None:
            raise NotFound(f"the dataset {dataset.name} is deleted: restore it first")
        if dataset.product != product:
            raise BadRequest(
                f"the dataset {dataset.name!r} belongs to {dataset.product}, not to {product}"
            )
        job = Job(
            id=self._new_id(),
            product=product,
            dataset_id=dataset_id,
            options=chosen,
            state=JobState.QUEUED,
            actor=by.name,
            created=self._clock(),
        )
        self._keep_champion(product, by)
        with self._transactions():
            kept = self._jobs.add(job)
            told = {name: value for name, value in chosen.items() if name != "mask_png"}
            told["masked"] = chosen["mask_png"] is not None  # its pixels stay with the job
            details = {"product": product, "dataset": dataset_id, "options": told}
            self._audit.append(by.name, "training.start", kept.id, details)
        self._wake()
        return kept

    def cancel(self, job_id: str, by: Principal) -> Job:
        """End a training that waits or runs; nothing of it is kept but its log.

        Raises:
            Forbidden: the right to teach is not there.
            NotFound: there is no such job.
            Conflict: it has ended already.
        """
        by.require(Right.TEACH)
        with self._transactions():
            job = self._jobs.cancel(job_id, self._clock())
            self._audit.append(by.name, "training.cancel", job_id, {"product": job.product})
        self._wake()
        return job

    def get(self, job_id: str, by: Principal) -> Job:
        """Return one job.

        Raises:
            NotFound: there is none of that id.
        """
        by.require(Right.READ)
        return self._jobs.get(job_id)

    def page(
        self,
        by: Principal,
        product: str | None = None,
        state: JobState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Job]:
        """Return jobs, newest first."""
        by.require(Right.READ)
        return self._jobs.page(product, state, max(1, min(limit, MOST_ON_A_PAGE)), cursor)

    def curves(self, job_id: str, by: Principal) -> Mapping[str, tuple[LearningCurve, ...]]:
        """Return how well a job learns, by stage; empty for what is not learned step by step.

        Raises:
            NotFound: there is no such job.
        """
        by.require(Right.READ)
        self._jobs.get(job_id)
        return self._curves.of(job_id)

    def preview(self, product: str, by: Principal) -> bytes:
        """Return the examples that were drawn before the product's newest training: a PNG.

        Raises:
            NotFound: there are none, for its images were seen as they are.
        """
        by.require(Right.READ)
        if (sheet := self._previews(product)) is None:
            raise NotFound(f"no training of {product} has drawn examples of its images")
        return sheet

    def log(
        self, job_id: str, by: Principal, after: int = 0, limit: int = 1000
    ) -> tuple[LogLine, ...]:
        """Return the lines of a job's log after line `after`.

        Raises:
            NotFound: there is no such job.
        """
        by.require(Right.READ)
        self._jobs.get(job_id)
        return self._logs.lines(job_id, max(0, after), max(1, min(limit, MOST_LINES)))
