"""The queue of reviews: what is in it, and that nothing is handed to two people."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.inspections import SqlInspections
from okng.adapters.stores.sql.review_queue import SqlReviewQueue
from okng.adapters.stores.sql.reviews import SqlReviews
from okng.domain.errors import Conflict, NotFound
from okng.domain.record_ports import ClaimWish
from okng.domain.records import InspectionRecord, Review, is_sampled
from okng.domain.verdict import Verdict

Make = Callable[..., InspectionRecord]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
DIGEST = "0" * 64


def fill(database: Database, make_record: Make, verdicts: list[Verdict], **values: object):
    """Keep inspections with images, made one after another; return their ids."""
    kept = [
        make_record(verdict=verdict, product="part", image=DIGEST, at=NOON - timedelta(hours=9 - i))
        for i, verdict in enumerate(verdicts)
    ]
    SqlInspections(database).add_many(kept)
    return [one.id for one in kept]


def ids(records: tuple[InspectionRecord, ...]) -> list[str]:
    return [one.id for one in records]


def test_what_is_to_be_reviewed(database: Database, make_record: Make) -> None:
    """REVIEW and NG, and the sample of OK; of one product, with a picture, newest first."""
    ng, review, error = fill(database, make_record, [Verdict.NG, Verdict.REVIEW, Verdict.ERROR])
    sampled, not_sampled = (
        make_record(
            id=new_id()[:-2] + end, product="part", verdict=Verdict.OK, image=DIGEST, at=NOON
        )
        for end in ("04", "05")
    )
    assert (is_sampled(sampled.id), is_sampled(not_sampled.id)) == (True, False)
    other = make_record(product="other", verdict=Verdict.NG, image=DIGEST)
    unseen = make_record(product="part", verdict=Verdict.NG, image=None, thumbnail=None)
    SqlInspections(database).add_many([sampled, not_sampled, other, unseen])
    queue = SqlReviewQueue(database)
    assert queue.left("part", "ann", NOON, 100) == 3
    assert queue.left("part", "ann", NOON, 2) == 2
    found = queue.claim("part", "ann", NOON, LATER, ClaimWish(10))
    assert ids(found) == [sampled.id, review, ng]
    assert error not in ids(found)


def test_two_people_get_different_ones(database: Database, make_record: Make) -> None:
    """What one holds the other does not get, until its time is over or it is reviewed."""
    first, second, third = fill(database, make_record, [Verdict.NG] * 3)
    queue = SqlReviewQueue(database)
    assert ids(queue.claim("part", "ann", NOON, LATER, ClaimWish(2))) == [third, second]
    assert ids(queue.claim("part", "bob", NOON, LATER, ClaimWish(2))) == [first]
    assert queue.left("part", "bob", NOON, 100) == 1
    assert ids(queue.claim("part", "ann", NOON, LATER, ClaimWish(2))) == [third, second]
    besides = ClaimWish(2, frozenset({third}))
    assert ids(queue.claim("part", "ann", NOON, LATER, besides)) == [second]
    assert queue.renew([third, first, "nothing"], "ann", NOON, LATER) == (third,)
    SqlReviews(database).add_review(Review(new_id(), third, NOON, "ann", Verdict.OK))
    assert queue.renew([third], "ann", NOON, LATER) == ()
    assert ids(queue.claim("part", "bob", LATER, LATER, ClaimWish(5))) == [
        second,
        first,
    ]


def test_many_at_once(database: Database, make_record: Make) -> None:
    """However many ask at the same moment, nothing is handed out twice."""
    everything = fill(database, make_record, [Verdict.NG] * 9)
    queue, handed, lock = SqlReviewQueue(database), [], threading.Lock()

    def ask(name: str) -> None:
        found = ids(queue.claim("part", name, NOON, LATER, ClaimWish(2)))
        with lock:
            handed.extend(found)

    threads = [threading.Thread(target=ask, args=(f"p{i}",)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(handed) == sorted(everything)


def test_a_withdrawn_review_no_longer_counts(database: Database, make_record: Make) -> None:
    """The one before it counts again, or none; it is kept, and withdrawn once."""
    (one,) = fill(database, make_record, [Verdict.NG])
    reviews, inspections = SqlReviews(database), SqlInspections(database)
    first = reviews.add_review(Review(new_id(), one, NOON, "ann", Verdict.NG, "crack", "", "QQ=="))
    last = reviews.add_review(Review(new_id(), one, LATER, "bob", Verdict.OK))
    assert inspections.get(one).defect is None
    gone = reviews.withdraw(last.id, LATER)
    assert (gone.withdrawn, gone.id) == (LATER, last.id)
    assert (inspections.get(one).reviewed, inspections.get(one).defect) == (Verdict.NG, "crack")
    assert reviews.reviews(one) == (first, gone)
    with pytest.raises(Conflict, match="already"):
        reviews.withdraw(last.id, LATER)
    with pytest.raises(NotFound):
        reviews.withdraw("nothing", LATER)
    assert reviews.newest_defects("part", 10) == ("crack",)
    reviews.withdraw(first.id, LATER)
    assert inspections.get(one).reviewed is None
    assert reviews.newest_defects("part", 10) == ()
    assert SqlReviewQueue(database).left("part", "ann", NOON, 10) == 1
