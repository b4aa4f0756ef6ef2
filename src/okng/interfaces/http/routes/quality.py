"""Quality over time: what the charts of the page Results show."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from okng.interfaces.http.bodies import NAME, Time
from okng.interfaces.http.callers import Reader, Served
from okng.interfaces.http.inspection_answers import QualityAnswer
from okng.interfaces.http.records import API
from okng.services.quality import Period, QualityReport, Share

router = APIRouter(prefix=API, tags=["quality"])

_USUAL = 30


@router.get("/quality", response_model=QualityAnswer)
def get_quality(
    service: Served,
    by: Reader,
    product: Annotated[str | None, Query(pattern=NAME)] = None,
    since: Time = None,
    until: Time = None,
    period: Period = Period.DAY,
) -> object:
    """Count yield, overkill, escapes and defects by period; the last 30 periods unless told."""
    end = until or datetime.now(UTC)
    try:
        begin = since or end - (_USUAL - 1) * period.length
    except OverflowError:
        begin = datetime.min.replace(tzinfo=UTC) + timedelta(weeks=1)
    return _record(service.quality.report(product, begin, end, period, by))


def _record(report: QualityReport) -> dict[str, object]:
    return {
        "periods": [
            {
                "start": one.start,
                **one.verdicts,
                "yield": one.passed,
                "share": one.control.share,
                "lower": one.control.lower,
                "upper": one.control.upper,
                "signal": one.control.is_signal,
                "overkill": _share(one.overkill),
                "escapes": _share(one.escapes),
            }
            for one in report.periods
        ],
        "centre": report.centre,
        "overkill": _share(report.overkill),
        "escapes": _share(report.escapes),
        "defects": [vars(bar) for bar in report.defects],
    }


def _share(share: Share) -> dict[str, object]:
    return {**vars(share), "share": share.share}
