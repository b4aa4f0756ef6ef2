"""Who asks, and whether he may: every route that is not open has one of these in its arguments."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request

from okng.bootstrap.service import Service
from okng.domain.errors import Forbidden, NotSignedIn
from okng.domain.people import Principal, Right
from okng.interfaces.http.envelope import FACTS
from okng.services.sign_in import check_csrf

CSRF = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Caller:
    """Whoever asks: by a token, or by the session that a cookie names."""

    principal: Principal
    session: str | None = field(default=None, repr=False)
    csrf: str | None = field(default=None, repr=False)
    must_change: bool = False


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Served = Annotated[Service, Depends(service_of, use_cache=True)]


def session_cookie(tls: bool) -> str:
    """Return the cookie's name; browsers take `__Host-` over TLS alone, from this host alone."""
    return "__Host-okng_session" if tls else "okng_session"


def device_cookie(tls: bool) -> str:
    return "__Host-okng_device" if tls else "okng_device"


def session_of(request: Request) -> str | None:
    """Return the session that the browser names, whoever it belongs to."""
    return request.cookies.get(session_cookie(request.app.state.tls))


def caller_of(request: Request, service: Service) -> Caller:
    """Find out who asks; a change by cookie needs the session's CSRF token.

    Raises:
        NotSignedIn: nobody is known.
        Forbidden: the CSRF token is missing or another one's.
    """
    now = datetime.now(UTC)
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise NotSignedIn("say who you are by a token: Authorization: Bearer okng_...")
        caller = Caller(service.tokens.principal_of(secret.strip(), now))
    else:
        session = session_of(request)
        if session is None:
            raise NotSignedIn("sign in, or send a token: Authorization: Bearer okng_...")
        current = service.sign_in.current(session, now)
        if request.method not in _SAFE:
            check_csrf(session, request.headers.get(CSRF))
        must_change = current.person.must_change
        caller = Caller(current.principal, session, current.csrf, must_change)
    request.scope[FACTS].actor = caller.principal.name
    return caller


class Needs:
    """Lets whoever has a right pass; None: whoever is signed in.

    Not a coroutine: FastAPI runs it in a thread, where it may ask the database.
    """

    def __init__(self, right: Right | None) -> None:
        self.right = right

    def __call__(self, request: Request) -> Principal:
        caller = caller_of(request, service_of(request))
        if caller.must_change:
            raise Forbidden("choose a password of your own first: POST /api/v1/session/password")
        if self.right is not None:
            caller.principal.require(self.right)
        return caller.principal


def known_caller(request: Request) -> Caller:
    return caller_of(request, service_of(request))


Known = Annotated[Caller, Depends(known_caller)]
"""Whoever is signed in, also while the password must be changed."""

SignedIn = Annotated[Principal, Depends(Needs(None))]
Reader = Annotated[Principal, Depends(Needs(Right.READ))]
Inspecting = Annotated[Principal, Depends(Needs(Right.INSPECT))]
Reviewing = Annotated[Principal, Depends(Needs(Right.REVIEW))]
Teacher = Annotated[Principal, Depends(Needs(Right.TEACH))]
Administrator = Annotated[Principal, Depends(Needs(Right.ADMINISTER))]
