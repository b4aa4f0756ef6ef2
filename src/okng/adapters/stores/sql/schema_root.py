"""What all tables share: one MetaData, names for constraints, and how values are stored."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, DateTime, Dialect, MetaData, SmallInteger, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeEngine

from okng.domain.errors import BadRequest
from okng.domain.verdict import Verdict

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UtcTime(TypeDecorator[datetime]):
    """An aware time: `timestamptz` in PostgreSQL, microseconds since 1970 in SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise BadRequest(f"{value} has no time zone: give one (2026-01-31T12:00:00Z)")
        if dialect.name == "postgresql":
            return value.astimezone(UTC)
        since = value - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return datetime.fromtimestamp(value // 1_000_000, UTC).replace(
            microsecond=value % 1_000_000
        )


class PlainText(TypeDecorator[str]):
    """Text that both databases keep and sort alike: real Unicode without NUL, by code point."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        collation = "C" if dialect.name == "postgresql" else None
        return Text(collation=collation)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is not None and ("\0" in value or not _is_unicode(value)):
            raise BadRequest(f"{value!r} holds characters that no database keeps: leave them out")
        return value


class VerdictRank(TypeDecorator[Verdict]):
    """A verdict as its severity, OK 0 to ERROR 3, so that a part's worst one is a maximum."""

    impl = SmallInteger
    cache_ok = True

    def process_bind_param(self, value: Verdict | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else value.severity

    def process_result_value(self, value: Any, dialect: Dialect) -> Verdict | None:  # noqa: ARG002
        return None if value is None else list(Verdict)[value]


class Table(DeclarativeBase):
    """One row of a table; `str` columns are PlainText, `datetime` UtcTime, `Verdict` its rank."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: PlainText,
        datetime: UtcTime,
        Verdict: VerdictRank,
        int: BigInteger,
    }


def _is_unicode(text: str) -> bool:
    """Tell whether text has no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
