import sqlite3
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.schema import ValueRow
from okng.adapters.stores.sql.stored_values import SqlStoredValues
from okng.domain.errors import BadRequest, BadSetting, MissingExtra, Unavailable


def names(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(ValueRow.name).order_by(ValueRow.name)))


def test_a_session_that_fails_leaves_nothing(database: Database) -> None:
    """An error that leaves a session undoes what it wrote."""

    def fail() -> None:
        with database.session() as session:
            session.add(ValueRow(name="a", value="1"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names(database) == []


def test_a_session_within_a_session_is_a_part_of_it(database: Database) -> None:
    """What an inner session wrote goes with the outer one."""

    def fail() -> None:
        with database.session():
            SqlStoredValues(database).set_value("a", 1)
            assert SqlStoredValues(database).value("a") == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names(database) == []


def test_an_inner_error_that_is_caught_undoes_the_inner_session_only(database: Database) -> None:
    """The outer session keeps what it wrote before and after."""
    with database.session() as session:
        session.add(ValueRow(name="before", value="1"))

        def fail() -> None:
            with database.session() as inner:
                inner.add(ValueRow(name="inner", value="1"))
                inner.flush()
                inner.execute(text("INSERT INTO stored_values VALUES ('inner', '2')"))

        with pytest.raises(IntegrityError):
            fail()
        session.add(ValueRow(name="behind", value="1"))
    assert names(database) == ["before", "behind"]


def test_a_thread_is_in_a_session_only_inside_the_block(database: Database) -> None:
    """in_session is of this thread and this block, also after an error."""
    seen = []
    with database.session():
        thread = threading.Thread(target=lambda: seen.append(database.in_session))
        thread.start()
        thread.join()
        seen.append(database.in_session)
    with pytest.raises(RuntimeError), database.session():
        raise RuntimeError
    assert [*seen, database.in_session] == [False, True, False]


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    """A reader sees the state before while another thread writes."""
    with database.session() as session:
        session.add(ValueRow(name="a", value="1"))
        session.flush()
        seen: list[list[str]] = []
        thread = threading.Thread(target=lambda: seen.append(names(database)))
        thread.start()
        thread.join(10)
        assert seen == [[]]


def test_two_instances_write_the_same_rows_in_turn(database_url: str) -> None:
    """Read, add one, write: of two processes' sessions none is lost when rows are locked."""
    databases = [Database(database_url) for _ in range(2)]
    SqlStoredValues(databases[0]).set_value("count", 0)

    def count(database: Database) -> None:
        for _ in range(20):
            with database.session() as session:
                row = session.get_one(ValueRow, "count", with_for_update=True)
                row.value = str(int(row.value) + 1)

    threads = [threading.Thread(target=count, args=(database,)) for database in databases * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert SqlStoredValues(databases[0]).value("count") == 80
    for database in databases:
        database.close()


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_text_that_a_database_cannot_keep_is_refused(database: Database, value: str) -> None:
    """NUL and halves of surrogate pairs give BadRequest in both databases, also in searches."""
    with pytest.raises(BadRequest, match="leave them out"):
        SqlStoredValues(database).set_value(value, 1)
    with pytest.raises(BadRequest, match="leave them out"):
        SqlStoredValues(database).value(value)


def test_check_wants_the_tables(empty_url: str) -> None:
    """A database without tables is not ready; after migrate it is."""
    database = Database(empty_url)
    with pytest.raises(Unavailable, match="not up to date"):
        database.check()
    database.migrate()
    database.check()
    database.close()


def test_an_unreachable_server_is_unavailable() -> None:
    """A PostgreSQL that does not answer gives Unavailable."""
    pytest.importorskip("psycopg")
    database = Database("postgresql://nobody@127.0.0.1:9/none?connect_timeout=2")
    with pytest.raises(Unavailable, match="does not answer"):
        database.check()


def test_sqlite_waits_for_the_disk(tmp_path: Path) -> None:
    """Connections to SQLite use WAL, synchronous=FULL and foreign keys."""
    database = Database(tmp_path / "okng.db")
    with database.session() as session:
        found = [
            session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    database.close()
    assert found == ["wal", 2, 1, 30_000]


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    """Somebody else's file is refused, and left as it was."""
    path = tmp_path / "okng.db"
    path.write_bytes(b"something else entirely" * 100)
    database = Database(path)
    with pytest.raises(Unavailable, match="not a database"):
        database.migrate()
    database.close()
    assert path.read_bytes() == b"something else entirely" * 100


@pytest.mark.parametrize(
    "url",
    [
        "mysql://host/name",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file.db?mode=ro",
        "nonsense",
        "postgresql://host:port/name",
    ],
)
def test_a_url_that_cannot_work_is_refused(url: str) -> None:
    """Other databases, SQLite in memory and nonsense give BadSetting."""
    with pytest.raises(BadSetting, match=r"sqlite:////path/okng\.db"):
        Database(url)


def test_a_missing_driver_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without psycopg, the error names the command that installs it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install 'okng\[postgres\]'"):
        Database("postgresql://host/name")


def test_the_password_is_in_no_error() -> None:
    """A URL with a password that cannot work is not repeated."""
    with pytest.raises(BadSetting) as caught:
        Database("mysql://me:secret@host/name")
    assert "secret" not in str(caught.value)


def test_sqlite_on_a_network_share_is_refused(tmp_path: Path) -> None:
    """A mount table that has the folder on NFS gives BadSetting, and no file is made."""
    mounts = f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:9 / {tmp_path} rw - nfs4 server:/x rw\n"
    with pytest.raises(BadSetting, match=r"network share \(nfs4\).*PostgreSQL"):
        Database(tmp_path / "okng.db", mounts=mounts)
    assert list(tmp_path.iterdir()) == []
    Database(tmp_path / "okng.db", mounts=mounts.replace("nfs4", "xfs")).close()


def test_another_process_that_writes_is_waited_for(tmp_path: Path) -> None:
    """A lock that another program holds for a moment does not fail a session."""
    database = Database(tmp_path / "okng.db")
    database.migrate()
    other = sqlite3.connect(tmp_path / "okng.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    timer.start()
    SqlStoredValues(database).set_value("a", 1)
    timer.join()
    other.close()
    assert names(database) == ["a"]
    database.close()
