"""Uploads: a dataset's ZIP file in parts, which go on after an interruption."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from starlette.concurrency import run_in_threadpool

from okng.domain.records import Upload
from okng.interfaces.http.answers import Listed, ReceivedAnswer, UploadAnswer
from okng.interfaces.http.bodies import Id, NewUpload, ProductName
from okng.interfaces.http.callers import Served, Teacher
from okng.interfaces.http.documentation import BINARY_BODY
from okng.interfaces.http.records import API

router = APIRouter(prefix=API, tags=["uploads"])


@router.post("/products/{product}/uploads", status_code=201, response_model=UploadAnswer)
def begin_upload(service: Served, by: Teacher, product: ProductName, body: NewUpload) -> Upload:
    """Announce a ZIP file; its parts follow."""
    return service.uploads.begin(product, body.name, body.size, by)


@router.get("/uploads", response_model=Listed[UploadAnswer])
def list_uploads(service: Served, by: Teacher) -> object:
    """List the uploads, newest first."""
    return {"items": service.uploads.list(by)}


@router.get("/uploads/{upload_id}", response_model=UploadAnswer)
def get_upload(service: Served, by: Teacher, upload_id: Id) -> Upload:
    """Return how far an upload is: the next part begins at `received`."""
    return service.uploads.get(upload_id, by)


@router.patch("/uploads/{upload_id}", response_model=UploadAnswer, openapi_extra=BINARY_BODY)
async def append_part(
    request: Request,
    service: Served,
    by: Teacher,
    upload_id: Id,
    offset: Annotated[
        int, Header(alias="Upload-Offset", ge=0, le=1 << 44, description="Where the part begins")
    ],
) -> Upload:
    """Send the next part; it is on the disk when this answers."""
    data = await request.body()
    return await run_in_threadpool(service.uploads.append, upload_id, offset, data, by)


@router.post("/uploads/{upload_id}/complete", response_model=ReceivedAnswer)
def complete_upload(service: Served, by: Teacher, upload_id: Id) -> object:
    """Unpack what has arrived and make a dataset of it; may be repeated."""
    return service.uploads.finish(upload_id, by)


@router.delete("/uploads/{upload_id}", status_code=204, response_class=Response)
def remove_upload(service: Served, by: Teacher, upload_id: Id) -> None:
    """Forget an upload that is not done, with what has arrived."""
    service.uploads.remove(upload_id, by)
