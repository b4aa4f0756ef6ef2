"""Results: what was inspected, the whole story of each, and quality over time."""

import json

from fastapi import APIRouter, Request
from starlette.responses import Response

from okng.domain.people import AuditEntry
from okng.domain.records import Review
from okng.interfaces.http.bodies import Id
from okng.interfaces.http.callers import Served
from okng.interfaces.http.pages.choosing import choose_product
from okng.interfaces.http.pages.rendering import page
from okng.interfaces.http.pages.visitors import PageRoute, ReadingVisitor
from okng.interfaces.http.records import calibration_record, inspection_record, review_record
from okng.services.stories import Story

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/results")
def results(request: Request, service: Served, caller: ReadingVisitor) -> Response:
    """Show a list of inspections that can be searched."""
    choice = choose_product(service, request, caller, every=True)
    return page(request, "results", caller, choice=choice, texts=("results",))


@router.get("/results/charts")
def charts(request: Request, service: Served, caller: ReadingVisitor) -> Response:
    """Show yield, overkill, escapes and defects over time."""
    choice = choose_product(service, request, caller, every=True)
    return page(request, "charts", caller, choice=choice, texts=("charts",))


@router.get("/results/{inspection_id}")
def story(request: Request, service: Served, caller: ReadingVisitor, inspection_id: Id) -> Response:
    """Show all that belongs to one inspection."""
    told = service.stories.of(inspection_id, caller.principal)
    product = told.record.inspection.product
    return page(
        request,
        "story",
        caller,
        texts=("story", "viewer", "scale", "promise", "inspect"),
        data={
            "inspection": inspection_record(told.record),
            "reviews": [_plain_review(one) for one in told.reviews],
            "promises": _promises(told),
            "defects": service.review_queue.defects(product, caller.principal),
        },
        story=told,
        one=told.record.inspection,
        trail=[(entry, _details(entry)) for entry in told.trail],
    )


def _plain_review(review: Review) -> dict[str, object]:
    """Return a review as plain values for JSON."""
    plain = review_record(review)
    return {
        key: str(value) if key in ("at", "verdict", "withdrawn") and value else value
        for key, value in plain.items()
    }


def _promises(told: Story) -> object:
    return None if told.calibration is None else calibration_record(told.calibration)["promises"]


def _details(entry: AuditEntry) -> str:
    """Return what an entry says beside who did what, in a line."""
    said = json.loads(entry.details)
    return ", ".join(f"{name}: {value}" for name, value in said.items() if value is not None)
