"""One database and its transactions: SQLite in a local file, or PostgreSQL."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from okng.adapters.stores.sql.engines import BEGIN, build_engine
from okng.adapters.stores.sql.migrating import migrate, missing_migrations
from okng.domain.errors import BadRequest, OkngError, Unavailable


class Database:
    """Where records are kept, named by a URL (`sqlite:////path/okng.db`, `postgresql://...`).

    May be used by many threads. In SQLite, writers of this process wait for each other here, and
    those of other processes up to 30 s.

    Raises:
        BadSetting: the URL cannot work, or names a file on a network share.
        MissingExtra: PostgreSQL's driver is not installed.
    """

    def __init__(self, url: str | Path, mounts: str | None = None) -> None:
        self._engine = build_engine(url, mounts)
        self._writing = threading.RLock()
        self._own = threading.local()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @property
    def engine(self) -> Engine:
        return self._engine

    @property
    def in_session(self) -> bool:
        """Whether this thread is inside a `session`."""
        return getattr(self._own, "session", None) is not None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield a transaction: committed at the end, undone by an error.

        Within another session of the same thread it is a part of that one: committed with it, and
        undone alone where its error is caught there.

        Raises:
            Unavailable: the database does not answer, or cannot store (a full disk, ...).
            BadRequest: a value is none that a database keeps.
        """
        outer: Session | None = getattr(self._own, "session", None)
        with _clear_errors():
            if outer is not None:
                with outer.begin_nested():
                    yield outer
            elif self.dialect == "sqlite":
                with self._writing, self._transaction("BEGIN IMMEDIATE") as session:
                    yield session
            else:
                with self._transaction("BEGIN") as session:
                    yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a transaction that only reads; it neither waits for writers nor stops them.

        Within a session of the same thread it is that one.

        Raises:
            Unavailable: the database does not answer.
        """
        outer: Session | None = getattr(self._own, "session", None)
        with _clear_errors():
            if outer is not None:
                yield outer
            else:
                with Session(self._engine) as session:
                    yield session

    def migrate(self) -> None:
        """Bring the tables up to date; several processes may try at once.

        Raises:
            BadSetting: a newer okng made this database, or it is something else.
            Unavailable: the database does not answer.
        """
        with _clear_errors(), self._writing:
            migrate(self._engine)

    def check(self) -> None:
        """Make sure that the database answers and has the tables of this okng.

        Raises:
            Unavailable: it does not, or they are not.
        """
        with self.reading() as session:
            session.execute(text("SELECT 1"))
            missing = missing_migrations(session.connection())
        if missing:
            raise Unavailable("the database's tables are not up to date: restart okng serve")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Session]:
        engine = self._engine.execution_options(**{BEGIN: begin})
        with Session(engine, expire_on_commit=False) as session, session.begin():
            self._own.session = session
            try:
                yield session
            finally:
                self._own.session = None


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn what a database refuses into okng's own errors; broken constraints pass through."""
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable("the database has no connection free: try again in a moment") from error
    except DataError as error:
        raise BadRequest(f"a value cannot be stored: {error.orig}") from error
    except StatementError as error:
        if isinstance(error.orig, OkngError):
            raise error.orig from None
        if isinstance(error.orig, UnicodeError | OverflowError):
            raise BadRequest(f"a value cannot be stored: {error.orig}") from error
        if isinstance(error, DBAPIError) and _is_outage(error):
            raise Unavailable(
                f"the database does not answer, or cannot store: {error.orig}"
            ) from error
        raise
    except UnicodeError as error:
        raise BadRequest(f"a value cannot be stored: {error}") from error


def _is_outage(error: DBAPIError) -> bool:
    return type(error).__name__ in {"OperationalError", "InterfaceError", "DatabaseError"}
