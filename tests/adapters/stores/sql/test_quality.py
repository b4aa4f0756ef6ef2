"""Counts by period, in both databases, against what was put in."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.inspections import SqlInspections
from okng.adapters.stores.sql.quality import SqlQuality
from okng.domain.quality import ReviewedCount, VerdictCount
from okng.domain.records import InspectionRecord
from okng.domain.verdict import Verdict

Make = Callable[..., InspectionRecord]
OK, REVIEW, NG, ERROR = Verdict.OK, Verdict.REVIEW, Verdict.NG, Verdict.ERROR
BEGIN = datetime(2026, 1, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def test_counts(database: Database, make_record: Make) -> None:
    """Periods begin at `since`, `until` is not included; reviews count by sample and by name."""

    def put(day: float, verdict: Verdict, said: Verdict | None = None, **known: object) -> None:
        end = "00" if known.pop("sampled", False) else "ff"
        inspections.add(
            make_record(
                id=new_id()[:-2] + end, at=BEGIN + day * DAY, verdict=verdict, reviewed=said,
                **({"product": "part"} | known),
            )
        )  # fmt: skip

    inspections = SqlInspections(database)
    put(0, OK)
    put(0.99, OK, OK, sampled=True)
    put(0.5, OK, NG, sampled=True, defect="crack")
    put(0.5, OK, NG, defect="dent")
    put(1, NG, NG, defect="crack")
    put(1.5, NG, OK)
    put(1.5, REVIEW, NG)
    put(1.75, ERROR)
    put(2, NG, NG, defect="later")
    put(-0.1, NG, NG, defect="before")
    put(1.5, NG, NG, defect="elsewhere", product="other")
    quality = SqlQuality(database)
    span = (BEGIN, BEGIN + 2 * DAY)
    assert set(quality.verdicts("part", *span, DAY)) == {
        VerdictCount(0, OK, 4), VerdictCount(1, NG, 2), VerdictCount(1, REVIEW, 1),
        VerdictCount(1, ERROR, 1),
    }  # fmt: skip
    assert VerdictCount(1, NG, 3) in quality.verdicts(None, *span, DAY)
    assert set(quality.reviewed("part", *span, DAY)) == {
        ReviewedCount(0, OK, OK, True, 1), ReviewedCount(0, OK, NG, True, 1),
        ReviewedCount(0, OK, NG, False, 1), ReviewedCount(1, NG, NG, False, 1),
        ReviewedCount(1, NG, OK, False, 1), ReviewedCount(1, REVIEW, NG, False, 1),
    }  # fmt: skip
    assert quality.defects("part", *span) == {"crack": 2, "dent": 1, None: 1}
    assert quality.defects(None, *span)["elsewhere"] == 1
