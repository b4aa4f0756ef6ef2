"""What whoever watches the line needs of the inspections: their numbers, and a doubt."""

from datetime import datetime

from sqlalchemy import func, select, update

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.schema import InspectionRow
from okng.domain.errors import NotFound
from okng.domain.verdict import Verdict


class SqlWatching:
    """Counts inspections since a time, and takes note of doubts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self, product: str, station: str | None, since: datetime) -> dict[Verdict, int]:
        """Return the number of inspections by verdict."""
        conditions = [InspectionRow.product == product, InspectionRow.at >= since]
        if station is not None:
            conditions.append(InspectionRow.station == station)
        statement = select(InspectionRow.verdict, func.count()).where(*conditions)
        with self._database.reading() as session:
            rows = session.execute(statement.group_by(InspectionRow.verdict)).all()
        return {row[0]: row[1] for row in rows}

    def doubt(self, inspection_id: str) -> None:
        """Let an inspection be reviewed, whatever its verdict is.

        Raises:
            NotFound: there is none of that id.
        """
        statement = update(InspectionRow).where(InspectionRow.id == inspection_id)
        with self._database.session() as session:
            done = session.execute(statement.values(doubted=True).returning(InspectionRow.id))
            if done.first() is None:
                raise NotFound(f"there is no inspection {inspection_id}")
