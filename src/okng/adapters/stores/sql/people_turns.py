"""Takes turns within a database where it does not do so by itself."""

from sqlalchemy import text
from sqlalchemy.orm import Session


def take_turn(session: Session, what: str) -> None:
    """Let nobody else take the same turn until this transaction ends.

    SQLite has one writer at a time anyway; PostgreSQL has advisory locks.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))"), {"what": what}
        )
