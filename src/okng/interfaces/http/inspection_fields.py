"""What a request for an inspection says beside the image, in the query or in a form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from okng.domain.errors import BadRequest
from okng.domain.records import Context

CONTEXT = ("part_id", "lot", "view", "camera", "station")
FIELDS = (*CONTEXT, "name", "model", "calibration")

_MODEL = re.compile(r"(?:-[1-9]\d{0,8}|@[a-z0-9][a-z0-9_-]{0,31})?")
_NUMBER = re.compile(r"[1-9]\d{0,8}")


@dataclass(frozen=True)
class Wanted:
    """Which model is to judge, and what is known of the image."""

    reference: str
    calibration: int | None
    name: str
    context: Context


def wanted(product: str, query: Mapping[str, str], form: Mapping[str, str], name: str) -> Wanted:
    """Read the fields; a form's count before the query's.

    Raises:
        BadRequest: a field is unknown, the calibration is no number, or the model is another
            product's.
    """
    unknown = sorted(set(form) - set(FIELDS))
    if unknown:
        raise BadRequest(f"unknown field {unknown[0][:50]!r}: there are {', '.join(FIELDS)}")
    said = {**query, **form}
    number = said.get("calibration")
    if number is not None and not _NUMBER.fullmatch(number):
        raise BadRequest("calibration is the number of one of the model's calibrations")
    reference = said.get("model", product)
    if not reference.startswith(product) or not _MODEL.fullmatch(reference[len(product) :]):
        raise BadRequest(
            f"model names one of this product's: {product}, {product}-3 or {product}@candidate"
        )
    context = Context(**{field: said.get(field) for field in CONTEXT})
    return Wanted(reference, int(number) if number else None, said.get("name", name), context)
