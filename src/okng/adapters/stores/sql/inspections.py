"""Inspections in the database: added durably, many at a time in one commit."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.group_commit import GroupCommit
from okng.adapters.stores.sql.hour_rows import count_hours
from okng.adapters.stores.sql.inspection_rows import record_of, row_values
from okng.adapters.stores.sql.part_rows import update_parts
from okng.adapters.stores.sql.schema import InspectionRow
from okng.adapters.stores.sql.upserts import insert
from okng.domain.errors import Conflict, NotFound
from okng.domain.records import InspectionRecord


class SqlInspections:
    """Keeps inspections; one instance per process, so that its threads share commits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together = GroupCommit[InspectionRecord, InspectionRecord](self.add_many)

    def add(self, record: InspectionRecord) -> InspectionRecord:
        """Keep a record; it is on the disk when this returns (within a session: when that ends).

        Returns:
            The record, or the earlier one of the same actor and key: then its id is another.

        Raises:
            BadRequest: it holds what cannot be kept.
            Conflict: its id is taken.
            Unavailable: it could not be stored.
        """
        if self._database.in_session:
            return self.add_many([record])[0]
        return self._together(record)

    def add_many(self, records: Sequence[InspectionRecord]) -> tuple[InspectionRecord, ...]:
        """Keep several in one transaction as `add` would, all or none."""
        rows = [row_values(record) for record in records]
        try:
            with self._database.session() as session:
                added = _insert(session, rows)
                new = [row for row in rows if row["id"] in added]
                count_hours(session, new)
                update_parts(session, new)
                return tuple(
                    record if record.id in added else _earlier(session, record)
                    for record in records
                )
        except IntegrityError as error:
            raise Conflict("an inspection of this id is there already: give a new one") from error

    def by_key(self, actor: str, key: str) -> InspectionRecord | None:
        """Return what this actor sent with this key; None where there is nothing."""
        with self._database.reading() as session:
            row = _by_key(session, actor, key)
            return None if row is None else record_of(row)

    def get(self, inspection_id: str) -> InspectionRecord:
        """Return one.

        Raises:
            NotFound: there is none of that id.
        """
        with self._database.reading() as session:
            row = session.get(InspectionRow, inspection_id)
            if row is None:
                raise NotFound(f"there is no inspection {inspection_id}")
            return record_of(row)


def _insert(session: Session, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Insert rows but those whose key is there; return the ids of what went in."""
    if not rows:
        return set()
    statement = insert(session, InspectionRow).on_conflict_do_nothing(
        index_elements=[InspectionRow.actor, InspectionRow.key],
        index_where=InspectionRow.key.is_not(None),
    )
    # In one order everywhere: two processes then never wait for each other in a circle.
    ordered = sorted(rows, key=lambda row: (row["actor"], row["key"] or "", row["id"]))
    return set(session.scalars(statement.returning(InspectionRow.id), ordered))


def _by_key(session: Session, actor: str, key: str) -> InspectionRow | None:
    wanted = select(InspectionRow).where(InspectionRow.actor == actor, InspectionRow.key == key)
    return session.scalars(wanted).one_or_none()


def _earlier(session: Session, record: InspectionRecord) -> InspectionRecord:
    assert record.key is not None
    row = _by_key(session, record.actor, record.key)
    assert row is not None
    return record_of(row)
