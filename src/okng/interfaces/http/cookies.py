"""The cookies of a session, and where a request comes from."""

from starlette.requests import Request
from starlette.responses import Response

from okng.interfaces.http.callers import device_cookie, session_cookie
from okng.services.sign_in import DEVICE_LASTS, SignedIn


def set_cookies(response: Response, signed_in: SignedIn, request: Request) -> None:
    """Give the browser its session, which no script can read and no other site can send.

    The session's cookie goes when the browser is closed; the device's stays, and opens nothing.
    """
    tls: bool = request.app.state.tls
    lasts = int(DEVICE_LASTS.total_seconds())
    for name, value, age in (
        (session_cookie(tls), signed_in.session, None),
        (device_cookie(tls), signed_in.device, lasts),
    ):
        response.set_cookie(
            name, value, max_age=age, path="/", secure=tls, httponly=True, samesite="strict"
        )


def drop_cookies(response: Response, request: Request) -> None:
    """Take the session from the browser."""
    tls: bool = request.app.state.tls
    response.delete_cookie(
        session_cookie(tls), path="/", secure=tls, httponly=True, samesite="strict"
    )


def address_of(request: Request) -> str:
    """Return the address that the connection comes from; no header is believed."""
    return request.client.host if request.client else "unknown"
