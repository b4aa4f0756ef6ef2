from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.inspection_pages import SqlInspectionPages
from okng.adapters.stores.sql.inspections import SqlInspections
from okng.adapters.stores.sql.reviews import SqlReviews
from okng.domain.errors import NotFound
from okng.domain.records import InspectionFilter, InspectionRecord, Review
from okng.domain.verdict import Verdict

Make = Callable[..., InspectionRecord]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def review(inspection_id: str, verdict: Verdict, minute: int = 0) -> Review:
    at = NOON + timedelta(minutes=minute)
    return Review(new_id(), inspection_id, at, "ann", verdict, "crack", "at the neck")


def test_a_review_marks_its_inspection(database: Database, make_record: Make) -> None:
    """The newest review's verdict is the inspection's; all reviews stay, oldest first."""
    inspections, reviews = SqlInspections(database), SqlReviews(database)
    record, other = (inspections.add(make_record()) for _ in range(2))
    first = reviews.add_review(review(record.id, Verdict.OK, 0))
    last = reviews.add_review(review(record.id, Verdict.NG, 5))
    between = reviews.add_review(review(record.id, Verdict.OK, 2))
    assert reviews.reviews(record.id) == (first, between, last)
    assert inspections.get(record.id).reviewed is Verdict.NG
    assert inspections.get(other.id).reviewed is None
    done = SqlInspectionPages(database).page(InspectionFilter(reviewed=True)).items
    assert [each.id for each in done] == [record.id]


def test_a_review_of_nothing_is_refused(database: Database) -> None:
    """There is nothing to review, and no review is kept."""
    with pytest.raises(NotFound, match="no inspection nothing"):
        SqlReviews(database).add_review(review("nothing", Verdict.OK))
    assert SqlReviews(database).reviews("nothing") == ()
