"""Review: people say what unsure, refused and some good parts really were."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from okng.interfaces.http.callers import Served
from okng.interfaces.http.pages.choosing import choose_product
from okng.interfaces.http.pages.rendering import page
from okng.interfaces.http.pages.visitors import PageRoute, ReviewingVisitor, TeachingVisitor

router = APIRouter(include_in_schema=False, route_class=PageRoute)

TEXTS = ("review", "viewer", "scale", "inspect")


@router.get("/review")
def review(request: Request, service: Served, caller: ReviewingVisitor) -> Response:
    """Show one image after another that nobody else is looking at."""
    choice = choose_product(service, request, caller)
    product = choice.chosen
    defects = () if product is None else service.review_queue.defects(product, caller.principal)
    return page(
        request,
        "review",
        caller,
        choice=choice,
        texts=TEXTS,
        data={"defects": defects},
    )


@router.get("/review/train")
def train_again(request: Request, service: Served, caller: TeachingVisitor) -> Response:
    """Show a candidate that has learned the labels beside the champion, and offer to promote it."""
    choice = choose_product(service, request, caller)
    product, by = choice.chosen, caller.principal
    datasets = () if product is None else service.datasets.list(product, by)
    champion = None
    if product is not None and service.registry.names(product):
        champion = f"{product}-{service.registry.manifest(product).version}"
    return page(
        request,
        "train_again",
        caller,
        choice=choice,
        texts=("again", "training", "viewer"),
        data={"champion": champion},
        datasets=[one for one in datasets if " + reviews " not in one.name] or datasets,
        champion=champion,
    )
