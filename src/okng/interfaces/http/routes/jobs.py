"""Training jobs."""

from typing import Annotated

from fastapi import APIRouter, Query

from okng.domain.records import Job, JobState
from okng.interfaces.http.answers import JobAnswer, LogAnswer, Paged
from okng.interfaces.http.bodies import NAME, Cursor, Id, Limit, NewJob, ProductName
from okng.interfaces.http.callers import Reader, Served, Teacher
from okng.interfaces.http.records import API

router = APIRouter(prefix=API, tags=["jobs"])


@router.post("/products/{product}/jobs", status_code=202, response_model=JobAnswer)
def start_training(service: Served, by: Teacher, product: ProductName, body: NewJob) -> Job:
    """Start a training; it goes on after a restart of the service."""
    return service.jobs.start(product, body.dataset_id, body.options(), by)


@router.get("/jobs", response_model=Paged[JobAnswer])
def list_jobs(
    service: Served,
    by: Reader,
    product: Annotated[str | None, Query(pattern=NAME)] = None,
    state: JobState | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> object:
    """List trainings, newest first."""
    return service.jobs.page(by, product, state, limit, cursor)


@router.get("/jobs/{job_id}", response_model=JobAnswer)
def get_job(service: Served, by: Reader, job_id: Id) -> Job:
    """Return how far a training is."""
    return service.jobs.get(job_id, by)


@router.get("/jobs/{job_id}/log", response_model=LogAnswer)
def get_log(
    service: Served,
    by: Reader,
    job_id: Id,
    after: Annotated[int, Query(ge=0, le=10**9, description="Number of a line")] = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> object:
    """Return the lines of a training's log after one of them."""
    return {"lines": service.jobs.log(job_id, by, after, limit)}


@router.post("/jobs/{job_id}/cancel", response_model=JobAnswer)
def cancel_training(service: Served, by: Teacher, job_id: Id) -> Job:
    """End a training that waits or runs."""
    return service.jobs.cancel(job_id, by)
