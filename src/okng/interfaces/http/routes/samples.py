"""Samples: a few images to try a product with."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from okng.algorithms.pictures import thumbnail_jpeg
from okng.algorithms.pixels import decode
from okng.interfaces.http.answers import Listed, SampleAnswer
from okng.interfaces.http.bodies import SHORT_ID, ProductName
from okng.interfaces.http.callers import Reader, Served
from okng.interfaces.http.documentation import file_answer
from okng.interfaces.http.images import picture_response
from okng.interfaces.http.records import API

router = APIRouter(prefix=API, tags=["samples"])

SampleId = Annotated[str, Path(pattern=SHORT_ID, examples=["0123456789abcdef"])]

_THUMBNAIL_PX = 192


@router.get("/products/{product}/samples", response_model=Listed[SampleAnswer])
def list_samples(service: Served, by: Reader, product: ProductName) -> object:
    """List a few images to try a product with: of its newest dataset, some of each label."""
    service.products.get(product, by)
    place = f"{API}/products/{product}/samples"
    return {
        "items": [
            {
                "id": sample.id,
                "name": sample.name,
                "label": sample.label,
                "image_url": f"{place}/{sample.id}/image",
                "thumbnail_url": f"{place}/{sample.id}/thumbnail",
            }
            for sample in service.samples.of(product, by)
        ]
    }


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
    pixels = decode(service.samples.image(product, sample_id, by), service.settings.max_pixels)
    return picture_response(thumbnail_jpeg(pixels, _THUMBNAIL_PX), sample_id)
