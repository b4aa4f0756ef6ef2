"""Live: events as they happen, doubts, and the kiosks that show them."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from okng.interfaces.http.answers import Answer, Listed
from okng.interfaces.http.bodies import PLAIN, SHORT_ID, Id, NewKiosk, ProductName
from okng.interfaces.http.callers import Inspecting, Reader, Served, Teacher
from okng.interfaces.http.documentation import file_answer
from okng.interfaces.http.event_stream import live_response
from okng.interfaces.http.images import picture_response
from okng.interfaces.http.kiosk_callers import LASTS_S, Watching, keep_kiosk, screen_of
from okng.interfaces.http.records import API
from okng.services.kiosks import Kiosk
from okng.services.live import Scene

router = APIRouter(prefix=API, tags=["live"])

KioskId = Annotated[str, Path(pattern=SHORT_ID, examples=["0123456789abcdef"])]
Station = Annotated[str | None, Query(min_length=1, max_length=200, pattern=PLAIN)]

EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events, as they happen", "content": {"text/event-stream": {}}}
}


class KioskAnswer(Answer):
    """A screen with a right of its own; `station` is null for all of the product's."""

    id: str
    name: str
    product: str
    station: str | None
    created: str
    author: str


@router.get("/products/{product}/live", response_class=StreamingResponse, responses=EVENTS)
async def watch(
    request: Request, service: Served, by: Reader, product: ProductName, station: Station = None
) -> StreamingResponse:
    """Follow inspections as server-sent events: the last ten first, then each as it happens.

    `inspection` has its id as the event's, so that `Last-Event-ID` goes on where it was cut off;
    `shift` has the shift's counts. After the time that a session may be idle it says `bye`.
    """
    await run_in_threadpool(service.products.get, product, by)
    service.live.check_room()
    lasts_s = 60.0 * service.settings.session_idle_minutes
    return live_response(request, service.live, Scene(product, station), lambda: None, lasts_s)


@router.post("/inspections/{inspection_id}/doubts", status_code=204, response_class=Response)
def doubt(service: Served, by: Inspecting, inspection_id: Id) -> None:
    """Say that a verdict is wrong: the inspection is reviewed, whatever the verdict is."""
    service.live.doubt(inspection_id, by.name)


@router.get("/kiosks", response_model=Listed[KioskAnswer])
def list_kiosks(service: Served, by: Teacher) -> object:
    """List the screens that are kiosks, newest first."""
    return {"items": service.kiosks.list(by)}


@router.post("/kiosks", status_code=201, response_model=KioskAnswer)
def create_kiosk(
    service: Served, by: Teacher, request: Request, response: Response, body: NewKiosk
) -> Kiosk:
    """Make this browser a kiosk: its cookie opens one live page, until it is revoked."""
    kiosk, secret = service.kiosks.create(
        body.name, body.product, body.station, by, datetime.now(UTC)
    )
    keep_kiosk(response, secret, request)
    return kiosk


@router.delete("/kiosks/{kiosk_id}", response_model=KioskAnswer)
def revoke_kiosk(service: Served, by: Teacher, kiosk_id: KioskId) -> Kiosk:
    """End a kiosk."""
    return service.kiosks.revoke(kiosk_id, by)


@router.get("/kiosk/events", response_class=StreamingResponse, responses=EVENTS)
async def watch_kiosk(request: Request, service: Served, screen: Watching) -> StreamingResponse:
    """Follow what this kiosk shows, as `/products/{product}/live` does; it has no end."""
    service.live.check_room()
    return live_response(
        request, service.live, screen.kiosk.scene, lambda: screen_of(request), LASTS_S
    )


@router.get(
    "/kiosk/inspections/{inspection_id}/thumbnail",
    response_class=Response,
    responses=file_answer("image/*"),
)
def get_kiosk_thumbnail(service: Served, screen: Watching, inspection_id: Id) -> Response:
    """Return a small picture of an inspection that this kiosk shows."""
    record = service.live.seen(screen.kiosk.scene, inspection_id)
    return picture_response(service.search.thumbnail_of(record), inspection_id)


@router.post("/kiosk/inspections/{inspection_id}/doubts", status_code=204, response_class=Response)
def doubt_at_kiosk(service: Served, screen: Watching, inspection_id: Id) -> None:
    """Say at a kiosk that a verdict which it shows is wrong."""
    service.live.seen(screen.kiosk.scene, inspection_id)
    service.live.doubt(inspection_id, screen.kiosk.actor)
