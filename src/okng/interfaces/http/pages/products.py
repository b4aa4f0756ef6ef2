"""Products and models: what is taught, with which images, and which model inspects."""

import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from okng import plugins
from okng.bootstrap.service import Service
from okng.bootstrap.tiers import TIERS
from okng.domain.dataset import GOOD, Split
from okng.domain.errors import NotFound
from okng.domain.model import CHAMPION, ModelEntry
from okng.domain.people import Right
from okng.domain.records import DatasetRecord, Job, JobState
from okng.domain.view import PREPARATIONS
from okng.interfaces.http.bodies import UUID
from okng.interfaces.http.callers import Caller, Served
from okng.interfaces.http.pages.choosing import choose_product
from okng.interfaces.http.pages.rendering import CSP, page
from okng.interfaces.http.pages.visitors import PageRoute, ReadingVisitor, TeachingVisitor

router = APIRouter(include_in_schema=False, route_class=PageRoute)

DatasetId = Annotated[str | None, Query(pattern=UUID)]
_GOING = (JobState.RUNNING, JobState.QUEUED)
_MODEL = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}-[0-9]{1,9}")
_FRAMES = {"Content-Security-Policy": f"{CSP}; frame-src 'self'"}
"""Reports are shown within the page; they bring a policy of their own."""
_NEEDS_MEMBERS = ("fusion",)
"""Detectors that cannot be chosen by their name alone."""
_SHOWN_JOBS = 8
_SHOWN_MODELS = 100


@router.get("/products")
def products(request: Request, service: Served, caller: ReadingVisitor) -> Response:
    """List the products, with how far each is; those that are deleted below."""
    by = caller.principal
    return page(
        request,
        "products",
        caller,
        texts=("products",),
        products=service.overview(by),
        deleted=service.products.list(by, deleted=True),
        teaches=by.may(Right.TEACH),
    )


@router.get("/products/product")
def product(
    request: Request,
    service: Served,
    caller: ReadingVisitor,
) -> Response:
    """Show one product: its images, its trainings and its models."""
    choice = choose_product(service, request, caller)
    if choice.chosen is None:
        return products(request, service, caller)
    name, by = choice.chosen, caller.principal
    datasets, jobs = service.datasets.list(name, by), _jobs(service, caller, name)
    gone = service.datasets.list(name, by, deleted=True)
    models = service.models.page(name, _SHOWN_MODELS, None, by).items
    return page(
        request,
        "product",
        caller,
        choice=choice,
        texts=("product", "intake", "training"),
        data={
            "part_bytes": service.settings.max_upload_part_bytes,
            "dataset_names": [one.name for one in (*datasets, *gone)],
            "job": next((job.id for job in jobs if job.state in _GOING), None),
        },
        product=service.products.get(name, by),
        teaches=by.may(Right.TEACH),
        roots=service.settings.dataset_roots,
        datasets=datasets,
        tallies={one.id: tally(one) for one in datasets},
        deleted_datasets=gone,
        jobs=jobs,
        models=models,
        deleted_models=service.models.deleted(name, by),
        active=_active(models),
    )


@router.get("/products/dataset")
def dataset(
    request: Request, service: Served, caller: ReadingVisitor, dataset: DatasetId = None
) -> Response:
    """Show what is in a dataset, and what a check-up found, with the images that it is about."""
    record = _dataset(request, service, caller, dataset)
    if record is None:
        return product(request, service, caller)
    return page(
        request,
        "dataset",
        caller,
        texts=("dataset",),
        data={
            "product": record.product,
            "dataset": record.id,
            "checked": _is_checked(service, caller, record.id),
        },
        dataset=record,
        teaches=caller.principal.may(Right.TEACH),
    )


@router.get("/products/train")
def train(
    request: Request, service: Served, caller: TeachingVisitor, dataset: DatasetId = None
) -> Response:
    """Choose where the model is to look, and how accurate and fast it is to be; then train."""
    record = _dataset(request, service, caller, dataset)
    if record is None:
        return product(request, service, caller)
    detectors = plugins.names("detector", service.settings.plugins)
    return page(
        request,
        "train",
        caller,
        texts=("train", "viewer"),
        data={"product": record.product, "dataset": record.id},
        dataset=record,
        good=record.counts.get(f"{Split.TRAIN.value}/{GOOD}", 0),
        labelled=_labelled(record),
        tiers=tuple(TIERS),
        preparations=PREPARATIONS,
        detectors=[name for name in detectors if name not in _NEEDS_MEMBERS],
    )


@router.get("/products/model")
def model(
    request: Request,
    service: Served,
    caller: ReadingVisitor,
    model: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Show one model: what it is, what it promises, and what it is worth on test images."""
    by = caller.principal
    found = _named(service, model) if model is not None else None
    if found is None:
        chosen = choose_product(service, request, caller).chosen
        known = () if chosen is None else service.models.page(chosen, 1, None, by).items
        if not known:
            return product(request, service, caller)
        found = known[0]
    entry, manifest = service.models.find(found.product, found.version, by)
    return page(
        request,
        "model",
        caller,
        texts=("model", "promise"),
        data={"product": entry.product, "version": entry.version},
        headers=_FRAMES,
        entry=entry,
        manifest=manifest,
        calibration=service.models.calibrations(entry.product, entry.version, by)[-1],
        datasets=_with_tests(service.datasets.list(entry.product, by)),
        teaches=by.may(Right.TEACH),
    )


@router.get("/products/compare")
def compare(request: Request, service: Served, caller: ReadingVisitor) -> Response:
    """Lay two models side by side on the same images: `?first=` and `?second=`, if they are named.

    Without, that which inspects and the newest other one.
    """
    choice = choose_product(service, request, caller)
    if choice.chosen is None:
        return products(request, service, caller)
    by = caller.principal
    models = service.models.page(choice.chosen, _SHOWN_MODELS, None, by).items
    whole = tuple(one for one in models if one.damage is None)
    names = [one.name for one in whole]
    asked = [request.query_params.get(which) for which in ("first", "second")]
    first = asked[0] if asked[0] in names else _active(models)
    others = [name for name in names if name != first]
    return page(
        request,
        "compare",
        caller,
        choice=choice,
        texts=("compare", "viewer"),
        product=choice.chosen,
        models=whole,
        first=first,
        second=asked[1] if asked[1] in others else next(iter(others), None),
        datasets=_with_tests(service.datasets.list(choice.chosen, by)),
        teaches=by.may(Right.TEACH),
    )


def _is_checked(service: Service, caller: Caller, dataset_id: str) -> bool:
    """Tell whether anybody has asked for a check-up."""
    try:
        service.checkups.get(dataset_id, caller.principal)
    except NotFound:
        return False
    return True


def _named(service: Service, name: str) -> ModelEntry:
    """Return the model of a name as lists have it.

    Raises:
        NotFound: there is none.
    """
    if not _MODEL.fullmatch(name):
        raise NotFound(f"there is no model {name!r}: choose one on its product's page")
    return service.registry.entry(name)


def _with_tests(datasets: Sequence[DatasetRecord]) -> list[DatasetRecord]:
    """Return the datasets that have labelled test images."""
    return [one for one in datasets if any(_is_test(place) for place in one.counts)]


def _is_test(place: str) -> bool:
    split, _, label = place.partition("/")
    return split == Split.TEST.value and label != "unlabelled"


def _dataset(
    request: Request, service: Service, caller: Caller, dataset_id: str | None
) -> DatasetRecord | None:
    """Return the dataset that a page is about: the product's newest unless one is named.

    Raises:
        NotFound: there is no such dataset, or it is deleted.
    """
    if dataset_id is not None:
        record = service.datasets.get(dataset_id, caller.principal)
        service.datasets.place(record)
        return record
    chosen = choose_product(service, request, caller).chosen
    found = () if chosen is None else service.datasets.list(chosen, caller.principal)
    return found[0] if found else None


def tally(dataset: DatasetRecord) -> dict[str, int]:
    """Return how many images of a dataset are good, defective and not labelled."""
    found = {"good": 0, "defective": 0, "unlabelled": 0}
    for place, count in dataset.counts.items():
        label = place.partition("/")[2]
        found[label if label in ("good", "unlabelled") else "defective"] += count
    return found


def _jobs(service: Service, caller: Caller, product: str) -> tuple[Job, ...]:
    return service.jobs.page(caller.principal, product, limit=_SHOWN_JOBS).items


def _active(models: tuple[ModelEntry, ...]) -> str | None:
    """Return the name of the model that inspects: the champion, else the newest."""
    named = (one.name for one in models if CHAMPION in one.aliases)
    return next(named, models[0].name if models else None)


def _labelled(record: DatasetRecord) -> int:
    """Return how many labelled images there are to train on, defective ones among them."""
    train = f"{Split.TRAIN.value}/"
    return sum(
        number
        for key, number in record.counts.items()
        if key.startswith(train) and key != f"{train}unlabelled"
    )
