"""Inspect: images in, verdicts out."""

from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.responses import Response

from okng.interfaces.http.callers import Served
from okng.interfaces.http.pages.choosing import choose_product
from okng.interfaces.http.pages.rendering import page
from okng.interfaces.http.pages.visitors import InspectingVisitor, PageRoute

router = APIRouter(include_in_schema=False, route_class=PageRoute)

TEXTS = ("inspect", "viewer", "scale", "promise", "camera")
CAMERA = {"Permissions-Policy": "camera=(self), geolocation=(), microphone=()"}
"""This page alone may use the camera of the device that it is shown on."""


@router.get("/inspect")
def inspect(request: Request, service: Served, caller: InspectingVisitor) -> Response:
    """Show where images go in and verdicts come out."""
    choice = choose_product(service, request, caller)
    product = choice.chosen
    taught = product is not None and bool(service.registry.names(product))
    shown = page(
        request,
        "inspect",
        caller,
        choice=choice,
        texts=TEXTS,
        data={"model": taught},
        headers=CAMERA,
        model=taught,
    )
    if product is not None and taught:  # so that the first image need not wait for the model
        shown.background = BackgroundTask(service.pool.warm, product)
    return shown
