"""Scores whose truth is known, to set thresholds by."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from okng.interfaces.http.bodies import SHORT_ID, ProductName, Version
from okng.interfaces.http.callers import Reader, Served, Teacher
from okng.interfaces.http.documentation import file_answer
from okng.interfaces.http.images import json_bytes, picture_response
from okng.interfaces.http.records import API
from okng.interfaces.http.sensitivity_answers import (
    ScoresAnswer,
    ScoringAnswer,
    scores_record,
    scoring_record,
)

router = APIRouter(prefix=f"{API}/products/{{product}}/models/{{version}}/scores", tags=["scores"])

SampleId = Annotated[str, Path(pattern=SHORT_ID, examples=["0123456789abcdef"])]


@router.get("", response_class=Response, responses={200: {"model": ScoresAnswer}})
def list_scores(service: Served, by: Reader, product: ProductName, version: Version) -> Response:
    """List a model's scores of parts whose truth is known: all there are, up to a few thousand.

    Good scores of the calibration, labelled images that were scored, and reviewed inspections.
    """
    known = service.known_scores.of(product, version, by)
    body = json_bytes(scores_record(known, product, version))
    return Response(body, media_type="application/json")


@router.post("", status_code=202, response_model=ScoringAnswer)
def score_samples(service: Served, by: Teacher, product: ProductName, version: Version) -> object:
    """Begin to score the labelled images of the newest dataset; their scores join the list."""
    return scoring_record(service.sample_scores.start(product, version, by))


@router.get("/{sample_id}/thumbnail", response_class=Response, responses=file_answer("image/jpeg"))
def get_scored_sample(
    service: Served, by: Reader, product: ProductName, version: Version, sample_id: SampleId
) -> Response:
    """Return a small picture of a labelled image that was scored."""
    return picture_response(
        service.sample_scores.picture(product, version, sample_id, by), sample_id
    )
