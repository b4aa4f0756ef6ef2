"""How long pages take with a million inspections: lists, the queue of reviews, live, the charts.

`python -m benchmarks.paging` measures SQLite; `--postgres URL` PostgreSQL as well, in a database
of its own that is dropped afterwards.
"""

import argparse
import hashlib
import random
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

from okng.adapters.stores.sql.cursors import as_microseconds, write_cursor
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.datasets import SqlDatasets
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.inspection_pages import SqlInspectionPages
from okng.adapters.stores.sql.inspection_rows import row_values
from okng.adapters.stores.sql.inspections import SqlInspections
from okng.adapters.stores.sql.kept_images import SqlKeptImages
from okng.adapters.stores.sql.migrations.versions.v0004_hours import HOURS
from okng.adapters.stores.sql.quality import SqlQuality
from okng.adapters.stores.sql.review_queue import SqlReviewQueue
from okng.adapters.stores.sql.reviews import SqlReviews
from okng.adapters.stores.sql.schema import INSPECTION_INDEXES, InspectionRow
from okng.adapters.stores.sql.watching import SqlWatching
from okng.domain.inspection import Inspection, Timing
from okng.domain.people import Principal, Right
from okng.domain.record_ports import ImageKind, ImageRule
from okng.domain.records import Context, InspectionFilter, InspectionRecord, Order
from okng.domain.verdict import Verdict
from okng.services.quality import Period, Quality
from okng.services.review_queue import ReviewQueue

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PRODUCTS = {"bottle": 0.7, "flange": 0.2, "screw": 0.09, "prototype": 0.01}
VERDICTS = {Verdict.OK: 0.95, Verdict.REVIEW: 0.03, Verdict.NG: 0.019, Verdict.ERROR: 0.001}
RUNS = 15
WANTED_MS = 200.0


def records(number: int) -> Iterator[InspectionRecord]:
    """Yield inspections two seconds apart: three images per part, lots of a shift.

    Screws are made in the first half only; models follow each other.
    """
    chance = random.Random(0)
    for i in range(number):
        product = chance.choices(list(PRODUCTS), list(PRODUCTS.values()))[0]
        if product == "screw" and 2 * i > number:
            product = "bottle"
        verdict = chance.choices(list(VERDICTS), list(VERDICTS.values()))[0]
        failed = verdict is Verdict.ERROR
        at = BEGIN + timedelta(seconds=2 * i, microseconds=chance.randrange(10**6))
        camera = f"{product}-{chance.randrange(3)}" if i % 1000 else "spare"
        digest = hashlib.sha256(str(i).encode()).hexdigest()
        wrong = verdict in (Verdict.NG, Verdict.REVIEW)
        yield InspectionRecord(
            id=new_id(),
            at=at,
            actor="line",
            inspection=Inspection(
                image=f"{i}.png",
                verdict=verdict,
                product=product,
                model=f"{product}-{1 + 5 * i // number}",
                graph_sha256=digest,
                calibration=1,
                review_threshold=0.5,
                ng_threshold=0.6,
                time=at.isoformat(),
                score=None if failed else chance.gauss(0.7 if wrong else 0.3, 0.05),
                p_value=None if failed else chance.random(),
                timing=Timing(5.0, 2.0, 20.0, 1.0),
            ),
            context=Context(f"P{i // 3}", f"L{i // 14400}", "top", camera, f"st-{product}"),
            image=digest if wrong else None,
            thumbnail=digest[::-1],
            key=None,
            reviewed=verdict if wrong and chance.random() < 0.6 else None,
        )


def fill(database: Database, number: int) -> None:
    """Store inspections without their indexes, then make those."""
    for index in INSPECTION_INDEXES:
        index.drop(database.engine)
    columns = InspectionRow.__table__.columns
    binders = [
        (column.name, column.type.dialect_impl(database.engine.dialect)) for column in columns
    ]
    dialect = database.engine.dialect

    def plain(record: InspectionRecord) -> tuple[Any, ...]:
        values = row_values(record)
        return tuple(
            kind.process_bind_param(values[name], dialect)
            if hasattr(kind, "process_bind_param")
            else values[name]
            for name, kind in binders
        )

    names = ", ".join(f'"{name}"' for name, _ in binders)
    connection: Any = database.engine.raw_connection()
    if database.dialect == "postgresql":
        with connection.cursor().copy(f"COPY inspections ({names}) FROM STDIN") as copy:
            for record in records(number):
                copy.write_row(plain(record))
    else:
        marks = ", ".join("?" * len(binders))
        connection.execute("BEGIN")
        insert = f"INSERT INTO inspections ({names}) VALUES ({marks})"
        connection.executemany(insert, map(plain, records(number)))
    connection.commit()
    connection.close()
    for index in INSPECTION_INDEXES:
        index.create(database.engine)
    parts = """INSERT INTO parts
        SELECT product, part_id, max(lot), max(verdict), count(*), min(at), max(at)
        FROM inspections GROUP BY product, part_id"""
    hours = f"""INSERT INTO inspection_hours
        SELECT product, {HOURS[database.dialect]}, verdict, count(*)
        FROM inspections GROUP BY 1, 2, 3"""
    with database.session() as session:
        session.execute(text(parts))
        session.execute(text(hours))
    if database.dialect == "postgresql":  # as its autovacuum does by itself
        with database.engine.connect() as plain_connection:
            plain_connection.execution_options(isolation_level="AUTOCOMMIT").execute(
                text("VACUUM ANALYZE")
            )


def questions(number: int) -> Iterator[tuple[str, InspectionFilter, Order, str | None]]:
    """Yield what is asked: a name, filter, order and cursor."""
    ng, error, ok = Verdict.NG, Verdict.ERROR, Verdict.OK
    middle = BEGIN + timedelta(seconds=number)
    everything = InspectionFilter()
    bottle = InspectionFilter(product="bottle")
    queue = InspectionFilter(verdict=ng, reviewed=False)
    deep = as_microseconds(middle)

    def after(wanted: InspectionFilter, order: Order, place: float) -> str:
        return write_cursor((wanted, order), [place, new_id()])

    yield "newest", everything, Order.NEWEST, None
    yield "newest, half way in", everything, Order.NEWEST, after(everything, Order.NEWEST, deep)
    yield "oldest of a product", bottle, Order.OLDEST, None
    yield "newest NG of a product", InspectionFilter("bottle", ng), Order.NEWEST, None
    yield "newest of a rare product", InspectionFilter("prototype"), Order.NEWEST, None
    yield "newest NG of a product of old", InspectionFilter("screw", ng), Order.NEWEST, None
    yield "highest score", everything, Order.HIGHEST_SCORE, None
    yield (
        "highest score, half way in",
        bottle,
        Order.HIGHEST_SCORE,
        after(bottle, Order.HIGHEST_SCORE, 0.3),
    )
    yield "highest score, OK", InspectionFilter("bottle", ok), Order.HIGHEST_SCORE, None
    yield "lowest score, NG", InspectionFilter(verdict=ng), Order.LOWEST_SCORE, None
    yield "ERROR by score", InspectionFilter(verdict=error), Order.HIGHEST_SCORE, None
    yield (
        "a day, highest score",
        InspectionFilter("bottle", since=middle, until=middle + timedelta(days=1)),
        Order.HIGHEST_SCORE,
        None,
    )
    yield (
        "NG of a day, oldest",
        InspectionFilter(verdict=ng, since=middle, until=middle + timedelta(days=1)),
        Order.OLDEST,
        None,
    )
    yield "a part", InspectionFilter("bottle", part_id="P1234"), Order.NEWEST, None
    yield "a part that is none", InspectionFilter(part_id="none"), Order.NEWEST, None
    yield "a lot", InspectionFilter(lot="L3"), Order.NEWEST, None
    yield "a lot, highest score", InspectionFilter(lot="L3"), Order.HIGHEST_SCORE, None
    yield "a lot's NG", InspectionFilter("bottle", ng, lot="L3"), Order.NEWEST, None
    yield "a camera", InspectionFilter(camera="bottle-1"), Order.NEWEST, None
    yield (
        "a camera's ERROR",
        InspectionFilter("bottle", error, camera="bottle-1"),
        Order.NEWEST,
        None,
    )
    yield (
        "a camera, lowest score",
        InspectionFilter("bottle", camera="spare"),
        (Order.LOWEST_SCORE),
        None,
    )
    yield (
        "a camera of another product",
        InspectionFilter("flange", camera="bottle-1"),
        Order.NEWEST,
        None,
    )
    yield (
        "a camera of another station",
        InspectionFilter(camera="bottle-1", station="st-flange"),
        Order.HIGHEST_SCORE,
        None,
    )
    yield "an old model", InspectionFilter(model="bottle-1"), Order.NEWEST, None
    yield "an old camera's OK", InspectionFilter(verdict=ok, camera="screw-1"), Order.NEWEST, None
    yield (
        "an old model of a product",
        InspectionFilter("bottle", model="bottle-1"),
        Order.NEWEST,
        None,
    )
    yield (
        "an old model's NG, highest",
        InspectionFilter("bottle", ng, model="bottle-1"),
        Order.HIGHEST_SCORE,
        None,
    )
    yield "NG not reviewed", queue, Order.NEWEST, None
    yield (
        "NG not reviewed, oldest first",
        InspectionFilter("bottle", ng, reviewed=False),
        Order.OLDEST,
        None,
    )
    yield "reviewed", InspectionFilter(reviewed=True), Order.NEWEST, None
    yield (
        "reviewed, of a rare product",
        InspectionFilter("prototype", reviewed=True),
        Order.HIGHEST_SCORE,
        None,
    )
    yield (
        "reviewed and OK (none)",
        InspectionFilter("bottle", ok, reviewed=True),
        (Order.NEWEST),
        None,
    )


def reviews(
    database: Database, number: int
) -> Iterator[tuple[str, Callable[[], Sequence[object]]]]:
    """Yield what reviewing asks: the first items, the next one, and for whom there is nothing."""
    now = BEGIN + timedelta(seconds=2 * number)
    queue, who = SqlReviewQueue(database), Principal("anna", frozenset(Right))
    asked = ReviewQueue(queue, SqlReviews(database), SqlDatasets(database), lambda: now)  # type: ignore[arg-type]
    first = [record.id for record in asked.take("bottle", (), 4, who).items]
    colleague = Principal("ben", frozenset(Right))
    yield "review: the first four", lambda: asked.take("bottle", (), 4, who).items
    yield "review: one more", lambda: asked.take("bottle", first, 1, who).items
    yield "review: a colleague", lambda: asked.take("bottle", (), 4, colleague).items
    yield "review: rare product", lambda: asked.take("prototype", (), 4, who).items
    yield "review: none left", lambda: asked.take("none", (), 4, who).items


def charts(database: Database, number: int) -> Iterator[tuple[str, Callable[[], Sequence[object]]]]:
    """Yield what the charts and the live page ask, over all there is as well."""
    now, who = BEGIN + timedelta(seconds=2 * number), Principal("anna", frozenset(Right))
    quality, watching = Quality(SqlQuality(database)), SqlWatching(database)
    for product in ("bottle", None):
        for period, back in (
            (Period.HOUR, timedelta(hours=47)),
            (Period.DAY, timedelta(days=29)),
            (Period.WEEK, timedelta(weeks=25)),
        ):
            name = f"charts by {period}, {product or 'all products'}"
            yield (
                name,
                lambda p=product, b=back, of=period: (
                    quality.report(  # type: ignore[misc]
                        p, now - b, now, of, who
                    ).periods
                ),
            )
    shift = now - timedelta(hours=8)
    yield "live: a shift", lambda: list(watching.counts("bottle", None, shift))
    yield "live: a station's shift", lambda: list(watching.counts("bottle", "st-bottle", shift))


def old_thumbnails(number: int) -> ImageRule:
    verdicts = frozenset({Verdict.OK, Verdict.REVIEW})
    return ImageRule(ImageKind.THUMBNAIL, verdicts, BEGIN + timedelta(seconds=number))


def median_ms(call: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def adds_per_s(database: Database, clients: int, seconds: float = 3.0) -> float:
    """Return how many inspections a second several clients get stored, one at a time each."""
    store = SqlInspections(database)
    waiting = list(records(20_000))
    counts = [0] * clients
    until = time.perf_counter() + seconds

    def work(client: int) -> None:
        while time.perf_counter() < until and waiting:
            store.add(waiting.pop())
            counts[client] += 1

    threads = [threading.Thread(target=work, args=(client,)) for client in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def measure(database: Database, number: int) -> bool:
    """Print what a filled database takes; True if each median is below what is wanted."""
    pages = SqlInspectionPages(database)
    start = time.perf_counter()
    fill(database, number)
    print(f"\n{database.dialect}: {number} inspections in {time.perf_counter() - start:.0f} s")
    calls: list[tuple[str, Callable[[], Sequence[object]]]] = [
        (name, lambda w=wanted, o=order, c=cursor: pages.page(w, o, 50, c).items)  # type: ignore[misc]
        for name, wanted, order, cursor in questions(number)
    ]
    calls += [
        ("parts", lambda: pages.parts().items),
        ("parts of a product", lambda: pages.parts("screw").items),
        ("parts of a lot", lambda: pages.parts("bottle", "L3").items),
        ("images to remove", lambda: SqlKeptImages(database).removable(old_thumbnails(number), 50)),
        *reviews(database, number),
        *charts(database, number),
    ]
    worst = 0.0
    for name, call in calls:
        found = len(call())
        took = median_ms(call)
        worst = max(worst, took)
        print(f"  {name:32} {found:3} found  {took:8.1f} ms")
    print(f"  slowest median: {worst:.1f} ms (wanted: below {WANTED_MS:.0f})")
    for clients in (1, 8):
        print(
            f"  {clients} clients: {adds_per_s(database, clients):.0f} inspections stored a second"
        )
    return worst < WANTED_MS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inspections", type=int, default=1_000_000)
    parser.add_argument("--postgres", help="the URL of a server where a database can be made")
    parser.add_argument("--folder", type=Path, help="where SQLite's file is made for a while")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        database = Database(Path(folder) / "okng.db")
        database.migrate()
        good = measure(database, given.inspections)
        database.close()
    if given.postgres:
        good = measure_postgres(given.postgres, given.inspections) and good
    raise SystemExit(0 if good else 1)


def measure_postgres(url: str, number: int) -> bool:
    server = make_url(url).set(drivername="postgresql+psycopg")
    name = f"okng_paging_{uuid.uuid4().hex[:12]}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
        try:
            own = make_url(url).set(database=name).render_as_string(hide_password=False)
            database = Database(own)
            database.migrate()
            good = measure(database, number)
            database.close()
        finally:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    engine.dispose()
    return good


if __name__ == "__main__":
    main()
