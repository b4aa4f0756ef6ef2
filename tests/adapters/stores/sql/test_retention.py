"""Retention over the real stores, on both databases."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from okng.adapters.stores.content_folder import ContentFolder
from okng.adapters.stores.file_lock import locked, locked_if_free
from okng.adapters.stores.sql.audit import SqlAuditLog
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.inspections import SqlInspections
from okng.adapters.stores.sql.kept_images import SqlKeptImages
from okng.adapters.stores.sql.reviews import SqlReviews
from okng.domain.errors import BadSetting, NotFound, Unavailable
from okng.domain.inspection import Inspection
from okng.domain.record_ports import ImageKind
from okng.domain.records import InspectionRecord, Review
from okng.domain.retention import RetentionRules
from okng.domain.verdict import Verdict
from okng.services import retention
from okng.services.retention import Retention

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RULES = RetentionRules(ok_days=30, ok_thumbnail_days=90, other_days=365)


@dataclass
class Line:
    """A service's stores with inspections of some age."""

    database: Database
    root: Path
    rules: RetentionRules = RULES

    def __post_init__(self) -> None:
        self.inspections = SqlInspections(self.database)
        self.contents = ContentFolder(self.root, grace_s=0)
        self.images = SqlKeptImages(self.database)
        self.audit = SqlAuditLog(self.database)

    def add(
        self, days: float, verdict: Verdict = Verdict.OK, image: bytes | None = None
    ) -> InspectionRecord:
        """Keep an inspection that is so many days old, with image and thumbnail."""
        record_id = new_id()
        record = InspectionRecord(
            id=record_id,
            at=NOW - timedelta(days=days),
            actor="line",
            inspection=Inspection(
                image="x.png",
                verdict=verdict,
                product="bottle",
                model="bottle-1",
                graph_sha256="0" * 64,
                calibration=1,
                review_threshold=0.5,
                ng_threshold=0.7,
                time=NOW.isoformat(),
            ),
            image=self.contents.put(image or f"image {record_id}".encode()),
            thumbnail=self.contents.put(f"thumbnail {record_id}".encode()),
        )
        return self.inspections.add(record)

    def has(self, record: InspectionRecord) -> tuple[bool, bool]:
        """Tell whether image and thumbnail are there, in the database and on the disk alike."""
        kept = self.inspections.get(record.id)
        there = []
        for now, before in ((kept.image, record.image), (kept.thumbnail, record.thumbnail)):
            assert before is not None
            try:
                self.contents.get(before)
                on_disk = True
            except NotFound:
                on_disk = False
            assert on_disk or now is None
            there.append(now is not None)
        return there[0], there[1]

    def retention(self, **options: object) -> Retention:
        return Retention(
            self.images,
            self.contents,
            self.audit,
            self.rules,
            lambda: NOW,
            **options,  # type: ignore[arg-type]
        )


@pytest.fixture
def line(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setattr(retention, "PAUSE_S", 0.0)
    return Line(database, tmp_path / "images")


@pytest.fixture
def quick(sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """On SQLite alone, where the rules are looked at and not the database."""
    monkeypatch.setattr(retention, "PAUSE_S", 0.0)
    path = tmp_path / "okng.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(path)
    yield Line(database, tmp_path / "images")
    database.close()


def test_ages(line: Line) -> None:
    """OK images go first, then OK thumbnails, and all of NG, REVIEW and ERROR late."""
    fresh, month, quarter = line.add(29), line.add(31), line.add(91)
    others = [line.add(300, verdict) for verdict in (Verdict.NG, Verdict.REVIEW, Verdict.ERROR)]
    ancient = line.add(366, Verdict.NG)
    report = line.retention().run()
    assert line.has(fresh) == (True, True)
    assert line.has(month) == (False, True)
    assert line.has(quarter) == (False, False)
    assert [line.has(other) for other in others] == [(True, True)] * 3
    assert line.has(ancient) == (False, False)
    assert (report.images, report.thumbnails, report.contents) == (3, 2, 5)


def test_inspections_stay(quick: Line) -> None:
    """Only pictures go: verdict, score and everything else of an inspection remain."""
    old = quick.add(400, Verdict.NG)
    quick.retention().run()
    kept = quick.inspections.get(old.id)
    assert kept == replace(old, image=None, thumbnail=None)


def test_what_somebody_reviewed_stays(line: Line) -> None:
    """A label's image is kept however old it is, and however full the disk."""
    old = line.add(1000)
    SqlReviews(line.database).add_review(Review(new_id(), old.id, NOW, "rita", Verdict.NG))
    line.rules = replace(RULES, max_bytes=1)
    report = line.retention().run()
    assert line.has(old) == (True, True)
    assert report.over_bytes > 0
    assert report.removed == 0


def test_a_review_that_comes_between_wins(line: Line) -> None:
    """An image that is reviewed after it was chosen and before it was removed stays."""
    old = line.add(1000)
    SqlReviews(line.database).add_review(Review(new_id(), old.id, NOW, "rita", Verdict.NG))
    assert line.images.remove_images(ImageKind.IMAGE, [old.id]) == ()
    assert line.has(old) == (True, True)


def test_what_the_audit_log_speaks_of_stays(line: Line) -> None:
    """An inspection that is the subject of an entry keeps its image; others behind it go."""
    spoken, others = line.add(400), [line.add(300 + number) for number in range(3)]
    line.audit.append("anna", "inspection.export", spoken.id, {})
    line.retention().run()
    assert line.has(spoken) == (True, True)
    assert [line.has(other) for other in others] == [(False, False)] * 3


def test_many_that_stay_do_not_hide_those_that_go(
    quick: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More protected images than a batch holds do not stop the rest from going."""
    monkeypatch.setattr(retention, "BATCH", 3)
    spoken = [quick.add(500) for _ in range(7)]
    for record in spoken:
        quick.audit.append("anna", "inspection.export", record.id, {})
    others = [quick.add(400) for _ in range(7)]
    quick.retention().run()
    assert all(quick.has(record) == (True, True) for record in spoken)
    assert all(quick.has(record) == (False, False) for record in others)


def test_a_shared_content_goes_with_the_last(line: Line) -> None:
    """The same picture of two inspections stays until neither has it."""
    old, young = line.add(40, image=b"same"), line.add(10, image=b"same")
    assert old.image == young.image is not None
    line.retention().run()
    assert line.contents.get(young.image) == b"same"
    assert line.inspections.get(old.id).image is None
    young_again = replace(RULES, ok_days=5)
    line.rules = young_again
    assert line.retention().run().contents == 1
    with pytest.raises(NotFound):
        line.contents.get(young.image)


def test_the_cap_takes_the_oldest_ok_first(quick: Line) -> None:
    """Beyond the limit OK images go by age until the rest fits; others only after them."""
    size = 10_000
    records = [quick.add(20 - number, image=os.urandom(size)) for number in range(10)]
    bad = quick.add(25, Verdict.NG, image=os.urandom(size))
    quick.rules = replace(RULES, max_bytes=quick.contents.size_bytes() - int(3.5 * size))
    retention.BATCH = 1
    try:
        report = quick.retention().run()
    finally:
        retention.BATCH = 50
    assert report.images == 4
    assert [quick.has(record)[0] for record in records] == [False] * 4 + [True] * 6
    assert quick.has(bad) == (True, True)
    assert quick.contents.size_bytes() <= quick.rules.max_bytes
    assert report.over_bytes == 0


def test_the_cap_takes_others_where_it_must(quick: Line) -> None:
    """Without OK images to take, NG images go too, the oldest first."""
    old, new = (quick.add(days, Verdict.NG, image=os.urandom(10_000)) for days in (20, 10))
    quick.rules = replace(RULES, max_bytes=15_000)
    retention.BATCH = 1
    try:
        quick.retention().run()
    finally:
        retention.BATCH = 50
    assert not quick.has(old)[0]
    assert quick.has(new)[0]


def test_a_run_is_noted_once(quick: Line) -> None:
    """One entry says what a run removed; a run that removed nothing says nothing."""
    quick.add(40)
    quick.retention().run()
    quick.retention().run()
    entries = list(quick.audit.entries())
    assert [(entry.actor, entry.action) for entry in entries] == [("okng", "retention.run")]
    assert '"images":1' in entries[0].details


def test_strays_go(line: Line) -> None:
    """A content that a crash left without an inspection is found; others stay."""
    kept = line.add(1)
    stray = line.contents.put(b"nobody's")
    assert line.retention().run().strays == 1
    assert line.has(kept) == (True, True)
    with pytest.raises(NotFound):
        line.contents.get(stray)


def test_a_young_content_is_nobodys_yet(quick: Line) -> None:
    """What was put moments ago may belong to an inspection that is just being stored."""
    quick.contents = ContentFolder(quick.root, grace_s=600)
    young = quick.contents.put(b"in flight")
    assert quick.retention().run().strays == 0
    assert quick.contents.get(young) == b"in flight"


def test_a_backup_stops_the_removing(quick: Line, tmp_path: Path) -> None:
    """While somebody holds the lock nothing goes; afterwards it does."""
    old = quick.add(40)
    lock = tmp_path / "lock"
    run = quick.retention(exclusive=lambda: locked_if_free(lock)).run
    with locked(lock):
        assert run().removed == 0
    assert quick.has(old) == (True, True)
    assert run().removed
    assert quick.has(old) == (False, True)


def test_it_runs_by_itself_and_stops(quick: Line) -> None:
    """The thread runs at once and at its interval, does its chores, and ends when it is told."""
    first = quick.add(40)
    done = threading.Event()
    runner = quick.retention(chores=[done.set])
    runner.start(interval_s=0.01)
    try:
        assert done.wait(10)
        assert quick.has(first) == (False, True)
        second = quick.add(40)
        wait_for(lambda: quick.inspections.get(second.id).image is None)
    finally:
        runner.stop()
    third = quick.add(40)
    time.sleep(0.05)
    assert quick.has(third) == (True, True)


def test_an_outage_does_not_end_it(quick: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the database does not answer for a while, a later run does the work."""
    old = quick.add(40)
    failures = iter([True, True])
    removable = quick.images.removable

    def unsure(*arguments: object) -> object:
        if next(failures, False):
            raise Unavailable("no answer")
        return removable(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(quick.images, "removable", unsure)
    runner = quick.retention()
    runner.start(interval_s=0.01)
    try:
        wait_for(lambda: quick.inspections.get(old.id).image is None)
    finally:
        runner.stop()


def test_a_long_run_can_be_stopped(quick: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends after the batch that it is in."""
    monkeypatch.setattr(retention, "BATCH", 1)
    records = [quick.add(40) for _ in range(5)]
    runner = quick.retention(exclusive=lambda: after_first(runner))
    report = runner.run()
    assert report.stopped
    assert sum(not quick.has(record)[0] for record in records) == 1


@contextmanager
def after_first(runner: Retention) -> Iterator[bool]:
    yield True
    runner.stop()


def test_inspections_go_on_meanwhile(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """While hundreds of images are removed, storing an inspection does not wait for the end."""
    monkeypatch.setattr(retention, "PAUSE_S", 0.002)
    line.inspections.add_many([line_record(line, number) for number in range(400)])
    runner = line.retention()
    thread = threading.Thread(target=runner.run)
    thread.start()
    waits = []
    while thread.is_alive():
        begin = time.perf_counter()
        line.add(1)
        waits.append(time.perf_counter() - begin)
    thread.join()
    assert len(waits) > 5
    assert sorted(waits)[len(waits) // 2] < 0.25


def line_record(line: Line, number: int) -> InspectionRecord:
    template = InspectionRecord(
        id=new_id(),
        at=NOW - timedelta(days=40),
        actor="line",
        inspection=Inspection(
            "x.png", Verdict.OK, "bottle", "bottle-1", "0" * 64, 1, 0.5, 0.7, NOW.isoformat()
        ),
    )
    return replace(template, image=line.contents.put(f"{number}".encode()))


@pytest.mark.parametrize(
    "values",
    [
        {"ok_days": -1.0},
        {"other_days": 40_000.0},
        {"ok_days": float("nan")},
        {"max_bytes": -1},
        {"ok_days": 400.0},
        {"ok_thumbnail_days": 400.0},
    ],
)
def test_rules_have_bounds(values: dict[str, float]) -> None:
    """Days and bytes that make no sense are refused with the reason."""
    with pytest.raises(BadSetting):
        RetentionRules(**values)  # type: ignore[arg-type]


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
