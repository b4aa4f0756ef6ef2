"""Exports: inspections and labels, as files that are written while they are read."""

import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from okng.domain.records import InspectionRecord
from okng.interfaces.http.bodies import NAME, TheseInspections
from okng.interfaces.http.callers import Reader, Served
from okng.interfaces.http.documentation import file_answer
from okng.interfaces.http.images import json_bytes
from okng.interfaces.http.records import API, inspection_record
from okng.interfaces.http.routes.inspections import Filter
from okng.interfaces.http.zip_stream import zipped

router = APIRouter(prefix=API, tags=["exports"])

COLUMNS = (
    "id", "at", "actor", "image", "verdict", "score", "p_value", "review_threshold",
    "ng_threshold", "product", "model", "graph_sha256", "calibration", "part_id", "lot", "view",
    "camera", "station", "reviewed", "defect", "regions", "region_x", "region_y", "region_width",
    "region_height", "region_area_px", "region_peak_score", "image_width", "image_height",
    "total_ms", "error",
)  # fmt: skip

_AT_A_TIME = 200
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@router.get(
    "/exports/inspections",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "A line for each inspection, oldest first",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        }
    },
)
def export_inspections(
    service: Served,
    by: Reader,
    wanted: Filter,
    format: Literal["csv", "jsonl"] = "csv",  # noqa: A002
) -> StreamingResponse:
    """Take inspections away as CSV (of each the strongest region) or as JSON lines."""
    records = service.search.export(wanted, by)
    lines, kind = (_csv, "text/csv") if format == "csv" else (_jsonl, "application/x-ndjson")
    headers = {"Content-Disposition": f'attachment; filename="inspections.{format}"'}
    return StreamingResponse(lines(records), media_type=kind, headers=headers)


@router.post(
    "/exports/inspections",
    response_class=StreamingResponse,
    responses=file_answer("text/csv"),
)
def export_these(service: Served, by: Reader, body: TheseInspections) -> StreamingResponse:
    """Take the named inspections away as CSV, in the order in which they are named."""
    records = service.search.export_these(body.ids, by)
    headers = {"Content-Disposition": 'attachment; filename="inspections.csv"'}
    return StreamingResponse(_csv(iter(records)), media_type="text/csv", headers=headers)


@router.get(
    "/exports/labels",
    response_class=StreamingResponse,
    responses=file_answer("application/zip"),
)
def export_labels(
    service: Served,
    by: Reader,
    product: Annotated[str, Query(pattern=NAME)],
) -> StreamingResponse:
    """Take the reviewed images of a product away as a dataset (ZIP, laid out as MVTec AD is)."""
    service.products.get(product, by)
    labelled = service.labels.export(product, by)
    files = ((f"{product}/{name}", data) for image in labelled for name, data in image.files())
    headers = {"Content-Disposition": f'attachment; filename="{product}-labels.zip"'}
    return StreamingResponse(zipped(files), media_type="application/zip", headers=headers)


def _jsonl(records: Iterator[InspectionRecord]) -> Iterator[bytes]:
    while some := list(islice(records, _AT_A_TIME)):
        yield b"".join(json_bytes(inspection_record(record)) + b"\n" for record in some)


def _csv(records: Iterator[InspectionRecord]) -> Iterator[bytes]:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    while True:
        yield text.getvalue().encode("utf-8", "backslashreplace")
        text.seek(0)
        text.truncate()
        some = list(islice(records, _AT_A_TIME))
        if not some:
            return
        for record in some:
            cells = _cells(record)
            rows.writerow([_cell(cells.get(name)) for name in COLUMNS])


def _cells(record: InspectionRecord) -> dict[str, Any]:
    cells: dict[str, Any] = inspection_record(record)
    regions, timing = record.inspection.regions, record.inspection.timing
    cells["regions"] = len(regions)
    cells["total_ms"] = None if timing is None else timing.total_ms
    if regions:
        cells |= {f"region_{name}": value for name, value in vars(regions[0].box).items()}
        cells["region_area_px"] = regions[0].area_px
        cells["region_peak_score"] = regions[0].peak_score
    return cells


def _cell(value: object) -> object:
    """Return a cell that a spreadsheet shows and never computes (OWASP, CSV Injection)."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
