"""Counts by period, in both databases, against what was put in."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

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


def test_hours_that_have_begun_count(database: Database, make_record: Make) -> None:
    """Whole hours and what has begun of the last one add up, whatever `since` and `until` are."""
    inspections = SqlInspections(database)
    quarters = [BEGIN + timedelta(minutes=15 * i) for i in range(20)]
    for at in quarters:
        inspections.add(make_record(id=new_id(), at=at, verdict=OK, product="part"))
    quality = SqlQuality(database)
    hour = timedelta(hours=1)
    for since, until, length in (
        (BEGIN, BEGIN + 3 * hour + timedelta(minutes=20), hour),
        (BEGIN, BEGIN + 5 * hour, 2 * hour),
        (BEGIN + hour, BEGIN + hour + timedelta(minutes=20), hour),
        (BEGIN + timedelta(minutes=10), BEGIN + 3 * hour, hour),
        (BEGIN, BEGIN + 2 * hour, timedelta(minutes=30)),
    ):
        for product in ("part", None):
            counts = quality.verdicts(product, since, until, length)
            wanted = Counter((at - since) // length for at in quarters if since <= at < until)
            assert {one.period: one.count for one in counts} == wanted
            assert {one.verdict for one in counts} == {OK}


def test_what_comes_twice_counts_once(database: Database, make_record: Make) -> None:
    """A retry with the same key is no second inspection in the charts either."""
    inspections = SqlInspections(database)
    for _ in range(2):
        inspections.add(make_record(id=new_id(), at=BEGIN, verdict=NG, product="part", key="k"))
    found = SqlQuality(database).verdicts("part", BEGIN, BEGIN + DAY, DAY)
    assert found == (VerdictCount(0, NG, 1),)


def test_charts_of_inspections_from_before_the_sums(empty_url: str, make_record: Make) -> None:
    """A database of an older okng counts the same after its migration."""
    database = Database(empty_url)
    database.migrate()
    inspections = SqlInspections(database)
    for minutes in (0, 59, 60, 1500):
        at = BEGIN + timedelta(minutes=minutes)
        inspections.add(make_record(id=new_id(), at=at, verdict=OK, product="part"))
    quality, span = SqlQuality(database), (BEGIN, BEGIN + 2 * DAY)
    before = quality.verdicts("part", *span, timedelta(hours=1))
    with database.session() as session:
        session.execute(text("DROP TABLE inspection_hours"))
        session.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    database.migrate()
    assert set(quality.verdicts("part", *span, timedelta(hours=1))) == set(before)
    assert sum(one.count for one in before) == 4
    database.close()
