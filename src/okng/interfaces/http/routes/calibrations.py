"""Calibrations: a model's thresholds."""

from fastapi import APIRouter

from okng.interfaces.http.answers import Listed
from okng.interfaces.http.bodies import NewCalibration, ProductName, Version
from okng.interfaces.http.callers import Reader, Served, Teacher
from okng.interfaces.http.model_answers import CalibrationAnswer
from okng.interfaces.http.records import API, calibration_record
from okng.services.recalibrate import recalibration

router = APIRouter(prefix=API, tags=["calibrations"])


@router.get(
    "/products/{product}/models/{version}/calibrations",
    response_model=Listed[CalibrationAnswer],
)
def list_calibrations(
    service: Served, by: Reader, product: ProductName, version: Version
) -> object:
    """List a model's calibrations, oldest first; the newest is used."""
    every = service.models.calibrations(product, version, by)
    return {"items": [calibration_record(one) for one in every]}


@router.post(
    "/products/{product}/models/{version}/calibrations",
    status_code=201,
    response_model=CalibrationAnswer,
)
def calibrate(
    service: Served, by: Teacher, product: ProductName, version: Version, body: NewCalibration
) -> object:
    """Change a model's thresholds without training again; the old calibrations stay.

    By a promise about good parts, by hand, by what an escape costs, or by a bound on escapes.
    """
    wanted = body.choice()
    model = f"{product}-{version}"
    make = recalibration(wanted, lambda dataset: service.score_defects(model, dataset, by))
    return calibration_record(service.models.calibrate(product, version, make, by, body.note))
