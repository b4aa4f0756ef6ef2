"""Inspections as rows of a table, and back, without loss."""

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np

from okng.adapters.stores.sql.schema import InspectionRow
from okng.domain.errors import BadRequest
from okng.domain.inspection import Inspection, Timing
from okng.domain.records import Context, InspectionRecord
from okng.domain.verdict import Prediction, Region
from okng.domain.view import Box

LONGEST_CONTEXT = 200
_IN_COLUMNS = ("product", "verdict", "model", "score", "prediction", "timing")


def row_values(record: InspectionRecord) -> dict[str, Any]:
    """Return the values of an inspection's row by column.

    Raises:
        BadRequest: a part's id, lot, ... is too long, or the score is not a number.
    """
    inspection = record.inspection
    context = asdict(record.context)
    for name, value in {**context, "key": record.key}.items():
        if value is not None and len(value) > LONGEST_CONTEXT:
            raise BadRequest(f"{name} has more than {LONGEST_CONTEXT} characters: shorten it")
    score = None if inspection.score is None else float(inspection.score)
    if score is not None and math.isnan(score):
        raise BadRequest("the score is not a number: an inspection like this one is an ERROR")
    return {
        "id": record.id,
        "at": record.at,
        "actor": record.actor,
        "key": record.key,
        "product": inspection.product,
        "verdict": inspection.verdict,
        "score": score,
        "rank_score": -math.inf if score is None else score,
        **context,
        "model": inspection.model,
        "image": record.image,
        "thumbnail": record.thumbnail,
        "reviewed": record.reviewed,
        "is_reviewed": record.reviewed is not None,
        "defect": record.defect,
        "doubted": False,
        "body": _body(inspection),
    }


def record_of(row: InspectionRow) -> InspectionRecord:
    """Return the inspection of a row; its prediction has an empty map."""
    body = json.loads(row.body)
    regions, timing = body.pop("regions"), body.pop("timing")
    classes = body.pop("classes", {})
    prediction = None
    if regions is not None:
        nothing = np.zeros((0, 0), np.float32)
        score = math.nan if row.score is None else row.score
        found = tuple(_region(region) for region in regions)
        prediction = Prediction(score, nothing, found, classes)
    return InspectionRecord(
        id=row.id,
        at=row.at,
        actor=row.actor,
        inspection=Inspection(
            product=row.product,
            verdict=row.verdict,
            model=row.model,
            score=row.score,
            timing=None if timing is None else Timing(**timing),
            prediction=prediction,
            **body,
        ),
        context=Context(row.part_id, row.lot, row.view, row.camera, row.station),
        image=row.image,
        thumbnail=row.thumbnail,
        key=row.key,
        reviewed=row.reviewed,
        defect=row.defect,
    )


def _body(inspection: Inspection) -> str:
    values = {k: v for k, v in inspection.__dict__.items() if k not in _IN_COLUMNS}
    values["timing"] = None if inspection.timing is None else asdict(inspection.timing)
    prediction = inspection.prediction
    values["regions"] = None if prediction is None else [asdict(r) for r in prediction.regions]
    if prediction is not None and prediction.classes:
        values["classes"] = dict(prediction.classes)
    return json.dumps(values, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    """Turn NumPy's numbers into Python's; their value stays the same."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"an inspection holds {value!r}, which JSON cannot")


def _region(values: dict[str, Any]) -> Region:
    return Region(**{**values, "box": Box(**values["box"])})
