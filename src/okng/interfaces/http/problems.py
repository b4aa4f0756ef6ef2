"""Errors as problem+json (RFC 9457), each with a stable `code`."""

import json
from collections.abc import Mapping, Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from okng.domain.errors import NotSignedIn, OkngError, TooLarge, TooMany
from okng.interfaces.http.faults import fault_of

MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[str, int] = {
    "error": 400,
    "bad-request": 400,
    "not-signed-in": 401,
    "forbidden": 403,
    "not-found": 404,
    "conflict": 409,
    "too-large": 413,
    "bad-image": 422,
    "bad-dataset": 422,
    "bad-model": 422,
    "bad-setting": 422,
    "parity": 422,
    "too-many-requests": 429,
    "missing-extra": 501,
    "bad-backbone": 422,
    "bad-backup": 422,
    "training-failed": 422,
    "damaged-content": 503,
    "unavailable": 503,
}
"""HTTP status by code."""

TITLES: Mapping[str, str] = {
    "error": "This cannot be done",
    "bad-request": "The request cannot be understood",
    "invalid": "The request has values that cannot be used",
    "not-signed-in": "Sign in first",
    "forbidden": "This is not yours to do",
    "not-found": "There is no such thing",
    "method-not-allowed": "This address does not take that method",
    "conflict": "What is there already stands against it",
    "too-large": "More than a limit allows",
    "bad-image": "The image cannot be inspected",
    "bad-dataset": "The dataset cannot be used",
    "bad-model": "The model cannot be used",
    "bad-setting": "A value cannot work",
    "parity": "Two runtimes disagree",
    "too-many-requests": "Too many requests",
    "missing-extra": "A part is not installed",
    "bad-backbone": "The backbone cannot be used",
    "bad-backup": "The backup cannot be used",
    "training-failed": "The training ended without a model",
    "damaged-content": "A stored file is damaged",
    "unavailable": "Something that okng needs does not answer",
    "internal": "A fault in okng itself",
}

_CODE_OF_STATUS = {
    400: "bad-request",
    401: "not-signed-in",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    422: "invalid",
    429: "too-many-requests",
}
_MOST_FAULTS = 20
_DESCRIBED = "/api/v1/openapi.json describes what there is"


def status_of(error: OkngError) -> int:
    """Return the HTTP status for an error: its own code's, or that of the nearest parent."""
    codes = (str(vars(kind).get("code")) for kind in type(error).__mro__)
    return next((STATUS[code] for code in codes if code in STATUS), 400)


def problem_content(error: OkngError) -> dict[str, object]:
    """Return the content of a problem, for an answer that holds several."""
    return _content(status_of(error), error.code, str(error))


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build a problem+json response; `errors` says which values are wrong, by JSON pointer."""
    content = _content(status, code, detail)
    if errors:
        content["errors"] = list(errors)
    # ASCII: surrogates that a name brought along could not be encoded otherwise.
    body = json.dumps(content).encode()
    return Response(body, status, headers, media_type=MEDIA_TYPE)


def problem_of(error: OkngError) -> Response:
    """Build the response for an error that okng raised on purpose."""
    headers = {}
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = 'Bearer realm="okng"'
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(error.retry_seconds or 1)
    if isinstance(error, TooLarge):
        headers["Connection"] = "close"
    return problem(status_of(error), error.code, str(error), headers=headers)


def add_problem_handlers(app: FastAPI) -> None:
    """Let every error of the application be answered with problem+json."""

    @app.exception_handler(OkngError)
    async def _refused(_: Request, error: OkngError) -> Response:
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        faults = [fault_of(fault) for fault in error.errors()[:_MOST_FAULTS]]
        said = "; ".join(f"{fault['pointer']}: {fault['message']}" for fault in faults)
        return problem(422, "invalid", said or "invalid", errors=faults)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        status = error.status_code
        code, said = _CODE_OF_STATUS.get(status, "error"), str(error.detail)
        if status == 404:
            said = f"okng has no such address: {_DESCRIBED}"
        elif status == 405:
            allowed = (error.headers or {}).get("Allow", "others")
            said = f"this address takes {allowed}, not {request.method}: {_DESCRIBED}"
        elif status == 400:
            said = f"the body cannot be read as what it says to be: {_DESCRIBED}"
        return problem(status, code, said, headers=error.headers)

    @app.exception_handler(Exception)
    async def _bug(_: Request, __: Exception) -> Response:
        said = "the log of the service says more, under this request's id (X-Request-Id)"
        return problem(500, "internal", said)


def _content(status: int, code: str, detail: str) -> dict[str, object]:
    return {
        "type": f"urn:okng:problem:{code}",
        "title": TITLES.get(code, "This cannot be done"),
        "status": status,
        "detail": detail,
        "code": code,
    }
