"""Models and aliases."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from okng.domain.model import Manifest
from okng.domain.product import LONGEST_NAME
from okng.interfaces.http.answers import Listed, Paged
from okng.interfaces.http.bodies import NAME, Alias, Cursor, Limit, NewAlias, ProductName, Version
from okng.interfaces.http.callers import Reader, Served, Teacher
from okng.interfaces.http.documentation import BINARY_BODY, file_answer
from okng.interfaces.http.model_answers import AliasAnswer, ImportAnswer, ModelAnswer, ModelDetails
from okng.interfaces.http.records import API, calibration_record
from okng.interfaces.http.spooling import spooled

router = APIRouter(prefix=API, tags=["models"])

ARCHIVE = "application/vnd.okng.model"


@router.get("/models", response_model=Paged[ModelAnswer])
def list_models(
    service: Served,
    by: Reader,
    product: Annotated[str | None, Query(pattern=NAME)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> object:
    """List models by product, newest version first."""
    return service.models.page(product, limit, cursor, by)


@router.get("/products/{product}/models/deleted", response_model=Listed[str])
def list_deleted_models(service: Served, by: Reader, product: ProductName) -> object:
    """List the names of a product's models that can be restored."""
    return {"items": service.models.deleted(product, by)}


@router.post(
    "/models/import", status_code=201, response_model=ImportAnswer, openapi_extra=BINARY_BODY
)
async def import_model(
    request: Request,
    service: Served,
    by: Teacher,
    product: Annotated[
        str | None, Query(max_length=LONGEST_NAME, pattern=NAME, description="Its own unless given")
    ] = None,
    signature: Annotated[
        str | None,
        Header(alias="X-Model-Signature", max_length=500, description="A line of its .sig file"),
    ] = None,
) -> object:
    """Take in an exported model (`*.okng`); everything in it is verified first."""
    async with spooled(request, service.scratch, ".okng") as archive:
        taken = await run_in_threadpool(service.models.take_in, archive, product, signature, by)
    return {
        "model": taken.model.name,
        "original": taken.original,
        "added": taken.added,
        "calibrations": taken.calibrations,
    }


@router.get("/products/{product}/models/{version}", response_model=ModelDetails)
def get_model(service: Served, by: Reader, product: ProductName, version: Version) -> object:
    """Return one model with its card."""
    entry, manifest = service.models.find(product, version, by)
    return {**vars(entry), "name": entry.name, "card": _card(manifest)}


@router.get(
    "/products/{product}/models/{version}/archive",
    responses=file_answer(ARCHIVE),
    response_class=Response,
)
def download_model(
    service: Served, by: Teacher, product: ProductName, version: Version
) -> Response:
    """Return a model with its calibrations as one file, for `okng models import`."""
    data = service.models.archive(product, version, by)
    name = f"{product}-{version}.okng"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=ARCHIVE, headers=headers)


@router.delete("/products/{product}/models/{version}", status_code=204, response_class=Response)
def delete_model(service: Served, by: Teacher, product: ProductName, version: Version) -> None:
    """Delete a model, which can be restored; not the champion."""
    service.models.delete(product, version, by)


@router.post(
    "/products/{product}/models/{version}/restore", status_code=204, response_class=Response
)
def restore_model(service: Served, by: Teacher, product: ProductName, version: Version) -> None:
    """Let a deleted model be there again, without its aliases."""
    service.models.restore(product, version, by)


@router.get("/products/{product}/aliases", response_model=Listed[AliasAnswer], tags=["aliases"])
def list_aliases(service: Served, by: Reader, product: ProductName) -> object:
    """List which model each alias names."""
    aliases = service.models.aliases(product, by)
    return {
        "items": [
            {"product": product, "alias": alias, "model": model}
            for alias, model in sorted(aliases.items())
        ]
    }


@router.put("/products/{product}/aliases/{alias}", response_model=AliasAnswer, tags=["aliases"])
def promote_model(
    service: Served, by: Teacher, product: ProductName, alias: Alias, body: NewAlias
) -> object:
    """Let an alias name a model: what inspects is the `champion`."""
    name = service.models.promote(product, alias, body.model, by)
    return {"product": product, "alias": alias, "model": name}


@router.post(
    "/products/{product}/aliases/{alias}/roll-back", response_model=AliasAnswer, tags=["aliases"]
)
def roll_back(service: Served, by: Teacher, product: ProductName, alias: Alias) -> object:
    """Let an alias name the model that it named before."""
    name = service.models.roll_back(product, alias, by)
    return {"product": product, "alias": alias, "model": name}


@router.delete(
    "/products/{product}/aliases/{alias}",
    status_code=204,
    response_class=Response,
    tags=["aliases"],
)
def remove_alias(service: Served, by: Teacher, product: ProductName, alias: Alias) -> None:
    """Let an alias name nothing."""
    service.models.remove_alias(product, alias, by)


def _card(manifest: Manifest) -> dict[str, Any]:
    """Return what a manifest says, without the mask's pixels and the calibration's scores."""
    view = {k: v for k, v in vars(manifest.view).items() if k != "mask_png"}
    view["roi"] = None if manifest.view.roi is None else vars(manifest.view.roi)
    view["prepare"] = [str(step) for step in manifest.view.prepare]
    return {
        "okng": manifest.okng,
        "detector": manifest.detector,
        "config": dict(manifest.config),
        "backbones": [vars(backbone) for backbone in manifest.backbones],
        "view": view | {"masked": manifest.view.mask_png is not None},
        "map": {"height": manifest.map_height, "width": manifest.map_width},
        "data": manifest.data.record(),
        "tolerance": manifest.tolerance,
        "trained_on": manifest.trained_on,
        "facts": dict(manifest.facts),
        "files": dict(manifest.files),
        "golden": [vars(golden) for golden in manifest.golden],
        "calibration": calibration_record(manifest.calibration),
    }
