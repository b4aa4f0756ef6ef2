"""The application: every route, and what stands around all of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio import CapacityLimiter
from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from okng.bootstrap.service import Service
from okng.interfaces.http.answers import Problem
from okng.interfaces.http.body_limit import BodyLimit, limits
from okng.interfaces.http.callers import CSRF, Reader, session_cookie
from okng.interfaces.http.documentation import PROBLEMS
from okng.interfaces.http.envelope import Envelope
from okng.interfaces.http.faults import known_query
from okng.interfaces.http.metrics import Metrics
from okng.interfaces.http.pages import about, account, assets
from okng.interfaces.http.pages import inspect as inspect_page
from okng.interfaces.http.pages import live as live_page
from okng.interfaces.http.pages import products as products_page
from okng.interfaces.http.pages import results as results_page
from okng.interfaces.http.pages import review as review_page
from okng.interfaces.http.pages import sensitivity as sensitivity_page
from okng.interfaces.http.pages.visitors import PageRoute
from okng.interfaces.http.problems import add_problem_handlers, problem
from okng.interfaces.http.records import API
from okng.interfaces.http.routes import (
    audit,
    calibrations,
    checkups,
    datasets,
    detectors,
    evaluations,
    exports,
    health,
    inspections,
    jobs,
    live,
    models,
    parts,
    people,
    products,
    quality,
    reviews,
    samples,
    scores,
    sessions,
    tiers,
    tokens,
    uploads,
)
from okng.version import __version__

_ROUTERS = (
    sessions.router,
    products.router,
    datasets.router,
    checkups.router,
    uploads.router,
    jobs.router,
    tiers.router,
    detectors.router,
    models.router,
    evaluations.router,
    calibrations.router,
    inspections.router,
    exports.router,
    parts.router,
    reviews.router,
    samples.router,
    scores.router,
    live.router,
    quality.router,
    people.router,
    tokens.router,
    audit.router,
)
_PAGES = (
    assets.router,
    account.router,
    about.router,
    inspect_page.router,
    products_page.router,
    review_page.router,
    sensitivity_page.router,
    results_page.router,
    live_page.router,
)
_DESCRIPTION = (
    "Visual quality inspection: OK or NG, where, and how sure. Programs send a token "
    "(`Authorization: Bearer okng_...`); browsers have a session cookie, and send its CSRF token "
    f"with every change (`{CSRF}`). Errors are `application/problem+json` with a stable `code`."
)


def create_app(service: Service, tls: bool = False) -> FastAPI:
    """Build the application on a service; whoever built that starts and closes it.

    `tls` says that browsers reach it by https alone.
    """
    app = _App(
        title="okng",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.service, app.state.tls = service, tls
    app.state.metrics = Metrics(service.pool.statistics)
    add_problem_handlers(app)
    app.add_exception_handler(ClientDisconnect, _gone)
    for router in _ROUTERS:
        app.include_router(router, responses=PROBLEMS, dependencies=[Depends(known_query)])
    app.include_router(health.router, responses=PROBLEMS)
    for router in _PAGES:
        app.include_router(router)
    app.state.pages = frozenset(
        route.path for router in _PAGES for route in router.routes if isinstance(route, PageRoute)
    )
    _add_openapi(app, tls)
    app.add_middleware(BodyLimit, by_path=limits(service.settings))
    return app


class _App(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """Put the envelope around all, also around what answers for a fault of okng."""
        return Envelope(super().build_middleware_stack(), self.state.metrics, self.state.tls)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Give inspections threads of their own, so that they never keep other requests waiting."""
    settings = app.state.service.settings
    app.state.inspecting = CapacityLimiter(settings.queue_size + settings.workers + 1)
    yield


async def _gone(_: Request, __: Exception) -> Response:
    return problem(400, "bad-request", "the request ended before it was whole: send it again")


def _add_openapi(app: FastAPI, tls: bool) -> None:
    """Describe the interface, with who may do what; the description takes the right to read."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            parts = schema.setdefault("components", {})
            parts.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
            parts["securitySchemes"] = {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": session_cookie(tls)},
            }
            schema["security"] = [{"token": []}, {"session": []}]
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]

    @app.get(f"{API}/openapi.json", include_in_schema=False)
    def description(_: Reader) -> JSONResponse:
        return JSONResponse(app.openapi())
