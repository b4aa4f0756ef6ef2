"""What whoever watches the line needs of the inspections: their numbers, and a doubt."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update

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
        if station is None:
            return self._by_verdict(conditions)
        conditions.append(InspectionRow.station == station)
        statement = select(InspectionRow.verdict, func.count()).where(*conditions)
        with self._database.reading() as session:
            rows = session.execute(statement.group_by(InspectionRow.verdict)).all()
        return {row[0]: row[1] for row in rows}

    def _by_verdict(self, conditions: Sequence[ColumnElement[bool]]) -> dict[Verdict, int]:
        """Count verdict by verdict: each then walks along one index."""
        statement = select(func.count()).select_from(InspectionRow).where(*conditions)
        statement = statement.with_hint(
            InspectionRow, "INDEXED BY ix_inspections_product_verdict_at", "sqlite"
        )
        with self._database.reading() as session:
            found = {
                verdict: session.scalar(statement.where(InspectionRow.verdict == verdict)) or 0
                for verdict in Verdict
            }
        return {verdict: count for verdict, count in found.items() if count}

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
