"""An empty database of this okng's tables, in SQLite and in PostgreSQL."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.schema_root import Table
from okng.domain.inspection import Inspection, Timing
from okng.domain.records import Context, InspectionRecord
from okng.domain.verdict import Prediction, Region, Verdict
from okng.domain.view import Box

POSTGRES = os.environ.get("OKNG_TEST_POSTGRES") or "postgresql://postgres@127.0.0.1:5432/postgres"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and no rows."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(path)
    database.migrate()
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A prefix that names databases of this worker's own, dropped at the end."""
    prefix = f"okng_test_{uuid.uuid4().hex[:12]}"
    try:
        run_on_server("SELECT 1")
    except OperationalError as error:
        reason = f"no PostgreSQL answers at {POSTGRES} (OKNG_TEST_POSTGRES): {error.orig}"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    yield prefix
    with _server().connect() as connection:
        left = connection.execute(
            text("SELECT datname FROM pg_database WHERE datname LIKE :prefix"),
            {"prefix": prefix.replace("_", r"\_") + "%"},
        ).scalars()
        names = list(left)
    for name in names:
        run_on_server(f'DROP DATABASE "{name}" WITH (FORCE)')


class PostgresDatabases:
    """Lends databases with all tables and no rows; making one takes long, so they are reused."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._template = f"{prefix}_template"
        self._free: list[str] = []
        run_on_server(f'CREATE DATABASE "{self._template}"')
        database = Database(url_of(self._template))
        database.migrate()
        database.close()
        self._shape = self._shape_of(self._template)

    def lend(self) -> str:
        if self._free:
            return self._free.pop()
        name = f"{self._prefix}_{uuid.uuid4().hex[:8]}"
        run_on_server(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"')
        return name

    def take_back(self, name: str) -> None:
        """Empty it for the next test; drop it where a test has changed its tables."""
        if self._shape_of(name) != self._shape:
            run_on_server(f'DROP DATABASE "{name}" WITH (FORCE)')
            return
        with _server(name).connect() as connection, connection.begin():
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            for table in reversed(Table.metadata.sorted_tables):
                guarded = table.name == "audit_entries"
                if guarded:
                    connection.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER USER"))
                connection.execute(table.delete())
                if guarded:
                    connection.execute(text("ALTER TABLE audit_entries ENABLE TRIGGER USER"))
        self._free.append(name)

    def _shape_of(self, name: str) -> str:
        parts = (
            "SELECT format('%s %s %s', relname, relkind, relnatts) FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace",
            "SELECT format('%s %s', tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal",
            "SELECT version_num FROM alembic_version",
        )
        with _server(name).connect() as connection:
            rows = connection.scalars(text(" UNION ALL ".join(parts) + " ORDER BY 1"))
            return "\n".join(rows)


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: str) -> PostgresDatabases:
    """This worker's databases."""
    return PostgresDatabases(postgres_server)


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Which database a test runs against."""
    return str(request.param)


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    name = f"{request.getfixturevalue('postgres_server')}_{uuid.uuid4().hex[:8]}"
    run_on_server(f'CREATE DATABASE "{name}"')
    yield url_of(name)
    run_on_server(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with all tables and no rows."""
    if backend == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "okng.db")
        yield f"sqlite:///{tmp_path / 'okng.db'}"
        return
    databases: PostgresDatabases = request.getfixturevalue("postgres_databases")
    name = databases.lend()
    yield url_of(name)
    databases.take_back(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database, closed afterwards."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def make_record() -> Callable[..., InspectionRecord]:
    """Make an inspection: a bottle's, NG at 0.75, unless told otherwise."""

    def make(
        verdict: Verdict = Verdict.NG,
        score: float | None = 0.75,
        product: str = "bottle",
        model: str = "bottle-1",
        at: datetime = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC),
        **known: Any,
    ) -> InspectionRecord:
        regions = (
            Region(Box(1, 2, 30, 40), 900, 0.1 + 0.2, "crack"),
            Region(Box(0, 0, 1, 1), 1, 1),
        )
        context = {f.name: known.pop(f.name) for f in fields(Context) if f.name in known}
        inspection = Inspection(
            image="frame 7.png",
            verdict=verdict,
            product=product,
            model=model,
            graph_sha256="0" * 64,
            calibration=2,
            review_threshold=1 / 3,
            ng_threshold=2 / 3,
            time=at.isoformat(),
            score=score,
            p_value=None if score is None else 1e-300,
            image_width=640,
            image_height=480,
            timing=Timing(1.1, 2.2, 3.3, 4.4),
            error="it cannot be read" if verdict is Verdict.ERROR else None,
            prediction=None
            if score is None
            else Prediction(score, np.ones((2, 2), np.float32), regions),
        )
        values = {"id": new_id(), "at": at, "actor": "line 1", "context": Context(**context)}
        return InspectionRecord(inspection=inspection, **{**values, **known})

    return make


def url_of(name: str) -> str:
    """Return the URL of another database of the server."""
    return make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)


def run_on_server(statement: str) -> None:
    """Run what no transaction may hold."""
    with _server().connect() as connection:
        connection.execute(text(statement))


def _server(name: str | None = None) -> Engine:
    """Return connections to a database of the server, the one of its URL unless named."""
    url = make_url(POSTGRES if name is None else url_of(name)).set(drivername="postgresql+psycopg")
    known: dict[str, Any] = {"poolclass": NullPool, "connect_args": {"connect_timeout": 5}}
    if name is None:
        known["isolation_level"] = "AUTOCOMMIT"
    return create_engine(url, **known)
