"""No request's body is read beyond its limit, whatever it claims to be."""

import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from okng.interfaces.http.problems import problem
from okng.settings import Settings

JSON_BYTES = 1 << 20
FRAMING_BYTES = 64 << 10
"""What the fields and headings of a multipart body may add to its files."""


def limits(settings: Settings) -> list[tuple[re.Pattern[str], int]]:
    """Return bytes by path; the first that matches counts, `JSON_BYTES` where none does."""
    product = r"/api/v1/products/[^/]+"
    return [
        (re.compile(rf"{product}/inspections"), settings.max_image_bytes + FRAMING_BYTES),
        (re.compile(rf"{product}/inspections/batch"), settings.max_batch_bytes + FRAMING_BYTES),
        (re.compile(rf"{product}/datasets/archive"), settings.max_upload_bytes),
        (re.compile(r"/api/v1/uploads/[^/]+"), settings.max_upload_part_bytes),
        (re.compile(r"/api/v1/models/import"), settings.max_model_bytes),
    ]


class BodyLimit:
    """ASGI middleware: refuses a body by its stated length, and stops one that grows too long."""

    def __init__(self, app: ASGIApp, by_path: Sequence[tuple[re.Pattern[str], int]]) -> None:
        self._app = app
        self._by_path = by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        stated = Headers(scope=scope).get("Content-Length", "0")
        if not stated.isdecimal() or len(stated) > 20 or int(stated) > limit:
            await _too_large(limit)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, _said(limit), {"Connection": "close"})
            return message

        await self._app(scope, counted, send)

    def _limit(self, path: str) -> int:
        for pattern, limit in self._by_path:
            if pattern.fullmatch(path):
                return limit
        return JSON_BYTES


def _too_large(limit: int) -> ASGIApp:
    return problem(413, "too-large", _said(limit), headers={"Connection": "close"})


def _said(limit: int) -> str:
    return f"this address takes at most {limit:,} bytes: send less, or have the limit raised"
