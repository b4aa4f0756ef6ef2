"""What can be trained."""

from collections.abc import Sequence

from fastapi import APIRouter

from okng.interfaces.http.answers import DetectorsAnswer
from okng.interfaces.http.callers import Reader, Served
from okng.interfaces.http.records import API

router = APIRouter(prefix=API, tags=["jobs"])


@router.get("/detectors", response_model=DetectorsAnswer)
def list_detectors(service: Served, by: Reader) -> dict[str, Sequence[object]]:  # noqa: ARG001
    """List the detectors that a training can take, with their settings.

    The first time takes some seconds. One that needs an extra that is not installed says so in
    `missing`.
    """
    return {"detectors": service.detectors.cards()}
