"""Pieces of the OpenAPI document that FastAPI cannot derive."""

from typing import Any

from okng.interfaces.http.answers import Problem
from okng.interfaces.http.inspection_fields import FIELDS

_BINARY = {"schema": {"type": "string", "format": "binary"}}

BINARY_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/octet-stream": _BINARY}}
}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": said,
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": Problem(
                    type=f"urn:okng:problem:{code}",
                    title=said,
                    status=status,
                    detail="what is wrong, and how to mend it",
                    code=code,
                ).model_dump(),
            }
        },
    }
    for status, code, said in (
        (400, "bad-request", "The request cannot be understood"),
        (401, "not-signed-in", "Sign in first"),
        (403, "forbidden", "This is not yours to do"),
        (404, "not-found", "There is no such thing"),
        (409, "conflict", "What is there already stands against it"),
        (413, "too-large", "More than a limit allows"),
        (422, "invalid", "A value cannot be used"),
        (429, "too-many-requests", "Too many requests"),
        (503, "unavailable", "Something that okng needs does not answer"),
    )
}


def file_answer(media_type: str) -> dict[int | str, dict[str, Any]]:
    """Describe a file as an answer."""
    return {200: {"description": "The file", "content": {media_type: _BINARY}}}


def image_body(batch: bool = False) -> dict[str, Any]:
    """Describe the ways to send an image, or several in one form."""
    images = {"type": "array", "items": _BINARY["schema"], "minItems": 1}
    fields: dict[str, Any] = {name: {"type": "string"} for name in FIELDS if name != "calibration"}
    fields["calibration"] = {"type": "integer", "minimum": 1}
    if batch:
        fields = {"images": images}
    else:
        fields["image"] = _BINARY["schema"]
    form = {
        "schema": {
            "type": "object",
            "properties": fields,
            "required": ["images" if batch else "image"],
        }
    }
    content: dict[str, Any] = {"multipart/form-data": form}
    if not batch:
        kinds = ("image/jpeg", "image/png", "image/bmp", "image/tiff", "image/webp")
        content |= dict.fromkeys((*kinds, "application/octet-stream"), _BINARY)
    return {"requestBody": {"required": True, "content": content}}
