import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.datasets import SqlDatasets
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.job_queue import SqlJobQueue
from okng.adapters.stores.sql.jobs import SqlJobLogs, SqlJobs
from okng.adapters.stores.sql.products import SqlProducts
from okng.domain.errors import BadRequest, Conflict, NotFound
from okng.domain.record_ports import LogLine
from okng.domain.records import DatasetRecord, Job, JobState, ProductRecord

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def queue(database: Database) -> SqlJobQueue:
    for name in ("bottle", "screw"):
        SqlProducts(database).add(ProductRecord(name, name, NOON))
    SqlDatasets(database).add(DatasetRecord("d", "bottle", "d", "f", "flat", {}, NOON, "ann"))
    return SqlJobQueue(database)


def job(minute: int = 0, product: str = "bottle") -> Job:
    options = {"detector": "memory", "seed": 7, "rate": 0.1, "stages": [2, 3], "none": None}
    created = NOON + timedelta(minutes=minute)
    return Job(new_id(), product, "d", options, JobState.QUEUED, "ann", created)


def test_a_jobs_life(database: Database, queue: SqlJobQueue) -> None:
    """Queued, claimed, told about, done: what is stored follows."""
    made, jobs = queue.add(job()), SqlJobs(database)
    assert jobs.get(made.id) == made
    running = queue.claim("w", LATER)
    assert running == replace(made, state=JobState.RUNNING, started=LATER, attempts=1)
    assert queue.progress(made.id, "features", 3, 10)
    assert jobs.get(made.id) == replace(running, stage="features", done=3, total=10)
    done = queue.finish(made.id, JobState.DONE, LATER, model="bottle-1")
    assert (done.state, done.finished, done.model) == (JobState.DONE, LATER, "bottle-1")
    assert jobs.get(made.id) == done
    assert not queue.progress(made.id, "late", 1, 1)
    assert queue.claim("w", LATER) is None


def test_jobs_are_claimed_oldest_first(queue: SqlJobQueue) -> None:
    """The queue keeps its order whatever the order of adding."""
    late, early = queue.add(job(5)), queue.add(job(1))
    claimed = [queue.claim("w", LATER), queue.claim("w", LATER)]
    assert [each.id for each in claimed if each] == [early.id, late.id]


def test_no_job_is_claimed_twice(database_url: str, queue: SqlJobQueue) -> None:
    """Workers of two processes that claim at once get every job exactly once."""
    wanted = sorted(queue.add(job(i)).id for i in range(24))
    databases = [Database(database_url) for _ in range(2)]
    claimed: list[str] = []
    barrier = threading.Barrier(6)

    def work(number: int) -> None:
        own = SqlJobQueue(databases[number % 2])
        barrier.wait(20)
        while (found := own.claim(f"w{number}", LATER)) is not None:
            claimed.append(found.id)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for database in databases:
        database.close()
    assert sorted(claimed) == wanted


def test_a_cancelled_job_stays_cancelled(database: Database, queue: SqlJobQueue) -> None:
    """Its worker learns it by progress, and finishing afterwards changes nothing."""
    waiting, running = queue.add(job(1)), queue.add(job(0))
    queue.claim("w", LATER)
    assert queue.cancel(waiting.id, LATER).state is JobState.CANCELLED
    cancelled = queue.cancel(running.id, LATER)
    assert not queue.progress(running.id, "features", 1, 2)
    assert queue.finish(running.id, JobState.DONE, LATER, model="bottle-1") == cancelled
    assert SqlJobs(database).get(running.id).state is JobState.CANCELLED
    with pytest.raises(Conflict, match="is cancelled already"):
        queue.cancel(running.id, LATER)
    assert queue.claim("w", LATER) is None


def test_jobs_of_dead_workers_run_again(queue: SqlJobQueue) -> None:
    """At a start, what ran elsewhere is queued again and counted as another attempt."""
    mine, dead = queue.add(job(0)), queue.add(job(1))
    queue.claim("alive", NOON)
    queue.claim("dead", NOON)
    again = queue.requeue(alive=["alive"])
    assert [(each.id, each.state) for each in again] == [(dead.id, JobState.QUEUED)]
    claimed = queue.claim("alive", LATER)
    assert claimed is not None
    assert (claimed.id, claimed.attempts, claimed.started) == (dead.id, 2, LATER)
    assert {each.id for each in queue.requeue()} == {mine.id, dead.id}


def test_jobs_are_paged_newest_first(database: Database, queue: SqlJobQueue) -> None:
    """Pages by product and state give each job once."""
    made = [queue.add(job(i // 2, "bottle" if i % 3 else "screw")) for i in range(9)]
    queue.claim("w", LATER)
    jobs = SqlJobs(database)
    for product, state in [(None, None), ("bottle", None), ("bottle", JobState.QUEUED)]:
        expected = [
            each.id
            for each in sorted(made, key=lambda each: (each.created, each.id), reverse=True)
            if product in (None, each.product) and (state is None or each.id != made[0].id)
        ]
        seen, page = [], jobs.page(product, state, 2)
        while True:
            seen.extend(each.id for each in page.items)
            if page.cursor is None:
                break
            page = jobs.page(product, state, 2, page.cursor)
        assert seen == expected
    with pytest.raises(BadRequest, match="cursor"):
        jobs.page("screw", cursor=jobs.page(limit=1).cursor)


def test_log_lines_are_numbered_without_gaps(database: Database, queue: SqlJobQueue) -> None:
    """Lines from several threads get the numbers 1, 2, ...; reading goes on after any number."""
    made, logs = queue.add(job()), SqlJobLogs(database)
    assert logs.append(made.id, ["first", "Ä"]) == 2

    def write(name: int) -> None:
        for i in range(5):
            logs.append(made.id, [f"{name} {i}", "same"])

    threads = [threading.Thread(target=write, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = logs.lines(made.id)
    assert [line.number for line in lines] == list(range(1, 33))
    assert lines[:2] == (LogLine(1, "first"), LogLine(2, "Ä"))
    assert logs.lines(made.id, after=30) == lines[30:]
    assert logs.lines(made.id, after=1, limit=2) == lines[1:3]
    assert logs.append(made.id, []) == 32


def test_job_refusals(database: Database, queue: SqlJobQueue) -> None:
    """Unknown jobs, products and datasets, taken ids and odd options: each its own error."""
    for wrong, what in [
        (replace(job(), product="x"), "no product x"),
        (replace(job(), dataset_id="x"), "no dataset x"),
    ]:
        with pytest.raises(NotFound, match=what):
            queue.add(wrong)
    with pytest.raises(BadRequest, match="plain values"):
        queue.add(replace(job(), options={"x": object()}))
    made = queue.add(job())
    with pytest.raises(Conflict, match="already"):
        queue.add(made)
    logs = SqlJobLogs(database)
    for use in (
        lambda: SqlJobs(database).get("x"),
        lambda: queue.cancel("x", NOON),
        lambda: queue.finish("x", JobState.DONE, NOON),
        lambda: logs.append("x", ["line"]),
        lambda: logs.lines("x"),
    ):
        with pytest.raises(NotFound, match="no job x"):
            use()
    assert not queue.progress("x", "", 0, 0)
