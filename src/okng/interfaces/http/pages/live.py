"""Live: what happens at the line, made to be read from three metres; and the same as a kiosk."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from okng.domain.errors import NotSignedIn
from okng.domain.people import Right
from okng.interfaces.http.bodies import PLAIN
from okng.interfaces.http.callers import Served
from okng.interfaces.http.kiosk_callers import keep_kiosk, screen_of
from okng.interfaces.http.pages.choosing import choose_product
from okng.interfaces.http.pages.rendering import page
from okng.interfaces.http.pages.visitors import PageRoute, ReadingVisitor
from okng.services.live import Scene
from okng.services.sign_in import csrf_token

router = APIRouter(include_in_schema=False, route_class=PageRoute)

TEXTS = ("live",)


@router.get("/live")
def live(
    request: Request,
    service: Served,
    caller: ReadingVisitor,
    station: Annotated[str | None, Query(max_length=200, pattern=PLAIN)] = None,
) -> Response:
    """Show inspections as they happen, and which screens are kiosks."""
    choice = choose_product(service, request, caller)
    scene = None if choice.chosen is None else Scene(choice.chosen, station or None)
    teaches = caller.principal.may(Right.TEACH)
    return page(
        request,
        "live",
        caller,
        choice=choice,
        texts=TEXTS,
        data={"kiosk": False, "station": station or None},
        scene=scene,
        kiosk=None,
        kiosks=service.kiosks.list(caller.principal) if teaches else (),
        teaches=teaches,
        doubts=caller.principal.may(Right.INSPECT),
    )


@router.get("/kiosk")
def kiosk(request: Request) -> Response:
    """Show the one page of a kiosk; who has no such cookie is led to sign in."""
    try:
        screen = screen_of(request)
    except NotSignedIn:
        return RedirectResponse("/login?next=%2Flive", 303)
    shown = page(
        request,
        "live",
        None,
        texts=TEXTS,
        data={
            "kiosk": True,
            "station": screen.kiosk.station,
            "product": screen.kiosk.product,
            "csrf": csrf_token(screen.secret),
        },
        scene=screen.kiosk.scene,
        kiosk=screen.kiosk,
        kiosks=(),
        teaches=False,
        doubts=True,
    )
    keep_kiosk(shown, screen.secret, request)
    return shown
