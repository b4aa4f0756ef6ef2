"""Reviews of inspections, and the queue of what is to be reviewed."""

from fastapi import APIRouter, Response

from okng.domain.verdict import Verdict
from okng.interfaces.http.answers import Listed
from okng.interfaces.http.bodies import Id, NewReview, ProductName, ReviewWish
from okng.interfaces.http.callers import Reader, Reviewing, Served
from okng.interfaces.http.documentation import file_answer
from okng.interfaces.http.images import json_bytes, picture_response
from okng.interfaces.http.inspection_answers import HandedAnswer, ReviewAnswer
from okng.interfaces.http.records import API, inspection_record, review_record

router = APIRouter(prefix=API, tags=["reviews"])


@router.get("/inspections/{inspection_id}/reviews", response_model=Listed[ReviewAnswer])
def list_reviews(service: Served, by: Reader, inspection_id: Id) -> object:
    """List what people said of an inspection, oldest first."""
    return {"items": [review_record(one) for one in service.reviews.of(inspection_id, by)]}


@router.post("/inspections/{inspection_id}/reviews", status_code=201, response_model=ReviewAnswer)
def review(service: Served, by: Reviewing, inspection_id: Id, body: NewReview) -> object:
    """Say what a part really was; a later review replaces an earlier one, both are kept."""
    verdict = Verdict(body.verdict)
    kept = service.reviews.review(inspection_id, verdict, body.defect, body.note, by, body.mask_png)
    return review_record(kept)


@router.post(
    "/inspections/{inspection_id}/reviews/{review_id}/withdraw", response_model=ReviewAnswer
)
def withdraw_review(service: Served, by: Reviewing, inspection_id: Id, review_id: Id) -> object:
    """Take back a review of one's own; it is kept, but no longer counts."""
    return review_record(service.reviews.withdraw(inspection_id, review_id, by))


@router.get(
    "/inspections/{inspection_id}/reviews/{review_id}/mask",
    response_class=Response,
    responses=file_answer("image/png"),
)
def get_mask(service: Served, by: Reader, inspection_id: Id, review_id: Id) -> Response:
    """Return where a review marks the defect, white on black."""
    return picture_response(service.reviews.mask(inspection_id, review_id, by), review_id)


@router.post(
    "/products/{product}/review-queue",
    response_class=Response,
    responses={200: {"model": HandedAnswer}},
)
def take_to_review(
    service: Served, by: Reviewing, product: ProductName, body: ReviewWish
) -> Response:
    """Get inspections to review that nobody else gets, and hold those longer that one has.

    They are unreviewed ones with the verdict REVIEW or NG, and two of a hundred that are OK. What
    is not asked for again within five minutes goes to others.
    """
    service.products.get(product, by)
    handed = service.review_queue.take(product, body.have, body.count, by)
    items = [inspection_record(record) for record in handed.items]
    content = json_bytes({"items": items, "held": handed.held, "left": handed.left})
    return Response(content, media_type="application/json")
