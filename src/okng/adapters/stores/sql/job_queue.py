"""The queue of trainings in the database."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.job_rows import find_job, job_of, job_row
from okng.adapters.stores.sql.schema import DatasetRow, JobRow, ProductRow
from okng.domain.errors import Conflict, NotFound
from okng.domain.records import Job, JobState

_QUEUED, _RUNNING = JobState.QUEUED.value, JobState.RUNNING.value


class SqlJobQueue:
    """Keeps trainings in order; each is claimed by one worker at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job: Job) -> Job:
        """Queue a new job.

        Raises:
            NotFound: there is no such product or dataset.
            Conflict: its id is taken.
        """
        row = job_row(job)
        try:
            with self._database.session() as session:
                if session.get(ProductRow, job.product) is None:
                    raise NotFound(f"there is no product {job.product}")
                if session.get(DatasetRow, job.dataset_id) is None:
                    raise NotFound(f"there is no dataset {job.dataset_id}")
                session.add(row)
                session.flush()
        except IntegrityError as error:
            raise Conflict(f"there is a job {job.id} already") from error
        return job

    def claim(self, worker: str, at: datetime) -> Job | None:
        """Take the oldest queued job: it runs from now on, `attempts` grows; None if none waits."""
        oldest = (
            select(JobRow)
            .where(JobRow.state == _QUEUED)
            .order_by(JobRow.created, JobRow.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self._database.session() as session:
            row = session.scalars(oldest).one_or_none()
            if row is None:
                return None
            row.state, row.worker, row.started = _RUNNING, worker, at
            row.attempts += 1
            row.stage, row.done, row.total = "", 0, 0
            session.flush()
            return job_of(row)

    def progress(self, job_id: str, stage: str, done: int, total: int) -> bool:
        """Say how far a running job is; False where it no longer runs (cancelled): then stop."""
        running = update(JobRow).where(JobRow.id == job_id, JobRow.state == _RUNNING)
        values = running.values(stage=stage, done=done, total=total).returning(JobRow.id)
        with self._database.session() as session:
            return session.scalar(values) is not None

    def finish(
        self,
        job_id: str,
        state: JobState,
        at: datetime,
        model: str | None = None,
        error: str | None = None,
    ) -> Job:
        """End a running job as done or failed; one that no longer runs stays as it is.

        Raises:
            NotFound: there is none of that id.
        """
        with self._database.session() as session:
            row = find_job(session, job_id, change=True)
            if row.state == _RUNNING:
                row.state, row.finished = state.value, at
                row.model, row.error, row.worker = model, error, None
                session.flush()
            return job_of(row)

    def cancel(self, job_id: str, at: datetime) -> Job:
        """End a queued or running job; its worker learns it by `progress`.

        Raises:
            NotFound: there is none of that id.
            Conflict: it has ended already.
        """
        with self._database.session() as session:
            row = find_job(session, job_id, change=True)
            if row.state not in (_QUEUED, _RUNNING):
                raise Conflict(f"job {job_id} is {row.state} already")
            row.state, row.finished, row.worker = JobState.CANCELLED.value, at, None
            session.flush()
            return job_of(row)

    def requeue(self, alive: Collection[str] = ()) -> tuple[Job, ...]:
        """Queue again what runs on workers that are not alive, and return it; call it at start."""
        dead = (
            select(JobRow)
            .where(JobRow.state == _RUNNING, JobRow.worker.not_in(sorted(alive)))
            .order_by(JobRow.created, JobRow.id)
            .with_for_update()
        )
        with self._database.session() as session:
            rows = session.scalars(dead).all()
            for row in rows:
                row.state, row.worker, row.started = _QUEUED, None, None
            session.flush()
            return tuple(job_of(row) for row in rows)
