"""Reviews of inspections."""

from fastapi import APIRouter

from okng.domain.records import Review
from okng.domain.verdict import Verdict
from okng.interfaces.http.answers import Listed, ReviewAnswer
from okng.interfaces.http.bodies import Id, NewReview
from okng.interfaces.http.callers import Reader, Reviewing, Served
from okng.interfaces.http.records import API

router = APIRouter(prefix=API, tags=["reviews"])


@router.get("/inspections/{inspection_id}/reviews", response_model=Listed[ReviewAnswer])
def list_reviews(service: Served, by: Reader, inspection_id: Id) -> object:
    """List what people said of an inspection, oldest first."""
    return {"items": service.reviews.of(inspection_id, by)}


@router.post("/inspections/{inspection_id}/reviews", status_code=201, response_model=ReviewAnswer)
def review(service: Served, by: Reviewing, inspection_id: Id, body: NewReview) -> Review:
    """Say what a part really was; a later review replaces an earlier one, both are kept."""
    verdict = Verdict(body.verdict)
    return service.reviews.review(inspection_id, verdict, body.defect, body.note, by)
