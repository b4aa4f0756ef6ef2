"""Inspections: an image in, a verdict out; and what was inspected before."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from okng.algorithms.pictures import png, thumbnail_jpeg
from okng.algorithms.pixels import decode
from okng.bootstrap.service import Service
from okng.domain.errors import BadRequest, NotFound, OkngError
from okng.domain.records import InspectionFilter, Order
from okng.domain.verdict import Verdict
from okng.domain.view import Box
from okng.interfaces.http.answers import Paged
from okng.interfaces.http.bodies import NAME, Cursor, Id, Limit, ProductName, Short, Time
from okng.interfaces.http.callers import Inspecting, Reader, Served
from okng.interfaces.http.documentation import file_answer, image_body
from okng.interfaces.http.images import (
    json_bytes,
    map_record,
    overlay_jpeg,
    picture_response,
    read_image,
    sent_form,
)
from okng.interfaces.http.inspection_answers import (
    AgainAnswer,
    BatchAnswer,
    InspectionAnswer,
    MapAnswer,
)
from okng.interfaces.http.inspection_fields import FIELDS, wanted
from okng.interfaces.http.problems import problem_content
from okng.interfaces.http.records import API, inspection_record
from okng.services.inspections import Kept
from okng.services.trigger import Trigger

router = APIRouter(prefix=API, tags=["inspections"])

_SMALL_BYTES = 64 << 10
_THUMBNAIL_PX = 256
_A_MODEL = Query(max_length=100, pattern=NAME, description="bottle-3")

Include = Annotated[
    list[Literal["overlay", "map", "picture"]],
    Query(
        max_length=3,
        description="`overlay` (JPEG), `map` (float32), and `picture` (PNG, for what shows no TIFF)"
        ", each base64",
    ),
]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="A repeat with the same key gets the first one's answer",
    ),
]


def said_of_image(
    request: Request,
    part_id: Short = None,
    lot: Short = None,
    view: Short = None,
    camera: Short = None,
    station: Short = None,
    name: Short = None,
    model: Annotated[str | None, Query(max_length=100, description="bottle-3, bottle@a")] = None,
    calibration: Annotated[int | None, Query(ge=1, le=10**9)] = None,
) -> dict[str, str]:
    """Return what the query says; FastAPI has checked it against the arguments above."""
    del part_id, lot, view, camera, station, name, model, calibration
    return {field: request.query_params[field] for field in FIELDS if field in request.query_params}


Said = Annotated[dict[str, str], Depends(said_of_image)]


@router.post(
    "/products/{product}/inspections",
    status_code=201,
    response_class=Response,
    responses={201: {"model": InspectionAnswer}, 200: {"model": InspectionAnswer}},
    openapi_extra=image_body(),
)
async def inspect(
    request: Request,
    service: Served,
    by: Inspecting,
    product: ProductName,
    said: Said,
    include: Include = [],  # noqa: B006 - FastAPI copies it
    key: Key = None,
) -> Response:
    """Judge one image.

    It comes as a form, as the content of an image file, or as raw pixels (uint8, rows first) with
    `X-Image-Shape: height,width,3` of RGB or `height,width` of grey. An image that cannot be
    inspected is answered with the verdict ERROR, and kept as such.
    """
    sent = await read_image(request, service.settings.max_pixels)
    asked = wanted(product, said, sent.fields, sent.name)
    trigger = Trigger(sent.content, asked.name, asked.context, key)
    work = partial(
        service.inspect.inspect, asked.reference, trigger, by, calibration=asked.calibration
    )
    answer: Callable[[], tuple[bytes, bool]] = partial(_answered, service, work, include)
    body, repeated = await run_sync(answer, limiter=request.app.state.inspecting)
    return Response(body, 200 if repeated else 201, media_type="application/json")


@router.post(
    "/products/{product}/inspections/batch",
    response_class=Response,
    responses={200: {"model": BatchAnswer}},
    openapi_extra=image_body(batch=True),
)
async def inspect_batch(
    request: Request,
    service: Served,
    by: Inspecting,
    product: ProductName,
    said: Said,
    key: Key = None,
) -> Response:
    """Judge several images, sent as the files of one form; each has an answer of its own.

    What the query says holds for all of them. With a key, image `n` has the key `key:n`.
    """
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise BadRequest("a batch is sent as multipart/form-data: each image is a file of it")
    triggers = []
    async with sent_form(request, service.settings.max_batch_images) as form:
        if not form.files:
            raise BadRequest("the form holds no files: send each image as a file")
        for number, file in enumerate(form.files):
            asked = wanted(product, said, form.fields, file.filename or "")
            own = None if key is None else f"{key}:{number}"
            triggers.append(Trigger(await file.read(), asked.name, asked.context, own))
    work = partial(
        service.inspect.inspect_batch, asked.reference, triggers, by, calibration=asked.calibration
    )
    answer: Callable[[], bytes] = partial(_batch_answered, work, triggers)
    body = await run_sync(answer, limiter=request.app.state.inspecting)
    return Response(body, media_type="application/json")


def wanted_inspections(
    product: Annotated[str | None, Query(pattern=NAME)] = None,
    verdict: Verdict | None = None,
    since: Time = None,
    until: Time = None,
    part_id: Short = None,
    lot: Short = None,
    camera: Short = None,
    station: Short = None,
    model: Annotated[str | None, Query(max_length=100, pattern=NAME)] = None,
    reviewed: bool | None = None,
) -> InspectionFilter:
    return InspectionFilter(
        product, verdict, since, until, part_id, lot, camera, station, model, reviewed
    )


Filter = Annotated[InspectionFilter, Depends(wanted_inspections)]


@router.get(
    "/inspections",
    response_class=Response,
    responses={200: {"model": Paged[InspectionAnswer]}},
)
def list_inspections(
    service: Served,
    by: Reader,
    wanted: Filter,
    order: Order = Order.NEWEST,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """List inspections; a page costs the same however far in it is."""
    page = service.search.page(wanted, order, limit, cursor, by)
    items = [inspection_record(record) for record in page.items]
    body = json_bytes({"items": items, "cursor": page.cursor})
    return Response(body, media_type="application/json")


@router.get(
    "/inspections/{inspection_id}",
    response_class=Response,
    responses={200: {"model": InspectionAnswer}},
)
def get_inspection(service: Served, by: Reader, inspection_id: Id) -> Response:
    """Return one inspection."""
    body = json_bytes(inspection_record(service.search.get(inspection_id, by)))
    return Response(body, media_type="application/json")


@router.get(
    "/inspections/{inspection_id}/image", response_class=Response, responses=file_answer("image/*")
)
def get_image(
    service: Served,
    by: Reader,
    inspection_id: Id,
    format: Annotated[  # noqa: A002
        Literal["original", "png"], Query(description="`png`: upright, for what shows no TIFF")
    ] = "original",
) -> Response:
    """Return the image of an inspection as it came, or as every browser can show it."""
    image = service.search.image(inspection_id, by)
    if format == "png":
        image = png(decode(image, service.settings.max_pixels))
    return picture_response(image, inspection_id)


@router.get(
    "/inspections/{inspection_id}/again",
    response_class=Response,
    responses={200: {"model": AgainAnswer}},
)
def inspect_again(
    service: Served,
    by: Reader,
    inspection_id: Id,
    model: Annotated[str, _A_MODEL],
) -> Response:
    """Say what another model makes of a kept image; nothing is kept of it."""
    again = service.again.inspection(inspection_id, by, model)
    names = ("model", "verdict", "score", "review_threshold", "ng_threshold")
    body = json_bytes({name: getattr(again, name) for name in names})
    return Response(body, media_type="application/json")


@router.get(
    "/inspections/{inspection_id}/map",
    response_class=Response,
    responses={200: {"model": MapAnswer}},
)
def get_map(
    service: Served, by: Reader, inspection_id: Id, model: Annotated[str | None, _A_MODEL] = None
) -> Response:
    """Return the anomaly map of an inspection, by inspecting its image again; nothing is kept.

    `model` names another one than that which judged it.
    """
    again = service.again.inspection(inspection_id, by, model)
    prediction = again.prediction
    if prediction is None or again.image_width is None or again.image_height is None:
        raise NotFound("this inspection has no map")
    calibration, roi = service.shown_by(again)
    box = roi or Box(0, 0, again.image_width, again.image_height)
    body = json_bytes(map_record(prediction.anomaly_map, calibration, box))
    return Response(body, media_type="application/json")


@router.get(
    "/inspections/{inspection_id}/thumbnail",
    response_class=Response,
    responses=file_answer("image/*"),
)
def get_thumbnail(service: Served, by: Reader, inspection_id: Id) -> Response:
    """Return a small picture of an inspection."""
    data = service.search.thumbnail(inspection_id, by)
    if len(data) > _SMALL_BYTES:  # only the whole image was kept
        data = thumbnail_jpeg(decode(data, service.settings.max_pixels), _THUMBNAIL_PX)
    return picture_response(data, inspection_id)


def _answered(
    service: Service, work: Callable[[], Kept], include: Sequence[str]
) -> tuple[bytes, bool]:
    """Inspect and write the answer, in a worker thread; a repeat has no map any more."""
    kept = work()
    more: dict[str, object] = {}
    prediction = kept.inspection.prediction
    if include:
        more = dict.fromkeys(include)
    if prediction is not None and prediction.anomaly_map.size and not kept.repeated and include:
        calibration, roi = service.shown_by(kept.inspection)
        if "map" in include and kept.pixels is not None:
            height, width = kept.pixels.shape[:2]
            box = roi or Box(0, 0, width, height)
            more["map"] = map_record(prediction.anomaly_map, calibration, box)
        if "picture" in include and kept.pixels is not None:
            more["picture"] = b64encode(png(kept.pixels)).decode()
        if "overlay" in include and kept.pixels is not None:
            more["overlay"] = overlay_jpeg(kept.pixels, prediction.anomaly_map, calibration, roi)
    return json_bytes(inspection_record(kept.record, more)), kept.repeated


def _batch_answered(
    work: Callable[[], Sequence[Kept | OkngError]], triggers: Sequence[Trigger]
) -> bytes:
    items = []
    for trigger, kept in zip(triggers, work(), strict=True):
        item: dict[str, object] = {"name": trigger.name, "inspection": None, "problem": None}
        if isinstance(kept, OkngError):
            item["problem"] = problem_content(kept)
        else:
            item["inspection"] = inspection_record(kept.record)
        items.append(item)
    return json_bytes({"items": items})
