"""Check-ups of datasets: what would spoil a training, with the images that it is about."""

from fastapi import APIRouter
from starlette.responses import Response

from okng.interfaces.http.answers import CheckupAnswer
from okng.interfaces.http.bodies import Id
from okng.interfaces.http.callers import Reader, Served, Teacher
from okng.interfaces.http.documentation import file_answer
from okng.interfaces.http.records import API
from okng.services.checkups import CheckupRecord

router = APIRouter(prefix=API, tags=["datasets"])


@router.post("/datasets/{dataset_id}/doctor", status_code=202, response_model=CheckupAnswer)
def start_checkup(service: Served, by: Teacher, dataset_id: Id) -> CheckupRecord:
    """Begin a check-up of the images; ask for it again until its state is `done`."""
    return service.checkups.start(dataset_id, by)


@router.get("/datasets/{dataset_id}/doctor", response_model=CheckupAnswer)
def get_checkup(service: Served, by: Reader, dataset_id: Id) -> CheckupRecord:
    """Return how far the check-up is, with the newest diagnosis."""
    return service.checkups.get(dataset_id, by)


@router.get(
    "/datasets/{dataset_id}/doctor/images/{number}",
    response_class=Response,
    responses=file_answer("image/jpeg"),
)
def get_checkup_image(service: Served, by: Reader, dataset_id: Id, number: int) -> Response:
    """Return an image of the newest diagnosis by its number, as a small JPEG."""
    picture = service.checkups.picture(dataset_id, number, by)
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private"})
