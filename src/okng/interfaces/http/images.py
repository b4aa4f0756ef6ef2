"""Images out of requests: a form, a file's bytes, or raw pixels; and pictures back."""

import io
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response

from okng.algorithms.heatmap import heat_limits, outline, overlay
from okng.domain.arrays import Floats, Pixels
from okng.domain.calibration import Calibration
from okng.domain.errors import BadRequest, TooLarge
from okng.domain.view import Box

SHAPE = "X-Image-Shape"
_SHAPE = re.compile(r"\s*(\d{1,6})\s*,\s*(\d{1,6})\s*(?:,\s*([13])\s*)?")
_STARTS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG": "image/png",
    b"BM": "image/bmp",
    b"II": "image/tiff",
    b"MM": "image/tiff",
}
_TYPES = "multipart/form-data, image/* or application/octet-stream"
_OVERLAY_QUALITY = 92
_MOST_FIELDS = 20
_LONGEST_FIELD = 4096


@dataclass(frozen=True)
class Sent:
    """An image as it came; `name` is what the sender calls it."""

    content: bytes | Pixels
    name: str
    fields: Mapping[str, str]


class _Parts(MultiPartParser):
    spool_max_size = 32 << 20  # to the disk and back only beyond this


async def read_image(request: Request, max_pixels: int) -> Sent:
    """Read the one image of a request.

    Raises:
        BadRequest: there is none, or it is sent in a way that is not known.
        TooLarge: raw pixels beyond `max_pixels`.
    """
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with sent_form(request, max_files=1) as form:
            if len(form.files) != 1:
                raise BadRequest("the form holds no file: send the image as its field 'image'")
            file = form.files[0]
            return Sent(await file.read(), file.filename or "", form.fields)
    if kind == "application/octet-stream" and SHAPE in request.headers:
        shape = _shape(request.headers, max_pixels)
        return Sent(_pixels(await request.body(), shape), "", {})
    if kind.startswith("image/") or kind == "application/octet-stream":
        return Sent(await request.body(), "", {})
    raise BadRequest(f"an image is sent as {_TYPES}, not as {kind[:50] or 'nothing'!r}")


@dataclass(frozen=True)
class Form:
    """What a multipart body holds."""

    fields: Mapping[str, str]
    files: Sequence[UploadFile]


@asynccontextmanager
async def sent_form(request: Request, max_files: int) -> AsyncIterator[Form]:
    """Parse a multipart body; its files go when the block ends.

    Raises:
        BadRequest: it is malformed, or holds more files than it may.
    """
    parser = _Parts(
        request.headers,
        request.stream(),
        max_files=max_files,
        max_fields=_MOST_FIELDS,
        max_part_size=_LONGEST_FIELD,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise BadRequest(f"the form cannot be read: {error.message}") from error
    except (LookupError, UnicodeError, ValueError) as error:
        raise BadRequest(f"the form cannot be read: {error}") from error
    values = form.multi_items()
    try:
        yield Form(
            {name: value for name, value in values if isinstance(value, str)},
            [value for _, value in values if isinstance(value, UploadFile)],
        )
    finally:
        await form.close()


def overlay_jpeg(
    pixels: Pixels, anomaly_map: Floats, calibration: Calibration, roi: Box | None
) -> str:
    """Return the image with its heat and outlines, JPEG in base64."""
    shown = overlay(pixels, anomaly_map, *heat_limits(calibration, anomaly_map), roi=roi)
    shown = outline(shown, anomaly_map, calibration.review_threshold, roi=roi)
    file = io.BytesIO()
    Image.fromarray(shown).save(file, "JPEG", quality=_OVERLAY_QUALITY)
    return b64encode(file.getvalue()).decode()


def map_record(anomaly_map: Floats, calibration: Calibration, box: Box) -> dict[str, object]:
    """Return a map, float32 `[h, w]` over `box` of the image, for JSON, and how it is shown."""
    plain = np.ascontiguousarray(anomaly_map, "<f4")
    low, high = heat_limits(calibration, anomaly_map)
    return {
        "shape": list(plain.shape),
        "data": b64encode(plain.tobytes()).decode(),
        "low": low,
        "high": high,
        "threshold": calibration.review_threshold,
        "box": vars(box),
    }


def picture_response(image: bytes, name: str) -> Response:
    """Answer with a stored image; `name` is what a browser would save it as."""
    kind = media_type(image)
    suffix = kind.partition("/")[2]
    headers = {
        "Content-Disposition": f'inline; filename="{name}.{suffix}"',
        "Cache-Control": "private, max-age=3600",
    }
    return Response(image, media_type=kind, headers=headers)


def media_type(image: bytes) -> str:
    """Return the type of a stored image, by its content; never a type that runs anything."""
    for start, kind in _STARTS.items():
        if image.startswith(start):
            return kind
    return "image/webp" if image[8:12] == b"WEBP" else "application/octet-stream"


def json_bytes(content: object) -> bytes:
    """Return JSON in ASCII, which any name survives."""
    return json.dumps(content, separators=(",", ":")).encode()


def _shape(headers: Headers, max_pixels: int) -> tuple[int, int, int]:
    match = _SHAPE.fullmatch(headers[SHAPE])
    if match is None:
        raise BadRequest(f"{SHAPE} says height,width,3 of RGB, or height,width of grey pixels")
    height, width, channels = int(match[1]), int(match[2]), int(match[3] or 1)
    if not height * width:
        raise BadRequest(f"{SHAPE} names an image without pixels")
    if height * width > max_pixels:
        raise TooLarge(f"{width} x {height} is more than {max_pixels:,} pixels: scale it down")
    return height, width, channels


def _pixels(data: bytes, shape: tuple[int, int, int]) -> Pixels:
    height, width, channels = shape
    if len(data) != height * width * channels:
        raise BadRequest(
            f"{SHAPE} {height},{width},{channels} needs {height * width * channels:,} bytes of "
            f"uint8, {len(data):,} came"
        )
    pixels = np.frombuffer(data, np.uint8).reshape(shape)
    return np.repeat(pixels, 3, axis=2) if channels == 1 else pixels
