"""Who looks at a page, and what he gets where something is in the way: a page, never JSON."""

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from okng.domain.errors import BadRequest, NotSignedIn, OkngError
from okng.domain.people import Right
from okng.interfaces.http.callers import Caller, caller_of, service_of
from okng.interfaces.http.pages.rendering import fault_page

_LOCAL = re.compile(r"/(?:[a-z0-9][\w/.-]*)?(?:\?[\w=&%.,:@+-]*)?")
_LONGEST = 500


class PasswordFirst(Exception):
    """A page was asked for while the password must be changed."""


class Visits:
    """Lets whoever has a right see a page; asked in a thread, where it may ask the database."""

    def __init__(self, right: Right | None) -> None:
        self.right = right

    def __call__(self, request: Request) -> Caller:
        caller = caller_of(request, service_of(request))
        if caller.must_change:
            raise PasswordFirst
        if self.right is not None:
            caller.principal.require(self.right)
        return caller


ReadingVisitor = Annotated[Caller, Depends(Visits(Right.READ))]
InspectingVisitor = Annotated[Caller, Depends(Visits(Right.INSPECT))]
ReviewingVisitor = Annotated[Caller, Depends(Visits(Right.REVIEW))]
TeachingVisitor = Annotated[Caller, Depends(Visits(Right.TEACH))]
AdministeringVisitor = Annotated[Caller, Depends(Visits(Right.ADMINISTER))]


class PageRoute(APIRoute):
    """A page: strangers are led to sign in, and a fault is told by a page.

    What a module or htmx asks for is answered with problem+json, which `api.js` and `shell.js`
    put into words.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            if "HX-Request" in request.headers:
                return await inner(request)
            try:
                return await inner(request)
            except NotSignedIn:
                return to_sign_in(request)
            except PasswordFirst:
                return RedirectResponse("/password", 303)
            except RequestValidationError:
                error = BadRequest("the address holds a value that cannot be: check it")
                return await _told(request, error)
            except OkngError as error:
                return await _told(request, error)

        return handler


async def _told(request: Request, error: OkngError) -> Response:
    caller = await run_in_threadpool(visitor_of, request)
    return fault_page(request, error, caller)


def visitor_of(request: Request) -> Caller | None:
    """Return who looks, for pages that strangers may see too."""
    try:
        return caller_of(request, service_of(request))
    except OkngError:
        return None


def to_sign_in(request: Request) -> Response:
    """Lead to the sign-in page, and from there back to where one was."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = f"?{urlencode({'next': path})}" if request.method == "GET" and path != "/" else ""
    return RedirectResponse(f"/login{back}", 303)


def local_path(text: str) -> str:
    """Return a path of this site as it is, `/` for everything that might lead elsewhere."""
    return text if len(text) <= _LONGEST and _LOCAL.fullmatch(text) else "/"
