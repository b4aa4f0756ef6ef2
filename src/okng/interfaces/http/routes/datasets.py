"""Datasets: uploaded as a ZIP file at once, or a folder that the administrator has allowed."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from okng.domain.records import DatasetRecord
from okng.interfaces.http.answers import DatasetAnswer, Listed, ReceivedAnswer
from okng.interfaces.http.bodies import PLAIN, Id, NewFolderDataset, ProductName
from okng.interfaces.http.callers import Reader, Served, Teacher
from okng.interfaces.http.documentation import BINARY_BODY
from okng.interfaces.http.records import API
from okng.interfaces.http.spooling import pieces, spooled

router = APIRouter(prefix=API, tags=["datasets"])


@router.get("/products/{product}/datasets", response_model=Listed[DatasetAnswer])
def list_datasets(
    service: Served, by: Reader, product: ProductName, deleted: bool = False
) -> object:
    """List a product's datasets, newest first, or those that are deleted."""
    return {"items": service.datasets.list(product, by, deleted)}


@router.post("/products/{product}/datasets/folder", status_code=201, response_model=DatasetAnswer)
def register_folder(
    service: Served, by: Teacher, product: ProductName, body: NewFolderDataset
) -> DatasetRecord:
    """Take a folder as a dataset; it must lie below one that the administrator has allowed."""
    return service.datasets.register(product, body.name, body.folder, by)


@router.post(
    "/products/{product}/datasets/archive",
    status_code=201,
    response_model=ReceivedAnswer,
    openapi_extra=BINARY_BODY,
)
async def upload_archive(
    request: Request,
    service: Served,
    by: Teacher,
    product: ProductName,
    name: Annotated[str, Query(min_length=1, max_length=100, pattern=PLAIN)],
) -> object:
    """Send a ZIP file of images at once; large ones are better sent in parts (uploads)."""
    async with spooled(request, service.scratch, ".zip") as archive:
        size = archive.stat().st_size
        return await run_in_threadpool(
            lambda: service.uploads.receive(product, name, size, pieces(archive), by)
        )


@router.get("/datasets/{dataset_id}", response_model=DatasetAnswer)
def get_dataset(service: Served, by: Reader, dataset_id: Id) -> DatasetRecord:
    """Return one dataset."""
    return service.datasets.get(dataset_id, by)


@router.post("/datasets/{dataset_id}/recount", response_model=DatasetAnswer)
def recount_dataset(service: Served, by: Teacher, dataset_id: Id) -> DatasetRecord:
    """Count the samples again, after files of a registered folder have changed."""
    return service.datasets.recount(dataset_id, by)


@router.delete("/datasets/{dataset_id}", response_model=DatasetAnswer)
def delete_dataset(service: Served, by: Teacher, dataset_id: Id) -> DatasetRecord:
    """Hide a dataset; it can be restored."""
    return service.datasets.delete(dataset_id, by)


@router.post("/datasets/{dataset_id}/restore", response_model=DatasetAnswer)
def restore_dataset(service: Served, by: Teacher, dataset_id: Id) -> DatasetRecord:
    """Show a deleted dataset again."""
    return service.datasets.restore(dataset_id, by)
