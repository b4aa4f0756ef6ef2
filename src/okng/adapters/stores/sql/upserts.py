"""What SQLite and PostgreSQL have in common but SQLAlchemy gives by dialect."""

from typing import Any

from sqlalchemy import ColumnElement, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from okng.adapters.stores.sql.schema_root import Table


def insert(session: Session, table: type[Table]) -> Any:
    """Return an INSERT that knows ON CONFLICT."""
    make = postgresql.insert if _is_postgresql(session) else sqlite.insert
    return make(table)


def larger(session: Session, one: Any, other: Any) -> ColumnElement[Any]:
    """Return the larger of two columns of a row."""
    return (func.greatest if _is_postgresql(session) else func.max)(one, other)


def smaller(session: Session, one: Any, other: Any) -> ColumnElement[Any]:
    """Return the smaller of two columns of a row."""
    return (func.least if _is_postgresql(session) else func.min)(one, other)


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"
