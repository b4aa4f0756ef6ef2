"""What this service is, since when it runs and what it is doing."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from okng.interfaces.http.callers import Served
from okng.interfaces.http.pages.rendering import page
from okng.interfaces.http.pages.visitors import PageRoute, ReadingVisitor

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/about")
def about(request: Request, service: Served, caller: ReadingVisitor) -> Response:
    """Show the version, the products in short, and what inspects now."""
    statistics = service.pool.statistics()
    return page(
        request,
        "about",
        caller,
        started=service.started,
        products=service.overview(caller.principal),
        loaded=sorted(statistics.models),
        queued=statistics.queued,
        queue_size=statistics.queue_size,
    )
