import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from sqlalchemy import delete

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.inspection_pages import SqlInspectionPages
from okng.adapters.stores.sql.inspections import SqlInspections
from okng.adapters.stores.sql.schema import InspectionRow
from okng.domain.errors import BadRequest, Conflict, NotFound
from okng.domain.records import InspectionFilter, InspectionRecord
from okng.domain.verdict import Verdict

Make = Callable[..., InspectionRecord]


def together(count: int, work: Callable[[int], object]) -> None:
    """Run work(0), work(1), ... at once; all begin when all are there."""
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait(20)
        work(number)

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(run, range(count)))


def count(database: Database) -> int:
    return len(SqlInspectionPages(database).page(InspectionFilter(), limit=1000).items)


def test_a_record_comes_back_as_it_was(database: Database, make_record: Make) -> None:
    """Every field survives, floats to the last bit, regions too; the map does not."""
    record = make_record(
        part_id="Ä-7 🔩",
        lot="L",
        view="top",
        camera="c",
        station="s",
        image="a" * 64,
        thumbnail="b" * 64,
        key="k",
    )
    store = SqlInspections(database)
    assert store.add(record) == record
    found = store.get(record.id)
    assert found == record
    assert found.inspection.regions == record.inspection.regions
    assert found.inspection.prediction is not None
    assert found.inspection.prediction.score == record.inspection.score
    assert found.inspection.prediction.anomaly_map.size == 0


def test_an_error_has_no_score(database: Database, make_record: Make) -> None:
    """An ERROR record keeps its reason, and None for figures."""
    record = make_record(Verdict.ERROR, score=None)
    SqlInspections(database).add(record)
    found = SqlInspections(database).get(record.id)
    assert found == record
    assert found.inspection.score is None
    assert found.inspection.prediction is None


def test_numbers_of_numpy_are_kept(database: Database, make_record: Make) -> None:
    """A float32 score comes back with its exact value."""
    score = np.float32(0.1)
    record = make_record(score=score)
    SqlInspections(database).add(record)
    assert SqlInspections(database).get(record.id).inspection.score == float(score)


def test_times_of_other_zones_become_utc(database: Database, make_record: Make) -> None:
    """The moment counts; a time without zone is refused."""
    at = datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-11)))
    record = make_record(at=at)
    SqlInspections(database).add(record)
    found = SqlInspections(database).get(record.id).at
    assert (found, found.tzinfo) == (at, UTC)
    with pytest.raises(BadRequest, match="time zone"):
        SqlInspections(database).add(make_record(at=at.replace(tzinfo=None)))


def test_what_is_not_there_is_not_found(database: Database) -> None:
    """Ids and keys that nobody gave, whatever they look like."""
    store = SqlInspections(database)
    with pytest.raises(NotFound, match="no inspection x'; --"):
        store.get("x'; --")
    assert store.by_key("line 1", "k") is None


def test_a_key_gives_the_first_record(database: Database, make_record: Make) -> None:
    """A second add of the same actor and key stores nothing and returns the first record."""
    store = SqlInspections(database)
    first = store.add(make_record(key="k", part_id="P"))
    again = store.add(make_record(Verdict.ERROR, None, key="k", part_id="P"))
    assert again == first
    assert store.by_key("line 1", "k") == first
    assert SqlInspectionPages(database).part("bottle", "P").inspections == 1
    assert SqlInspectionPages(database).part("bottle", "P").verdict is Verdict.NG
    other = store.add(make_record(key="k", actor="line 2"))
    assert other.id != first.id
    assert count(database) == 2


def test_no_key_is_no_key(database: Database, make_record: Make) -> None:
    """Records without keys are never taken for repeats."""
    store = SqlInspections(database)
    for _ in range(3):
        store.add(make_record(key=None))
    assert count(database) == 3


def test_one_key_from_many_threads_is_stored_once(database: Database, make_record: Make) -> None:
    """Twelve threads with four keys: four records, and every thread of a key gets the same."""
    store = SqlInspections(database)
    answers: dict[int, InspectionRecord] = {}

    def work(number: int) -> None:
        answers[number] = store.add(make_record(key=f"k{number % 4}", part_id="P"))

    together(12, work)
    assert count(database) == 4
    assert len(answers) == 12
    for number in range(12):
        assert answers[number].id == answers[number % 4].id
    assert SqlInspectionPages(database).part("bottle", "P").inspections == 4


def test_one_key_from_two_processes_is_stored_once(
    database: Database, database_url: str, make_record: Make
) -> None:
    """Two instances that share nothing but the database agree as well."""
    other = Database(database_url)
    stores = [SqlInspections(database), SqlInspections(other)]
    answers: dict[int, str] = {}

    def work(number: int) -> None:
        key, part = f"k{number % 5}", f"P{number % 3}"
        answers[number] = stores[number % 2].add(make_record(key=key, part_id=part)).id

    together(10, work)
    other.close()
    assert count(database) == 5
    assert len(set(answers.values())) == 5


def test_threads_lose_nothing(database: Database, make_record: Make) -> None:
    """Eight threads with ten records each: all eighty are there, and parts count them all."""
    store = SqlInspections(database)
    ids: list[str] = []

    def work(number: int) -> None:
        ids.extend(store.add(make_record(part_id=f"P{i}")).id for i in range(10))

    together(8, work)
    assert sorted(ids) == sorted(
        record.id
        for record in SqlInspectionPages(database).page(InspectionFilter(), limit=99).items
    )
    assert SqlInspectionPages(database).part("bottle", "P3").inspections == 8


def test_a_bad_record_spoils_no_other(database: Database, make_record: Make) -> None:
    """Of records that arrive together only the one that cannot be kept fails."""
    store = SqlInspections(database)
    outcomes: dict[int, str] = {}

    def work(number: int) -> None:
        try:
            store.add(make_record(lot="\0" if number == 3 else "L"))
            outcomes[number] = "kept"
        except BadRequest:
            outcomes[number] = "refused"

    together(8, work)
    assert outcomes == {number: "refused" if number == 3 else "kept" for number in range(8)}
    assert count(database) == 7


def test_many_are_kept_or_none(database: Database, make_record: Make) -> None:
    """add_many returns records in the order given; where one cannot be kept, none is."""
    store = SqlInspections(database)
    first = store.add(make_record(key="b"))
    batch = [make_record(key="c"), make_record(key="b"), make_record(), make_record(key="c")]
    kept = store.add_many(batch)
    assert [record.id for record in kept] == [batch[0].id, first.id, batch[2].id, batch[0].id]
    assert count(database) == 3
    with pytest.raises(BadRequest):
        store.add_many([make_record(), make_record(lot="x" * 201)])
    assert count(database) == 3
    assert store.add_many([]) == ()


def test_an_id_is_taken_once(database: Database, make_record: Make) -> None:
    """The same id again is a Conflict; the first record stays."""
    store = SqlInspections(database)
    record = store.add(make_record())
    with pytest.raises(Conflict, match="new one"):
        store.add(replace(record, actor="someone else"))
    assert store.get(record.id) == record


def test_a_score_that_is_no_number_is_refused(database: Database, make_record: Make) -> None:
    """NaN sorts nowhere, so it is refused; infinity is kept."""
    with pytest.raises(BadRequest, match="not a number"):
        SqlInspections(database).add(make_record(score=float("nan")))
    record = make_record(score=float("inf"))
    SqlInspections(database).add(record)
    assert SqlInspections(database).get(record.id).inspection.score == float("inf")


def test_adding_inside_a_session_is_a_part_of_it(database: Database, make_record: Make) -> None:
    """An outer session that fails takes the inspection and its part with it."""
    store = SqlInspections(database)

    def add_and_fail() -> None:
        with database.session():
            store.add(make_record(part_id="P"))
            assert count(database) == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        add_and_fail()
    assert count(database) == 0
    with pytest.raises(NotFound, match="no part 'P'"):
        SqlInspectionPages(database).part("bottle", "P")


def test_adding_inside_a_session_waits_for_nobody(database: Database, make_record: Make) -> None:
    """A thread that holds a session adds at once, though another's add waits for that session."""
    store = SqlInspections(database)
    with ThreadPoolExecutor(1) as pool:
        with database.session() as session:
            session.execute(delete(InspectionRow))  # now it writes, in PostgreSQL too
            waiting = pool.submit(store.add, make_record(key="k", part_id="P"))
            wait([waiting], timeout=0.3)
            store.add(make_record(part_id="Q"))
        waiting.result(20)
    assert count(database) == 2
