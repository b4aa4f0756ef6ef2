"""The few pages of the service itself: start, sign in, change of the password."""

import hmac
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from jinja2 import Environment, FileSystemLoader
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from okng.bootstrap.service import Service
from okng.domain.errors import BadSetting, Forbidden, NotSignedIn, OkngError, TooMany
from okng.domain.people import Right
from okng.interfaces.http.callers import Served, device_cookie, session_of
from okng.interfaces.http.cookies import address_of, drop_cookies, set_cookies
from okng.interfaces.http.problems import status_of
from okng.services.sign_in import Current, check_csrf
from okng.version import __version__

router = APIRouter(include_in_schema=False)

_HERE = Path(__file__).parent
_STYLE = _HERE / "static" / "okng.css"
_FORM_BYTES = 16 << 10
_LOGIN_COOKIE = "okng_login"
_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_templates = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=True, trim_blocks=True
)


@router.get("/")
def start(service: Served, request: Request) -> Response:
    """Say what is running; to strangers, only that it is okng."""
    current = _current(service, request)
    if current is None:
        return _page("start", title="okng")
    if current.person.must_change:
        return RedirectResponse("/password", 303)
    shown: dict[str, Any] = {}
    if current.principal.may(Right.READ):
        statistics = service.pool.statistics()
        shown = {
            "products": service.overview(current.principal),
            "loaded": sorted(statistics.models),
            "queue": statistics.queued,
        }
    return _page(
        "start",
        title="okng",
        principal=current.principal,
        csrf=current.csrf,
        version=__version__,
        started=f"{service.started:%Y-%m-%d %H:%M} UTC",
        **shown,
    )


@router.get("/login")
def login_page(request: Request) -> Response:
    """Ask for name and password."""
    return _login(request, "", "")


@router.post("/login")
async def login(service: Served, request: Request) -> Response:
    """Sign in by the form."""
    form = await _form(request)
    kept = request.cookies.get(_LOGIN_COOKIE, "")
    if not kept or not _same(kept, form.get("csrf", "")):
        return _login(request, form.get("name", ""), "This page was too old: try again.", 403)
    try:
        signed_in = await run_in_threadpool(
            lambda: service.sign_in.sign_in(
                form.get("name", ""),
                form.get("password", ""),
                address_of(request),
                datetime.now(UTC),
                device=request.cookies.get(device_cookie(request.app.state.tls)),
                before=session_of(request),
            )
        )
    except (NotSignedIn, TooMany) as error:
        return _login(request, form.get("name", ""), _sentence(error), status_of(error))
    response = RedirectResponse("/password" if signed_in.person.must_change else "/", 303)
    set_cookies(response, signed_in, request)
    response.delete_cookie(_LOGIN_COOKIE, path="/login")
    return response


@router.post("/logout")
async def logout(service: Served, request: Request) -> Response:
    """Sign out by the form."""
    form = await _form(request)
    session = session_of(request)
    if session is not None:
        check_csrf(session, form.get("csrf"))
        await run_in_threadpool(service.sign_in.sign_out, session)
    response = RedirectResponse("/", 303)
    drop_cookies(response, request)
    return response


@router.get("/password")
def password_page(service: Served, request: Request) -> Response:
    """Ask for a new password."""
    current = _current(service, request)
    return RedirectResponse("/login", 303) if current is None else _password(current, "")


@router.post("/password")
async def change_password(service: Served, request: Request) -> Response:
    """Change one's own password by the form."""
    form = await _form(request)
    session = session_of(request)
    current = await run_in_threadpool(_current, service, request)
    if session is None or current is None:
        return RedirectResponse("/login", 303)
    check_csrf(session, form.get("csrf"))
    try:
        signed_in = await run_in_threadpool(
            service.sign_in.change_password,
            session,
            form.get("old", ""),
            form.get("new", ""),
            address_of(request),
            datetime.now(UTC),
        )
    except (NotSignedIn, BadSetting, TooMany) as error:
        return _password(current, _sentence(error), status_of(error))
    response = RedirectResponse("/", 303)
    set_cookies(response, signed_in, request)
    return response


@router.get("/static/okng.css")
def style() -> Response:
    return FileResponse(_STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})


def _current(service: Service, request: Request) -> Current | None:
    session = session_of(request)
    if session is None:
        return None
    try:
        return service.sign_in.current(session, datetime.now(UTC))
    except NotSignedIn:
        return None


async def _form(request: Request) -> dict[str, str]:
    """Read a form of plain fields.

    Raises:
        Forbidden: it was sent from another site.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("this form does not come from a page of okng: load the page again")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            raise Forbidden("this form is none of okng's: load the page again")
    try:
        fields = parse_qs(bytes(body).decode(), keep_blank_values=True, max_num_fields=10)
    except ValueError as error:
        raise Forbidden("this form is none of okng's: load the page again") from error
    return {name: values[0] for name, values in fields.items()}


def _login(request: Request, name: str, fault: str, status: int = 200) -> Response:
    """Show the form, with a secret that only whoever got the page can send back."""
    csrf = secrets.token_urlsafe(32)
    response = _page("login", status, title="Sign in", csrf=csrf, fault=fault, name=name[:64])
    response.set_cookie(
        _LOGIN_COOKIE,
        csrf,
        path="/login",
        max_age=3600,
        secure=request.app.state.tls,
        httponly=True,
        samesite="strict",
    )
    return response


def _password(current: Current, fault: str, status: int = 200) -> Response:
    return _page(
        "password",
        status,
        title="Change the password",
        csrf=current.csrf,
        fault=fault,
        must_change=current.person.must_change,
    )


def _page(template: str, status: int = 200, **shown: object) -> Response:
    html = _templates.get_template(f"{template}.html.j2").render(**shown)
    return HTMLResponse(html, status, {"Content-Security-Policy": _CSP})


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(
        one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
    )


def _sentence(error: OkngError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
