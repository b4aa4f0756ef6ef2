import base64
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.inspection_pages import SqlInspectionPages
from okng.adapters.stores.sql.inspections import SqlInspections
from okng.adapters.stores.sql.schema import InspectionRow
from okng.domain.errors import BadRequest
from okng.domain.records import InspectionFilter, InspectionRecord, Order
from okng.domain.verdict import Verdict

Make = Callable[..., InspectionRecord]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
FEW = st.sampled_from(["a", "b"])
ANY = st.none() | FEW

inspections = st.fixed_dictionaries(
    {
        "verdict": st.sampled_from(Verdict),
        "score": st.none() | st.sampled_from([0.0, 0.5, 0.1 + 0.2, math.inf, -1e308, 1e-300]),
        "product": FEW,
        "model": FEW,
        "at": st.integers(0, 3).map(lambda s: NOON + timedelta(seconds=s, microseconds=s)),
        "part_id": ANY,
        "lot": ANY,
        "camera": ANY,
        "station": ANY,
        "reviewed": st.none() | st.sampled_from(Verdict),
    }
)
filters = st.builds(
    InspectionFilter,
    product=ANY,
    verdict=st.none() | st.sampled_from(Verdict),
    since=st.none() | st.just(NOON + timedelta(seconds=1)),
    until=st.none() | st.just(NOON + timedelta(seconds=3, microseconds=3)),
    part_id=ANY,
    lot=ANY,
    camera=ANY,
    station=ANY,
    model=ANY,
    reviewed=st.none() | st.booleans(),
)


def fits(record: InspectionRecord, wanted: InspectionFilter) -> bool:
    given_values = {
        **record.context.__dict__,
        "product": record.inspection.product,
        "verdict": record.inspection.verdict,
        "model": record.inspection.model,
        "reviewed": record.reviewed is not None,
    }
    names = ["product", "verdict", "part_id", "lot", "camera", "station", "model", "reviewed"]
    return all(
        getattr(wanted, name) is None or getattr(wanted, name) == given_values[name]
        for name in names
    ) and (
        (wanted.since is None or record.at >= wanted.since)
        and (wanted.until is None or record.at < wanted.until)
    )


def rank(order: Order) -> Callable[[InspectionRecord], tuple[Any, str]]:
    def by(record: InspectionRecord) -> tuple[Any, str]:
        if order in (Order.NEWEST, Order.OLDEST):
            return record.at, record.id
        score = record.inspection.score
        return -math.inf if score is None else score, record.id

    return by


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    made=st.lists(inspections, max_size=14),
    wanted=filters | st.just(InspectionFilter()),
    order=st.sampled_from(Order),
    limit=st.integers(1, 15),
)
def test_pages_visit_each_record_once_in_order(
    database: Database,
    make_record: Make,
    made: list[dict[str, Any]],
    wanted: InspectionFilter,
    order: Order,
    limit: int,
) -> None:
    """For any records, filter, order and page size: all that fit, once, sorted, ties by id."""
    with database.session() as session:
        session.execute(delete(InspectionRow))
    records = [make_record(**values) for values in made]
    SqlInspections(database).add_many(records)
    falling = order in (Order.NEWEST, Order.HIGHEST_SCORE)
    expected = sorted((r for r in records if fits(r, wanted)), key=rank(order), reverse=falling)
    pages, seen, cursor = SqlInspectionPages(database), [], None
    while True:
        page = pages.page(wanted, order, limit, cursor)
        seen.extend(page.items)
        cursor = page.cursor
        if cursor is None:
            break
        assert len(page.items) == limit
    assert seen == expected


def test_what_arrives_meanwhile_moves_nothing(database: Database, make_record: Make) -> None:
    """A new inspection at the top neither repeats nor hides one on the next page."""
    store, pages = SqlInspections(database), SqlInspectionPages(database)
    old = [store.add(make_record(at=NOON + timedelta(seconds=i))) for i in range(6)]
    first = pages.page(InspectionFilter(), limit=3)
    store.add(make_record(at=NOON + timedelta(hours=1)))
    second = pages.page(InspectionFilter(), limit=3, cursor=first.cursor)
    assert [*first.items, *second.items] == old[::-1]


def cursor_of(database: Database, make_record: Make) -> str:
    for i in range(2):
        SqlInspections(database).add(make_record(at=NOON + timedelta(seconds=i)))
    cursor = SqlInspectionPages(database).page(InspectionFilter("bottle"), limit=1).cursor
    assert cursor is not None
    return cursor


def forged(cursor: str, *position: object) -> str:
    mark = json.loads(base64.urlsafe_b64decode(cursor + "=="))[0]
    return base64.urlsafe_b64encode(json.dumps([mark, *position]).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "position",
    [
        (),
        (1,),
        (1, "x", 1),
        ("1", "x"),
        (1.5, "x"),
        (True, "x"),
        (None, "x"),
        (1, None),
        (10**30, "x"),
        (2**61, "x"),
        (-(2**61), "x"),
        (math.nan, "x"),
        (1, "\0"),
        (1, "\ud800"),
        ([], {}),
    ],
)
def test_a_forged_cursor_is_refused(
    database: Database, make_record: Make, position: tuple[object, ...]
) -> None:
    """A position of wrong kind or out of bounds gives BadRequest, never another error."""
    cursor = forged(cursor_of(database, make_record), *position)
    with pytest.raises(BadRequest):
        SqlInspectionPages(database).page(InspectionFilter("bottle"), cursor=cursor)


@pytest.mark.parametrize(
    "cursor", ["", "x", "%%%%", "é", "null", "W10", "e30", "MQ", "A" * 5000, "Ww" * 1000, "=", "\0"]
)
def test_nonsense_is_no_cursor(database: Database, cursor: str) -> None:
    """Whatever is sent instead of a cursor gives BadRequest."""
    with pytest.raises(BadRequest, match="start without one"):
        SqlInspectionPages(database).page(InspectionFilter(), cursor=cursor)


def test_a_cursor_is_good_for_its_own_list_only(database: Database, make_record: Make) -> None:
    """Another filter or order refuses it; an honest one continues."""
    cursor, pages = cursor_of(database, make_record), SqlInspectionPages(database)
    assert len(pages.page(InspectionFilter("bottle"), cursor=cursor).items) == 1
    for wanted, order in [
        (InspectionFilter(), Order.NEWEST),
        (InspectionFilter("bottle"), Order.OLDEST),
        (InspectionFilter("bottle", reviewed=False), Order.NEWEST),
    ]:
        with pytest.raises(BadRequest, match="start without one"):
            pages.page(wanted, order, cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_bounds(database: Database, limit: int) -> None:
    """No page is empty by wish, or has more than a thousand items."""
    with pytest.raises(BadRequest, match="1 to 1000"):
        SqlInspectionPages(database).page(InspectionFilter(), limit=limit)
