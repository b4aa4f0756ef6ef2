"""The session of a browser: sign in and out, and who one is."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from okng.domain.errors import BadRequest
from okng.interfaces.http.bodies import NewPassword, NewSession
from okng.interfaces.http.callers import Known, Served, device_cookie, session_of
from okng.interfaces.http.cookies import address_of, drop_cookies, set_cookies
from okng.interfaces.http.people_answers import SessionAnswer
from okng.interfaces.http.records import API
from okng.services.sign_in import SignedIn

router = APIRouter(prefix=API, tags=["session"])


@router.post("/session", status_code=201, response_model=SessionAnswer)
def sign_in(service: Served, request: Request, response: Response, body: NewSession) -> object:
    """Sign in: answers with cookies, and the CSRF token that goes with every change."""
    signed_in = service.sign_in.sign_in(
        body.name,
        body.password,
        address_of(request),
        datetime.now(UTC),
        device=request.cookies.get(device_cookie(request.app.state.tls)),
        before=session_of(request),
    )
    set_cookies(response, signed_in, request)
    return _answer(signed_in)


@router.get("/session", response_model=SessionAnswer)
def get_session(caller: Known) -> object:
    """Return who asks, and what he may do."""
    return {
        "name": caller.principal.name,
        "rights": caller.principal.rights,
        "must_change": caller.must_change,
        "csrf": caller.csrf,
    }


@router.delete("/session", status_code=204, response_class=Response)
def sign_out(service: Served, caller: Known, request: Request, response: Response) -> None:
    """Sign out."""
    if caller.session is not None:
        service.sign_in.sign_out(caller.session)
    drop_cookies(response, request)


@router.post("/session/password", response_model=SessionAnswer)
def change_password(
    service: Served, caller: Known, request: Request, response: Response, body: NewPassword
) -> object:
    """Change one's own password; all other sessions of the person end."""
    if caller.session is None:
        raise BadRequest("a token has no password: sign in")
    signed_in = service.sign_in.change_password(
        caller.session, body.old, body.new, address_of(request), datetime.now(UTC)
    )
    set_cookies(response, signed_in, request)
    return _answer(signed_in)


def _answer(signed_in: SignedIn) -> dict[str, object]:
    person = signed_in.person
    return {
        "name": person.name,
        "rights": frozenset() if person.must_change else person.role.rights,
        "must_change": person.must_change,
        "csrf": signed_in.csrf,
    }
