"""Jobs as rows of a table, and back."""

import json

from sqlalchemy.orm import Session

from okng.adapters.stores.sql.schema import JobRow
from okng.domain.errors import BadRequest, NotFound
from okng.domain.records import Job, JobState


def job_row(job: Job) -> JobRow:
    """Return a new job's row.

    Raises:
        BadRequest: its options are not plain JSON.
    """
    try:
        options = json.dumps(dict(job.options), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadRequest(f"a training's options must be plain values: {error}") from error
    values = {**job.__dict__, "options": options, "state": job.state.value}
    return JobRow(**values, worker=None, log_lines=0)


def job_of(row: JobRow) -> Job:
    """Return the job of a row."""
    return Job(
        id=row.id,
        product=row.product,
        dataset_id=row.dataset_id,
        options=json.loads(row.options),
        state=JobState(row.state),
        actor=row.actor,
        created=row.created,
        started=row.started,
        finished=row.finished,
        stage=row.stage,
        done=row.done,
        total=row.total,
        attempts=row.attempts,
        model=row.model,
        error=row.error,
    )


def find_job(session: Session, job_id: str, change: bool = False) -> JobRow:
    """Return a job's row; `change`: nobody else changes it meanwhile.

    Raises:
        NotFound: there is none of that id.
    """
    row = session.get(JobRow, job_id, with_for_update=change or None, populate_existing=change)
    if row is None:
        raise NotFound(f"there is no job {job_id}")
    return row
