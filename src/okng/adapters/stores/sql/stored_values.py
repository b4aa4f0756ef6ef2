"""What an administrator has set, in the database."""

import json

from sqlalchemy import delete

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.schema import ValueRow
from okng.adapters.stores.sql.upserts import insert
from okng.domain.errors import BadRequest


class SqlStoredValues:
    """Keeps plain JSON values by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def value(self, name: str) -> object | None:
        """Return a value, None where none is set."""
        with self._database.reading() as session:
            row = session.get(ValueRow, name)
            found: object | None = None if row is None else json.loads(row.value)
            return found

    def set_value(self, name: str, value: object) -> None:
        """Set a value; None forgets it.

        Raises:
            BadRequest: it is not plain JSON.
        """
        with self._database.session() as session:
            if value is None:
                session.execute(delete(ValueRow).where(ValueRow.name == name))
                return
            try:
                plain = json.dumps(value, allow_nan=False)
            except (TypeError, ValueError) as error:
                raise BadRequest(f"{name} must be a plain value: {error}") from error
            statement = insert(session, ValueRow).values(name=name, value=plain)
            new = {"value": statement.excluded.value}
            session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=new))
