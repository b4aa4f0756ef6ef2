"""The tables of people and what they may do, and the audit log that the database guards."""

from datetime import datetime

from sqlalchemy import Connection, ForeignKey, Index, event
from sqlalchemy.orm import Mapped, mapped_column

from okng.adapters.stores.sql.schema_root import Table


class PersonRow(Table):
    __tablename__ = "people"

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    active: Mapped[bool]
    must_change: Mapped[bool]
    created: Mapped[datetime]
    password_hash: Mapped[str]


class SessionRow(Table):
    """A signed-in browser; `id_hash` is the SHA-256 of the id that it holds."""

    __tablename__ = "sessions"

    id_hash: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("people.name"), index=True)
    created: Mapped[datetime]
    last_seen: Mapped[datetime]


class DeviceRow(Table):
    """A browser in which a person has signed in, by the SHA-256 of the cookie that says so."""

    __tablename__ = "known_devices"

    device_hash: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("people.name"), index=True)
    created: Mapped[datetime]


class AttemptRow(Table):
    """Failed sign-ins; `key` is a SHA-256: people type passwords where names belong."""

    __tablename__ = "sign_in_attempts"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last: Mapped[datetime] = mapped_column(index=True)


class TokenRow(Table):
    """An API token; `rights` are words with blanks between."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(ForeignKey("people.name"), index=True)
    name: Mapped[str]
    rights: Mapped[str]
    secret_hash: Mapped[str]
    created: Mapped[datetime]
    expires: Mapped[datetime | None]
    last_used: Mapped[datetime | None]
    revoked: Mapped[bool]


class AuditRow(Table):
    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_actor_number", "actor", "number"),
        Index("ix_audit_entries_action_number", "action", "number"),
        Index("ix_audit_entries_subject_number", "subject", "number"),
    )

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    details: Mapped[str]
    previous: Mapped[str]
    hash: Mapped[str]


class AnchorRow(Table):
    """When the log's head was last written to the anchor file; the file is what counts."""

    __tablename__ = "audit_anchors"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    number: Mapped[int]
    hash: Mapped[str]


GUARDS = {
    "sqlite": (
        """CREATE TRIGGER audit_entries_refuse_update BEFORE UPDATE ON audit_entries
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
        """CREATE TRIGGER audit_entries_refuse_delete BEFORE DELETE ON audit_entries
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
        # INSERT OR REPLACE deletes without firing the trigger on DELETE.
        """CREATE TRIGGER audit_entries_refuse_replace BEFORE INSERT ON audit_entries
        WHEN EXISTS (SELECT 1 FROM audit_entries WHERE number = NEW.number)
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION okng_refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$""",
        """CREATE TRIGGER audit_entries_refuse_change BEFORE UPDATE OR DELETE ON audit_entries
        FOR EACH ROW EXECUTE FUNCTION okng_refuse_audit_change()""",
        """CREATE TRIGGER audit_entries_refuse_truncate BEFORE TRUNCATE ON audit_entries
        FOR EACH STATEMENT EXECUTE FUNCTION okng_refuse_audit_change()""",
    ),
}
"""What makes each database refuse to change the log, by the name of its dialect. Whoever may
change the tables can take this away: against him there are the chain and the anchors."""


def guard_audit_log(connection: Connection) -> None:
    """Create the triggers, right after the table; for migrations."""
    for statement in GUARDS[connection.dialect.name]:
        connection.exec_driver_sql(statement)


@event.listens_for(AuditRow.__table__, "after_create")
def _guard(_table: object, connection: Connection, **_options: object) -> None:
    guard_audit_log(connection)
