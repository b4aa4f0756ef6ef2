"""Which screen asks: a kiosk's cookie opens its own page, events and pictures, and nothing else."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from okng.domain.errors import NotSignedIn
from okng.interfaces.http.callers import CSRF, service_of
from okng.interfaces.http.envelope import FACTS
from okng.services.kiosks import Kiosk
from okng.services.sign_in import check_csrf

LASTS_S = 400 * 86400
"""Browsers keep no cookie longer; every visit begins this time anew."""


@dataclass(frozen=True)
class Screen:
    """A kiosk that asks, with the secret of its cookie."""

    kiosk: Kiosk
    secret: str = field(repr=False)


def kiosk_cookie(tls: bool) -> str:
    return "__Host-okng_kiosk" if tls else "okng_kiosk"


def screen_of(request: Request) -> Screen:
    """Find out which kiosk asks; a change needs the CSRF token of its page.

    Raises:
        NotSignedIn: it is none, or no longer.
        Forbidden: the CSRF token is missing or another one's.
    """
    secret = request.cookies.get(kiosk_cookie(request.app.state.tls))
    if secret is None:
        raise NotSignedIn("this screen is no kiosk: sign in")
    kiosk = service_of(request).kiosks.open(secret)
    if request.method != "GET":
        check_csrf(secret, request.headers.get(CSRF))
    request.scope[FACTS].actor = kiosk.actor
    return Screen(kiosk, secret)


Watching = Annotated[Screen, Depends(screen_of)]


def keep_kiosk(response: Response, secret: str, request: Request) -> None:
    """Let a browser be a kiosk, from now on and after it is closed."""
    tls: bool = request.app.state.tls
    response.set_cookie(
        kiosk_cookie(tls),
        secret,
        max_age=LASTS_S,
        path="/",
        secure=tls,
        httponly=True,
        samesite="strict",
    )
