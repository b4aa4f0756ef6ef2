"""Training jobs."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from okng.domain.records import Job, JobState
from okng.interfaces.http.answers import CurvesAnswer, JobAnswer, LogAnswer, Paged
from okng.interfaces.http.bodies import NAME, Cursor, Id, Limit, NewJob, ProductName, TrainingAgain
from okng.interfaces.http.callers import Reader, Served, Teacher
from okng.interfaces.http.documentation import file_answer
from okng.interfaces.http.images import json_bytes
from okng.interfaces.http.inspection_answers import ToLearnAnswer
from okng.interfaces.http.records import API, inspection_record

router = APIRouter(prefix=API, tags=["jobs"])


@router.post("/products/{product}/jobs", status_code=202, response_model=JobAnswer)
def start_training(service: Served, by: Teacher, product: ProductName, body: NewJob) -> Job:
    """Start a training; it goes on after a restart of the service."""
    return service.jobs.start(product, body.dataset_id, body.options(), by)


@router.get(
    "/products/{product}/preview", response_class=Response, responses=file_answer("image/png")
)
def get_preview(service: Served, by: Reader, product: ProductName) -> Response:
    """Return examples of what the product's newest training learns: as they are, prepared, changed.

    There are some where images are prepared or changed, or classes learned.
    """
    sheet = service.jobs.preview(product, by)
    return Response(sheet, media_type="image/png", headers={"Cache-Control": "no-store"})


@router.get(
    "/products/{product}/train-again",
    response_class=Response,
    responses={200: {"model": ToLearnAnswer}},
)
def what_to_learn(service: Served, by: Reader, product: ProductName) -> Response:
    """Say what reviewers have told, and which images models can be compared on fairly."""
    service.products.get(product, by)
    found = service.train_again.overview(product, by)
    compared = [inspection_record(record) for record in found.compared]
    told = {"good": found.good, "defective": found.defective, "compared": compared}
    return Response(json_bytes(told), media_type="application/json")


@router.post("/products/{product}/train-again", status_code=202, response_model=JobAnswer)
def train_again(service: Served, by: Teacher, product: ProductName, body: TrainingAgain) -> Job:
    """Train on a dataset and all reviewed images, as the model was trained that inspects.

    One of five good reviewed images is held out, so that models can be compared on it.
    """
    return service.train_again.start(product, body.dataset_id, by)


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


@router.get("/jobs/{job_id}/curves", response_model=CurvesAnswer)
def get_curves(service: Served, by: Reader, job_id: Id) -> object:
    """Return how well a training learns: its figures by epoch, while the service runs.

    What a training came to stands in its model. Only what is learned step by step has curves.
    """
    stages = service.jobs.curves(job_id, by)
    return {"stages": [{"stage": stage, "curves": curves} for stage, curves in stages.items()]}


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
