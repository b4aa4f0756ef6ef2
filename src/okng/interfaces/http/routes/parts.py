"""Parts: a physical piece; its verdict is the worst of its inspections."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from okng.domain.records import PartRecord
from okng.interfaces.http.answers import Paged
from okng.interfaces.http.bodies import NAME, PLAIN, Cursor, Limit, ProductName, Short
from okng.interfaces.http.callers import Reader, Served
from okng.interfaces.http.inspection_answers import PartAnswer
from okng.interfaces.http.records import API

router = APIRouter(prefix=API, tags=["parts"])


@router.get("/parts", response_model=Paged[PartAnswer])
def list_parts(
    service: Served,
    by: Reader,
    product: Annotated[str | None, Query(pattern=NAME)] = None,
    lot: Short = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> object:
    """List parts, those first seen last at the top."""
    return service.search.parts(product, lot, limit, cursor, by)


@router.get("/products/{product}/parts/{part_id:path}", response_model=PartAnswer)
def get_part(
    service: Served,
    by: Reader,
    product: ProductName,
    part_id: Annotated[str, Path(min_length=1, max_length=200, pattern=PLAIN, examples=["A-17"])],
) -> PartRecord:
    """Return one part with its verdict."""
    return service.search.part(product, part_id, by)
