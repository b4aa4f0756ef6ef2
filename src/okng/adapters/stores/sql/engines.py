"""Connections to SQLite and PostgreSQL, set so that what is committed stays."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, FromClause, create_engine, event, make_url
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import ArgumentError

from okng.adapters.stores.file_lock import locked
from okng.adapters.stores.sql.network_shares import network_share
from okng.domain.errors import BadSetting, MissingExtra

BEGIN = "okng_begin"
"""The execution option that says how SQLite begins a transaction."""

BUSY_TIMEOUT_MS = 30_000
_CACHE_KIB = 65_536
_CHECKPOINT_PAGES = 10_000  # 40 MB: a page that many inspections touch is moved less often
_POOL = 40
_CONNECT_TIMEOUT_S = 10


class _IndexedBy(SQLiteCompiler):
    """Passes on what a query says of its index; SQLAlchemy has no word for it."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:  # noqa: ARG002
        return text


def build_engine(url: str | Path, mounts: str | None = None) -> Engine:
    """Prepare connections to `url`; nothing is connected yet.

    Raises:
        BadSetting: the URL cannot work, or names a file on a network share.
        MissingExtra: PostgreSQL's driver is not installed.
    """
    address = _address(url)
    if address.get_backend_name() == "sqlite":
        return _sqlite(address, mounts)
    return _postgresql(address)


def _postgresql(address: URL) -> Engine:
    timeout = str(address.query.get("connect_timeout", _CONNECT_TIMEOUT_S))
    try:
        engine = create_engine(
            address.set(drivername="postgresql+psycopg"),
            pool_size=10,
            max_overflow=_POOL,
            pool_pre_ping=True,
            # A plan that fits one filter's values may be a bad one for the next.
            connect_args={"connect_timeout": int(timeout), "prepare_threshold": None},
        )
    except ModuleNotFoundError as error:
        raise MissingExtra("psycopg, PostgreSQL's driver,", "postgres") from error
    except ValueError as error:
        raise BadSetting(f"the database URL's connect_timeout is no number: {timeout}") from error

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # At 4, meant for spinning disks, it walks all inspections by time rather than the few of
        # a camera or model, whose rows lie apart.
        with connection.cursor() as cursor:
            cursor.execute("SET random_page_cost = 1.1")
        connection.commit()

    return engine


def _address(url: str | Path) -> URL:
    if isinstance(url, Path):
        return URL.create("sqlite", database=str(url.absolute()))
    wanted = "a database is named by sqlite:////path/okng.db or postgresql://user@host/name"
    try:
        address = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise BadSetting(f"this is no database URL: {wanted}") from error
    backend = address.drivername.partition("+")[0]
    if backend not in ("sqlite", "postgresql", "postgres"):
        raise BadSetting(f"okng does not know {backend!r} databases: {wanted}")
    return address if backend != "postgres" else address.set(drivername="postgresql")


def _sqlite(address: URL, mounts: str | None) -> Engine:
    if not address.database or address.database == ":memory:" or address.query:
        raise BadSetting("SQLite needs a file and no options: sqlite:////path/okng.db")
    path = Path(address.database).absolute()
    share = network_share(path, mounts)
    if share is not None:
        raise BadSetting(
            f"{path} lies on a network share ({share}), where SQLite loses data: keep it on a "
            "local disk (OKNG_HOME), or use PostgreSQL"
        )
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        pool_size=10,
        max_overflow=_POOL,
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
    )

    engine.dialect.statement_compiler = _IndexedBy

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # this module begins transactions, not the driver
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            # Two processes that both switch can fail at once without waiting.
            with locked(path.with_name(f".{path.name}.lock")):
                connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN"))

    return engine
