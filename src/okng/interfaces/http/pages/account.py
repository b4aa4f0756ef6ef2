"""Sign in, sign out, and change one's own password."""

import hmac
import secrets
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from okng.domain.errors import BadSetting, NotSignedIn, OkngError, TooMany
from okng.interfaces.http.callers import Caller, Served, device_cookie, session_of
from okng.interfaces.http.cookies import address_of, drop_cookies, set_cookies
from okng.interfaces.http.pages.forms import read_form
from okng.interfaces.http.pages.navigation import home
from okng.interfaces.http.pages.rendering import page
from okng.interfaces.http.pages.visitors import PageRoute, local_path, to_sign_in, visitor_of
from okng.interfaces.http.problems import status_of
from okng.services.sign_in import check_csrf

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_LOGIN_COOKIE = "okng_login"


@router.get("/")
def start(request: Request) -> Response:
    """Lead to the page that somebody begins with."""
    caller = visitor_of(request)
    if caller is None or caller.must_change:
        return RedirectResponse("/login" if caller is None else "/password", 303)
    return RedirectResponse(home(caller.principal, request.app.state.pages), 303)


@router.get("/login")
def login_page(request: Request) -> Response:
    """Ask for name and password."""
    return _login(request, "", None, request.query_params.get("next", "/"))


@router.post("/login")
async def login(service: Served, request: Request) -> Response:
    """Sign in by the form."""
    form = await read_form(request)
    name, back = form.get("name", ""), form.get("next", "/")
    kept = request.cookies.get(_LOGIN_COOKIE, "")
    if not kept or not _same(kept, form.get("csrf", "")):
        return _login(request, name, None, back, 403)
    try:
        signed_in = await run_in_threadpool(
            lambda: service.sign_in.sign_in(
                name,
                form.get("password", ""),
                address_of(request),
                datetime.now(UTC),
                device=request.cookies.get(device_cookie(request.app.state.tls)),
                before=session_of(request),
            )
        )
    except (NotSignedIn, TooMany) as error:
        return _login(request, name, error, back, status_of(error))
    first = signed_in.person.must_change
    response = RedirectResponse("/password" if first else local_path(back), 303)
    set_cookies(response, signed_in, request)
    response.delete_cookie(_LOGIN_COOKIE, path="/login")
    return response


@router.post("/logout")
async def logout(service: Served, request: Request) -> Response:
    """Sign out by the form."""
    form = await read_form(request)
    session = session_of(request)
    if session is not None:
        check_csrf(session, form.get("csrf"))
        await run_in_threadpool(service.sign_in.sign_out, session)
    response = RedirectResponse("/login", 303)
    drop_cookies(response, request)
    return response


@router.get("/password")
def password_page(request: Request) -> Response:
    """Ask for a new password."""
    caller = visitor_of(request)
    return to_sign_in(request) if caller is None else _password(request, caller, None)


@router.post("/password")
async def change_password(service: Served, request: Request) -> Response:
    """Change one's own password by the form."""
    form = await read_form(request)
    session = session_of(request)
    if session is None:
        return to_sign_in(request)
    check_csrf(session, form.get("csrf"))
    now = datetime.now(UTC)
    current = await run_in_threadpool(service.sign_in.current, session, now)
    caller = Caller(current.principal, session, current.csrf, current.person.must_change)
    try:
        signed_in = await run_in_threadpool(
            service.sign_in.change_password,
            session,
            form.get("old", ""),
            form.get("new", ""),
            address_of(request),
            now,
        )
    except (NotSignedIn, BadSetting, TooMany) as error:
        return _password(request, caller, error, status_of(error))
    response = RedirectResponse("/", 303)
    set_cookies(response, signed_in, request)
    return response


def _login(
    request: Request, name: str, fault: OkngError | None, back: str, status: int = 200
) -> Response:
    """Show the form, with a secret that only whoever got the page can send back.

    403 without a fault: the secret was another page's.
    """
    csrf = secrets.token_urlsafe(32)
    response = page(
        request,
        "login",
        None,
        status=status,
        csrf=csrf,
        fault=fault,
        too_old=status == 403 and fault is None,
        name=name[:64],
        back=local_path(back),
    )
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


def _password(
    request: Request, caller: Caller, fault: OkngError | None, status: int = 200
) -> Response:
    return page(request, "password", caller, status=status, fault=fault)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(
        one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
    )
