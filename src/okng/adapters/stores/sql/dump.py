"""The whole database as lines of JSON, the same for SQLite and PostgreSQL, and back.

A line is one row: a list of values in the order of the table's columns. What JSON does not have is
an object of one key: a time, bytes, a number that is not finite, a verdict.
"""

import base64
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    SmallInteger,
    Text,
    func,
    insert,
    select,
    union,
)
from sqlalchemy import Table as CoreTable
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from okng.adapters.stores.sql import people_schema, schema
from okng.adapters.stores.sql.audit import SqlAuditLog
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.schema_root import Table, UtcTime, VerdictRank
from okng.algorithms.audit_chain import verify
from okng.domain.errors import BadBackup, BadRequest, Conflict
from okng.domain.people import AuditCheck
from okng.domain.verdict import Verdict

_LEFT_OUT = frozenset({people_schema.SessionRow, people_schema.AttemptRow, schema.ReviewClaimRow})
"""Whoever was signed in signs in again after a restore: a session that ended must stay ended."""

_ROWS = 500


class SqlDump:
    """Reads a database in one transaction while others write, and fills an empty one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def snapshot(self) -> Iterator["SqlSnapshot"]:
        """Yield the database as it is now, whatever is written meanwhile.

        Raises:
            Unavailable: it does not answer, or its tables are not up to date.
        """
        self._database.check()
        level = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        options = level if self._database.dialect == "postgresql" else {}
        with self._database.engine.connect() as opened:
            connection = opened.execution_options(**options)
            with connection.begin():
                yield SqlSnapshot(connection)

    @contextmanager
    def loading(self) -> Iterator["SqlLoading"]:
        """Make the tables and yield what fills them; all of it is kept, or nothing.

        Raises:
            Conflict: the database is not empty.
            BadBackup: rows contradict each other.
        """
        self._database.migrate()
        try:
            with self._database.session() as session:
                for table in _tables().values():
                    if session.execute(select(table).limit(1)).first() is not None:
                        raise Conflict(
                            f"the database is not empty ({table.name} has rows): restore into a "
                            "new one"
                        )
                yield SqlLoading(session, SqlAuditLog(self._database))
        except IntegrityError as error:
            raise BadBackup(
                f"the backup's rows contradict each other ({error.orig}): take another one"
            ) from error
        except BadRequest as error:
            raise BadBackup(f"the backup has a value that no database keeps: {error}") from error


class SqlSnapshot:
    """A database at one moment."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.revision = _revision(connection)

    @property
    def tables(self) -> Mapping[str, tuple[str, ...]]:
        """The columns of each table, in the order in which tables can be filled."""
        return {name: tuple(c.name for c in table.columns) for name, table in _tables().items()}

    def count(self, table: str) -> int:
        rows = self._connection.scalar(select(func.count()).select_from(_tables()[table]))
        return int(rows or 0)

    def lines(self, table: str) -> Iterator[bytes]:
        """Yield a table's rows by its primary key."""
        wanted = _tables()[table]
        query = select(wanted).order_by(*wanted.primary_key.columns)
        rows = self._connection.execute(query, execution_options={"yield_per": _ROWS})
        for row in rows:
            values = [_encode(value) for value in row]
            yield json.dumps(values, ensure_ascii=False, allow_nan=False).encode() + b"\n"

    def digests(self) -> Iterator[str]:
        """Yield the contents that inspections refer to, each once."""
        row = schema.InspectionRow
        columns = (row.image, row.thumbnail)
        query = union(*(select(c.label("digest")).where(c.is_not(None)) for c in columns))
        rows = self._connection.execute(
            query.order_by("digest"), execution_options={"yield_per": _ROWS}
        )
        for (digest,) in rows:
            yield str(digest)


class SqlLoading:
    """Fills an empty database within one transaction."""

    def __init__(self, session: Session, audit: SqlAuditLog) -> None:
        self._session = session
        self._audit = audit
        self.revision = _revision(session.connection())

    @property
    def tables(self) -> Mapping[str, tuple[str, ...]]:
        return {name: tuple(c.name for c in table.columns) for name, table in _tables().items()}

    def load(self, table: str, lines: Iterable[bytes]) -> int:
        """Insert rows as they come; return their number.

        Raises:
            BadBackup: a line is no such row.
        """
        wanted = _tables()[table]
        columns = [(column, _types(column)) for column in wanted.columns]
        rows = (_row(columns, line, table, n) for n, line in enumerate(lines, start=1))
        total = 0
        while batch := list(islice(rows, _ROWS)):
            self._session.execute(insert(wanted), batch)
            total += len(batch)
        return total

    def check_audit(self) -> AuditCheck:
        """Verify the chain of the audit log that was loaded."""
        return verify(self._audit.entries())


def _tables() -> dict[str, CoreTable]:
    """Return the tables of a backup by name, those first that others refer to."""
    left_out = {row.__table__ for row in _LEFT_OUT}
    return {t.name: t for t in Table.metadata.sorted_tables if t not in left_out}


def _revision(connection: Connection) -> str:
    return ",".join(sorted(MigrationContext.configure(connection).get_current_heads()))


def _encode(value: Any) -> Any:
    if isinstance(value, Verdict):
        return {"verdict": value.value}
    if isinstance(value, datetime):
        return {"time": value.astimezone(UTC).isoformat()}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


_DECODE: dict[str, Callable[[str], Any]] = {
    "verdict": Verdict,
    "time": datetime.fromisoformat,
    "bytes": lambda text: base64.b64decode(text, validate=True),
    "float": float,
}


def _decode(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    if not isinstance(text, str):
        raise ValueError("a value is not what its kind says")
    return _DECODE[kind](text)


def _row(
    columns: list[tuple[Column[Any], tuple[type, ...]]], line: bytes, table: str, number: int
) -> dict[str, Any]:
    try:
        values = json.loads(line)
        if not isinstance(values, list) or len(values) != len(columns):
            raise ValueError(f"it does not have {len(columns)} values")
        row = {c.name: _decode(v) for (c, _), v in zip(columns, values, strict=True)}
    except (ValueError, KeyError, RecursionError) as error:
        raise BadBackup(f"the backup's line {number} of {table} is wrong ({error})") from error
    for column, types in columns:
        value = row[column.name]
        fits = column.nullable if value is None else isinstance(value, types)
        if not fits or (isinstance(value, bool) and bool not in types):
            raise BadBackup(
                f"the backup's line {number} of {table} has a wrong value for {column.name}"
            )
    return row


def _types(column: Column[Any]) -> tuple[type, ...]:
    """Return the Python types that a column's values have."""
    kind = column.type
    if isinstance(kind, UtcTime):
        return (datetime,)
    if isinstance(kind, VerdictRank):
        return (Verdict,)
    impl = getattr(kind, "impl", kind)
    for sql, python in (
        (Boolean, (bool,)),
        (Double, (float, int)),
        ((BigInteger, SmallInteger), (int,)),
        (Text, (str,)),
    ):
        if isinstance(impl, sql):
            return python
    raise TypeError(f"a backup does not know columns of type {kind}")
