"""Evaluations: what a model is worth on the test images of a dataset, with the whole report."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from okng.algorithms.pictures import png
from okng.domain.view import Box
from okng.interfaces.http.answers import EvaluationAnswer
from okng.interfaces.http.bodies import Id, NewEvaluation, ProductName, Version
from okng.interfaces.http.callers import Inspecting, Reader, Served, Teacher
from okng.interfaces.http.documentation import file_answer
from okng.interfaces.http.images import json_bytes, map_record
from okng.interfaces.http.inspection_answers import MapAnswer
from okng.interfaces.http.records import API
from okng.services.evaluations import EvaluationRecord

router = APIRouter(prefix=API, tags=["models"])

Number = Annotated[int, Path(ge=0, le=10**7, description="Of an image in the evaluation")]
_PLACE = "/products/{product}/models/{version}/evaluations"
_REPORT = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}
"""A report may be shown within okng's own pages; nothing in it can run."""


@router.post(_PLACE, status_code=202, response_model=EvaluationAnswer)
def start_evaluation(
    service: Served, by: Teacher, product: ProductName, version: Version, body: NewEvaluation
) -> EvaluationRecord:
    """Begin to measure a model on a dataset's test images; ask again until it is `done`."""
    return service.evaluations.start(f"{product}-{version}", body.dataset_id, by)


@router.get(_PLACE + "/{dataset_id}", response_model=EvaluationAnswer)
def get_evaluation(
    service: Served, by: Reader, product: ProductName, version: Version, dataset_id: Id
) -> EvaluationRecord:
    """Return how far an evaluation is, with the newest result."""
    return service.evaluations.get(f"{product}-{version}", dataset_id, by)


@router.get(
    _PLACE + "/{dataset_id}/report",
    response_class=Response,
    responses=file_answer("text/html"),
)
def get_report(
    service: Served, by: Reader, product: ProductName, version: Version, dataset_id: Id
) -> Response:
    """Return the newest report: one HTML file that needs nothing else."""
    report = service.evaluations.page(f"{product}-{version}", dataset_id, by)
    return Response(report, media_type="text/html; charset=utf-8", headers=_REPORT)


@router.get(
    _PLACE + "/{dataset_id}/images/{number}",
    response_class=Response,
    responses=file_answer("image/*"),
)
def get_evaluated_image(
    service: Served,
    by: Reader,
    product: ProductName,
    version: Version,
    dataset_id: Id,
    number: Number,
    size: Annotated[
        Literal["small", "whole"], Query(description="`small`: a JPEG; `whole`: all pixels, PNG")
    ] = "small",
) -> Response:
    """Return an image of an evaluation."""
    place = (f"{product}-{version}", dataset_id, number, by)
    headers = {"Cache-Control": "private"}
    if size == "whole":
        whole = png(service.evaluations.image(*place))
        return Response(whole, media_type="image/png", headers=headers)
    small = service.evaluations.picture(*place)
    return Response(small, media_type="image/jpeg", headers=headers)


@router.get(
    _PLACE + "/{dataset_id}/images/{number}/map",
    response_class=Response,
    responses={200: {"model": MapAnswer}},
)
def get_evaluated_map(
    service: Served,
    by: Inspecting,
    product: ProductName,
    version: Version,
    dataset_id: Id,
    number: Number,
) -> Response:
    """Return what the model finds in an image now; it is not kept as an inspection."""
    model = f"{product}-{version}"
    pixels = service.evaluations.image(model, dataset_id, number, by)
    inspection = service.again.look(model, pixels, by)
    calibration, roi = service.shown_by(inspection)
    assert inspection.prediction is not None
    height, width = pixels.shape[:2]
    box = roi or Box(0, 0, width, height)
    body = json_bytes(map_record(inspection.prediction.anomaly_map, calibration, box))
    return Response(body, media_type="application/json", headers={"Cache-Control": "private"})
