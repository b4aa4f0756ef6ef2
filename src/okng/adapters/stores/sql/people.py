"""People and their hashed passwords."""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.people_schema import PersonRow
from okng.adapters.stores.sql.people_turns import take_turn
from okng.domain.errors import Conflict
from okng.domain.people import Person, Role


class SqlPeople:
    """A `PersonStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, person: Person, password_hash: str) -> None:
        """Keep a new person.

        Raises:
            Conflict: the name is taken.
        """
        try:
            with self._database.session() as session:
                session.add(
                    PersonRow(
                        name=person.name,
                        role=person.role.value,
                        active=person.active,
                        must_change=person.must_change,
                        created=person.created,
                        password_hash=password_hash,
                    )
                )
                session.flush()
        except IntegrityError as error:
            raise Conflict(f"there is a person named {person.name} already") from error

    def find(self, name: str) -> Person | None:
        with self._database.reading() as session:
            row = session.execute(select(*_COLUMNS).where(PersonRow.name == name)).one_or_none()
            return None if row is None else _person(*row)

    def list(self) -> list[Person]:
        """Return everybody, by name."""
        with self._database.reading() as session:
            return [
                _person(*row) for row in session.execute(select(*_COLUMNS).order_by(PersonRow.name))
            ]

    def password_hash(self, name: str) -> str | None:
        with self._database.reading() as session:
            return session.scalar(select(PersonRow.password_hash).where(PersonRow.name == name))

    def set_password(self, name: str, password_hash: str, must_change: bool) -> None:
        self._set(name, password_hash=password_hash, must_change=must_change)

    def set_role(self, name: str, role: Role) -> None:
        self._set(name, role=role.value)

    def set_active(self, name: str, active: bool) -> None:
        self._set(name, active=active)

    def hold_administrators(self) -> int:
        """Count the active administrators, and let nobody else change that until the end."""
        with self._database.session() as session:
            take_turn(session, "administrators")
            wanted = PersonRow.role == Role.ADMINISTRATOR.value
            return (
                session.scalar(
                    select(func.count()).select_from(PersonRow).where(wanted, PersonRow.active)
                )
                or 0
            )

    def _set(self, name: str, **values: object) -> None:
        with self._database.session() as session:
            session.execute(update(PersonRow).where(PersonRow.name == name).values(**values))


_COLUMNS = (
    PersonRow.name,
    PersonRow.role,
    PersonRow.active,
    PersonRow.must_change,
    PersonRow.created,
)


def _person(name: str, role: str, active: bool, must_change: bool, created: datetime) -> Person:
    return Person(name, Role(role), active, must_change, created)
