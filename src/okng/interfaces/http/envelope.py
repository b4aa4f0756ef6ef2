"""Around every request: an id, security headers, one line of log, one observation."""

import logging
import re
from dataclasses import dataclass
from time import perf_counter
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from okng.interfaces.http.json_logs import FIELDS
from okng.interfaces.http.metrics import Metrics

REQUEST_ID = "X-Request-Id"
FACTS = "okng"
"""Key of the scope under which a request's `Facts` lie."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""What every answer carries unless the route says something stricter or its own."""

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_log = logging.getLogger("okng.http")


@dataclass
class Facts:
    """What is known of a request beside what was sent."""

    id: str
    actor: str = "-"


class Envelope:
    """ASGI middleware; the outermost."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tls: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._headers = dict(HEADERS)
        if tls:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = perf_counter()
        given = Headers(scope=scope).get(REQUEST_ID, "")
        facts = Facts(given if _ID.fullmatch(given) else uuid4().hex)
        scope[FACTS] = facts
        status = 500

        async def completed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = facts.id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, completed)
        finally:
            self._tell(scope, facts, status, perf_counter() - start)

    def _tell(self, scope: Scope, facts: Facts, status: int, seconds: float) -> None:
        # The template, never the path: a path may hold what belongs to somebody.
        route = getattr(scope.get("route"), "path", "-")
        # Anybody may send any method; each new one would be a new time series.
        method = scope["method"] if route != "-" else "-"
        self._metrics.request(method, route, status, seconds)
        fields = {
            "request": facts.id,
            "actor": facts.actor,
            "method": method,
            "route": route,
            "status": status,
            "ms": round(1000 * seconds, 2),
        }
        _log.info("request", extra={FIELDS: fields})
