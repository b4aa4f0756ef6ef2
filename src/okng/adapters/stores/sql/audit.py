"""The audit log in the database."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from sqlalchemy import insert, select

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.people_schema import AnchorRow, AuditRow
from okng.adapters.stores.sql.people_turns import take_turn
from okng.algorithms.audit_chain import link, readable
from okng.domain.people import Anchor, AuditEntry
from okng.domain.people_ports import AuditFilter

_BATCH = 2000
_ONLY = 1


def _now() -> datetime:
    return datetime.now(UTC)


class SqlAuditLog:
    """An `AuditStore` and `AnchorStore`."""

    def __init__(self, database: Database, now: Callable[[], datetime] = _now) -> None:
        self._database = database
        self._now = now

    def append(
        self, actor: str, action: str, subject: str, details: Mapping[str, object]
    ) -> AuditEntry:
        """Add an entry, in the transaction that this thread is in.

        Others that append wait for that to end: append last.
        """
        with self._database.session() as session:
            take_turn(session, "audit")
            entry = link(self.head(), self._now(), actor, action, subject, details)
            session.execute(insert(AuditRow).values(**vars(entry)))
            return entry

    def head(self) -> AuditEntry | None:
        with self._database.reading() as session:
            row = session.execute(_ENTRIES.order_by(AuditRow.number.desc()).limit(1)).one_or_none()
            return None if row is None else AuditEntry(*row)

    def entries(self) -> Iterator[AuditEntry]:
        """Yield all entries, oldest first, without holding them all."""
        with self._database.reading() as session:
            rows = session.execute(
                _ENTRIES.order_by(AuditRow.number), execution_options={"yield_per": _BATCH}
            )
            for row in rows:
                yield AuditEntry(*row)

    def newest(self, wanted: AuditFilter, before: int | None, limit: int) -> list[AuditEntry]:
        """Return entries, newest first, with numbers below `before`."""
        query = _ENTRIES.order_by(AuditRow.number.desc()).limit(limit)
        if before is not None:
            query = query.where(AuditRow.number < before)
        if wanted.actor is not None:
            query = query.where(AuditRow.actor == readable(wanted.actor))
        if wanted.action is not None:
            query = query.where(AuditRow.action == readable(wanted.action))
        if wanted.subject is not None:
            query = query.where(AuditRow.subject == readable(wanted.subject))
        if wanted.since is not None:
            query = query.where(AuditRow.at >= wanted.since)
        if wanted.until is not None:
            query = query.where(AuditRow.at < wanted.until)
        with self._database.reading() as session:
            return [AuditEntry(*row) for row in session.execute(query)]

    def last_anchor(self) -> Anchor | None:
        wanted = select(AnchorRow.at, AnchorRow.number, AnchorRow.hash)
        with self._database.reading() as session:
            row = session.execute(wanted.where(AnchorRow.id == _ONLY)).one_or_none()
            return None if row is None else Anchor(*row)

    def hold_anchor(self) -> Anchor | None:
        """Return the last anchor, and let nobody else write one until the end."""
        with self._database.session() as session:
            take_turn(session, "anchor")
            return self.last_anchor()

    def set_anchor(self, anchor: Anchor) -> None:
        with self._database.session() as session:
            session.merge(AnchorRow(id=_ONLY, **vars(anchor)))
            session.flush()


_ENTRIES = select(
    AuditRow.number,
    AuditRow.at,
    AuditRow.actor,
    AuditRow.action,
    AuditRow.subject,
    AuditRow.details,
    AuditRow.previous,
    AuditRow.hash,
)
