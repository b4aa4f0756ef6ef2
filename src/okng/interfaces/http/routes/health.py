"""Health, for whoever keeps the service running; metrics, for whoever watches it."""

import logging
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from okng.domain.errors import Unavailable
from okng.interfaces.http.callers import Reader, Served
from okng.interfaces.http.metrics import CONTENT_TYPE, Metrics

router = APIRouter()
_log = logging.getLogger("okng.http")


class Health(BaseModel):
    status: Literal["live", "ready"]


@router.get("/health/live", response_model=Health, tags=["health"])
async def live() -> object:
    """Tell that the process answers. Open to everybody."""
    return {"status": "live"}


@router.get("/health/ready", response_model=Health, tags=["health"])
def ready(service: Served) -> object:
    """Tell that images can be inspected and stored, with 503 where not. Open to everybody."""
    try:
        service.check_ready()
    except Unavailable as error:  # strangers are not told where the database is
        _log.warning("not ready: %s", error)
        raise Unavailable("images cannot be stored now: the log of the service says why") from error
    return {"status": "ready"}


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    tags=["health"],
)
def metrics(request: Request, _: Reader) -> Response:
    """Return figures for Prometheus; takes a token with the right to read."""
    figures: Metrics = request.app.state.metrics
    return Response(figures.text(), media_type=CONTENT_TYPE)
