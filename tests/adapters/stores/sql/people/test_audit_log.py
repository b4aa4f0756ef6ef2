import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from okng.adapters.stores.sql.audit import SqlAuditLog
from okng.algorithms.audit_chain import BEFORE_FIRST, verify
from okng.domain.errors import BadRequest, BadSetting, Forbidden, OkngError
from okng.domain.people import CONSOLE, Principal, Right
from okng.domain.people_ports import AuditFilter


def fill(house, count: int = 5) -> None:
    for index in range(count):
        house.services.log.append("ann", "threshold.set", f"bottle-{index}", {"ng": index / 3})
        house.clock.pass_by(seconds=1)


def test_round_trip(house) -> None:
    """What comes back from the database is what was written, and the chain holds."""
    zone = timezone(timedelta(hours=5, minutes=30))
    log = SqlAuditLog(house.database, lambda: datetime(2026, 7, 1, 2, 3, 4, 999_999, tzinfo=zone))
    details = {"b": 1, "a": [None, True, 1.5, float("nan"), "é\0\ud800"], "at": house.clock.now}
    written = [log.append("ann", "a.b", "x\0\ud800\n" + "ü" * 400, details) for _ in range(3)]
    assert list(log.entries()) == written
    assert written[0].number == 1
    assert written[0].previous == BEFORE_FIRST
    assert written[0].at.tzinfo is UTC
    assert json.loads(written[0].details)["a"] == [None, True, 1.5, "nan", "é\0\ud800"]
    assert verify(log.entries()).sound
    assert log.head() == written[-1]


def test_rolled_back(house) -> None:
    """A change that is undone leaves no entry and no gap."""
    fill(house, 2)

    def fail() -> None:
        with house.database.session():
            fill(house, 2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    fill(house, 1)
    assert [entry.number for entry in house.services.log.entries()] == [1, 2, 3]
    assert verify(house.services.log.entries()).sound


def test_concurrent_appends(house) -> None:
    """Eight threads append at once: no gap, no fork, every entry there."""

    def append(index: int) -> int:
        with house.database.session():
            return house.services.log.append(f"p{index}", "x.y", str(index), {}).number

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(append, range(80)))
    assert sorted(numbers) == list(range(1, 81))
    check = verify(house.services.log.entries())
    assert check.sound
    assert check.entries == 80


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET actor = 'eve' WHERE number = 2",
        "DELETE FROM audit_entries WHERE number = 5",
        "DELETE FROM audit_entries",
        "UPDATE audit_entries SET number = 9 WHERE number = 5",
    ],
)
def test_the_database_refuses_changes(house, statement: str) -> None:
    """The database itself lets nobody update or delete an entry."""
    fill(house)
    with pytest.raises(DBAPIError, match="append-only"), house.database.session() as session:
        session.execute(text(statement))
    assert verify(house.services.log.entries()).entries == 5


def test_the_database_refuses_replacing(house) -> None:
    """Ways round UPDATE and DELETE are closed as well."""
    fill(house)
    statement = "TRUNCATE audit_entries"
    if house.database.dialect == "sqlite":
        statement = (
            "INSERT OR REPLACE INTO audit_entries "
            "SELECT number, at, 'eve', action, subject, details, previous, hash "
            "FROM audit_entries WHERE number = 2"
        )
    with pytest.raises(DBAPIError, match="append-only"), house.database.session() as session:
        session.execute(text(statement))


def tamper(house, *statements: str) -> None:
    """Change the log as somebody who owns the database could."""
    with house.database.session() as session:
        if house.database.dialect == "postgresql":
            session.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER ALL"))
        else:
            for name in ("update", "delete", "replace"):
                session.execute(text(f"DROP TRIGGER audit_entries_refuse_{name}"))
        for statement in statements:
            session.execute(text(statement))


def test_tampering_is_found(house) -> None:
    """A row changed in the database is named by the verification, whatever the triggers."""
    fill(house)
    house.services.audit.anchor_if_due(house.clock.now)
    tamper(house, "UPDATE audit_entries SET details = '{}' WHERE number = 3")
    check = house.services.audit.verify(CONSOLE)
    assert [fault.number for fault in check.faults] == [3]
    assert "changed" in check.faults[0].reason


def test_a_cut_end_is_found(house) -> None:
    """Entries removed from the end are found as far as they were anchored."""
    fill(house)
    house.services.audit.anchor_if_due(house.clock.now)
    tamper(house, "DELETE FROM audit_entries WHERE number > 2")
    check = house.services.audit.verify(CONSOLE)
    assert (check.head, check.anchored, check.sound) == (2, 5, False)
    assert [fault.number for fault in check.faults] == [5]
    assert "ends with number 2" in check.faults[0].reason


def test_anchors(house) -> None:
    """Heads go to the file once in an interval, only new ones, and lines stay."""
    audit = house.services.audit
    assert audit.anchor_if_due(house.clock.now) is None
    fill(house, 1)
    first = audit.anchor_if_due(house.clock.now)
    assert first.number == 1
    fill(house, 1)
    assert audit.anchor_if_due(house.clock.now) is None
    house.clock.pass_by(hours=1)
    assert audit.anchor_if_due(house.clock.now).number == 2
    house.clock.pass_by(hours=5)
    assert audit.anchor_if_due(house.clock.now) is None
    lines = house.anchors.read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["1", "2"]
    assert lines[0].split()[0] == first.at.isoformat(timespec="microseconds")
    check = audit.verify(CONSOLE)
    assert (check.anchored, check.sound) == (2, True)


def test_anchors_of_many_processes(house) -> None:
    """Of several that see an anchor due at once, one writes it."""
    fill(house)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: house.services.audit.anchor_if_due(house.clock.now), range(8)))
    assert len(house.anchors.read_text().splitlines()) == 1


@pytest.mark.parametrize("text", ["nonsense\n", "2026-01-01T00:00:00 1 " + "0" * 64, "\x00", "é"])
def test_a_damaged_anchor_file(house, text: str) -> None:
    """A file that holds something else is refused, not taken for a log without anchors."""
    house.anchors.write_text(text, "utf-8")
    with pytest.raises(BadSetting, match="anchor"):
        house.services.audit.verify(CONSOLE)
    house.anchors.unlink()
    with pytest.raises(BadSetting, match="cannot be read"):
        house.services.audit.verify(CONSOLE)
    house.anchors.mkdir()
    fill(house, 1)
    with pytest.raises(BadSetting, match="cannot be written"):
        house.services.audit.anchor_if_due(house.clock.now)


def test_pages(house) -> None:
    """Pages follow each other without a gap, newest first, and filters combine."""
    fill(house, 7)
    house.services.log.append("bob", "model.promote", "bottle-1", {})
    audit, seen, cursor = house.services.audit, [], None
    while True:
        page = audit.page(CONSOLE, AuditFilter(), cursor, 3)
        seen += [entry.number for entry in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == list(range(8, 0, -1))

    def numbers(**wanted: object) -> list[int]:
        return [entry.number for entry in audit.page(CONSOLE, AuditFilter(**wanted)).items]

    start = datetime(2026, 3, 1, 8, 0, 2, tzinfo=UTC)
    assert numbers(actor="bob") == [8]
    assert numbers(subject="bottle-1") == [8, 2]
    assert numbers(subject="bottle-1", action="threshold.set") == [2]
    assert numbers(since=start, until=start + timedelta(seconds=2)) == [4, 3]
    assert numbers(actor="\0") == []
    for cursor in ("", "-1", "x", "９", "1" * 30, "\0"):
        with pytest.raises(BadRequest):
            audit.page(CONSOLE, AuditFilter(), cursor)
    with pytest.raises(Forbidden):
        audit.page(Principal("ann", frozenset({Right.READ})), AuditFilter())
    with pytest.raises(OkngError):
        audit.verify(Principal("ann", frozenset(set(Right) - {Right.ADMINISTER})))
