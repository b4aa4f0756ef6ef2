"""Samples: a few images to try a product with."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Response

from okng.algorithms.pictures import png, thumbnail_jpeg
from okng.algorithms.pixels import decode
from okng.bootstrap.service import Service
from okng.interfaces.http.answers import Listed, SampleAnswer
from okng.interfaces.http.bodies import SHORT_ID, Id, ProductName
from okng.interfaces.http.callers import Reader, Served
from okng.interfaces.http.documentation import file_answer
from okng.interfaces.http.images import media_type, picture_response
from okng.interfaces.http.records import API
from okng.services.samples import TrySample

router = APIRouter(prefix=API, tags=["samples"])

SampleId = Annotated[str, Path(pattern=SHORT_ID, examples=["0123456789abcdef"])]

_THUMBNAIL_PX = 192
_SHOWN = ("image/jpeg", "image/png", "image/webp", "image/bmp")


@router.get("/products/{product}/samples", response_model=Listed[SampleAnswer])
def list_samples(service: Served, by: Reader, product: ProductName) -> object:
    """List a few images to try a product with: of its newest dataset, some of each label."""
    service.products.get(product, by)
    return _listed(service.samples.of(product, by), f"{API}/products/{product}/samples")


@router.get(
    "/products/{product}/samples/{sample_id}/image",
    response_class=Response,
    responses=file_answer("image/*"),
)
def get_sample(service: Served, by: Reader, product: ProductName, sample_id: SampleId) -> Response:
    """Return a sample as it is on the disk."""
    return picture_response(service.samples.image(product, sample_id, by), sample_id)


@router.get(
    "/products/{product}/samples/{sample_id}/thumbnail",
    response_class=Response,
    responses=file_answer("image/jpeg"),
)
def get_sample_thumbnail(
    service: Served, by: Reader, product: ProductName, sample_id: SampleId
) -> Response:
    """Return a small picture of a sample."""
    return _small(service, service.samples.image(product, sample_id, by), sample_id)


@router.get("/datasets/{dataset_id}/samples", response_model=Listed[SampleAnswer])
def list_samples_of_dataset(service: Served, by: Reader, dataset_id: Id) -> object:
    """List a few images of a dataset, some of each label, to draw on before a training."""
    return _listed(
        service.samples.of_dataset(dataset_id, by), f"{API}/datasets/{dataset_id}/samples"
    )


@router.get(
    "/datasets/{dataset_id}/samples/{sample_id}/image",
    response_class=Response,
    responses=file_answer("image/*"),
)
def get_sample_of_dataset(
    service: Served, by: Reader, dataset_id: Id, sample_id: SampleId
) -> Response:
    """Return a sample in a format that browsers show, pixel by pixel as it is inspected."""
    data = service.samples.image_of_dataset(dataset_id, sample_id, by)
    if media_type(data) not in _SHOWN:
        data = png(decode(data, service.settings.max_pixels))
    return picture_response(data, sample_id)


@router.get(
    "/datasets/{dataset_id}/samples/{sample_id}/thumbnail",
    response_class=Response,
    responses=file_answer("image/jpeg"),
)
def get_thumbnail_of_dataset(
    service: Served, by: Reader, dataset_id: Id, sample_id: SampleId
) -> Response:
    """Return a small picture of a sample."""
    return _small(service, service.samples.image_of_dataset(dataset_id, sample_id, by), sample_id)


def _listed(samples: Sequence[TrySample], place: str) -> object:
    return {
        "items": [
            {
                "id": sample.id,
                "name": sample.name,
                "label": sample.label,
                "image_url": f"{place}/{sample.id}/image",
                "thumbnail_url": f"{place}/{sample.id}/thumbnail",
            }
            for sample in samples
        ]
    }


def _small(service: Service, data: bytes, name: str) -> Response:
    pixels = decode(data, service.settings.max_pixels)
    return picture_response(thumbnail_jpeg(pixels, _THUMBNAIL_PX), name)
