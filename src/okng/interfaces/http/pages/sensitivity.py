"""Sensitivity: thresholds moved by hand over scores whose truth is known, and saved as new ones."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from okng.bootstrap.service import Service
from okng.domain.errors import NotFound
from okng.domain.model import CHAMPION
from okng.interfaces.http.callers import Caller, Served
from okng.interfaces.http.pages.choosing import choose_product
from okng.interfaces.http.pages.rendering import page
from okng.interfaces.http.pages.visitors import PageRoute, TeachingVisitor

router = APIRouter(include_in_schema=False, route_class=PageRoute)

TEXTS = ("sensitivity", "promise")


@router.get("/sensitivity")
def sensitivity(
    request: Request,
    service: Served,
    caller: TeachingVisitor,
    version: Annotated[int | None, Query(ge=1, le=10**9)] = None,
) -> Response:
    """Show the scores of a model, its thresholds, and what moving them would change."""
    choice = choose_product(service, request, caller)
    product = choice.chosen
    models = [] if product is None else _versions(service, product)
    chosen = None
    if product is not None and models:
        chosen = _chosen(service, product, models, version, caller)
    return page(
        request,
        "sensitivity",
        caller,
        choice=choice,
        texts=TEXTS,
        data={"version": chosen},
        models=models,
        version=chosen,
    )


def _versions(service: Service, product: str) -> list[int]:
    names = service.registry.names(product)
    return sorted((int(name.rpartition("-")[2]) for name in names), reverse=True)


def _chosen(
    service: Service, product: str, models: list[int], asked: int | None, caller: Caller
) -> int:
    """Return the version that the page is about: the one asked for, the champion, or the newest.

    Raises:
        NotFound: there is no such version.
    """
    if asked is not None:
        if asked not in models:
            raise NotFound(f"there is no model {product}-{asked}: choose another one")
        return asked
    champion = service.models.aliases(product, caller.principal).get(CHAMPION)
    return models[0] if champion is None else int(champion.rpartition("-")[2])
