"""What the tiers cost on this machine."""

from fastapi import APIRouter

from okng.interfaces.http.answers import TiersAnswer
from okng.interfaces.http.callers import Reader, Served, Teacher
from okng.interfaces.http.records import API
from okng.services.tier_times import TierMeasurement

router = APIRouter(prefix=API, tags=["jobs"])


@router.post("/tiers", status_code=202, response_model=TiersAnswer)
def measure_tiers(service: Served, by: Teacher) -> TierMeasurement:
    """Begin to measure what one image costs in each tier; ask again until the state is `done`."""
    return service.tier_times.start(by)


@router.get("/tiers", response_model=TiersAnswer)
def get_tiers(service: Served, by: Reader) -> TierMeasurement:
    """Return what one image costs in each tier, as it was measured last."""
    return service.tier_times.get(by)
