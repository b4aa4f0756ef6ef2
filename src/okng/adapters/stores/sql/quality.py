"""Inspections counted by period, verdict and review, in the database."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    cast,
    func,
    literal_column,
    select,
    text,
)

from okng.adapters.stores.sql.cursors import as_microseconds
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.schema import InspectionRow
from okng.domain.quality import ReviewedCount, VerdictCount
from okng.domain.records import SAMPLED_BELOW
from okng.domain.verdict import Verdict

_SAMPLED = text(f"substr(id, 35) < '{SAMPLED_BELOW}'")
_REVIEWED = text("is_reviewed")


class SqlQuality:
    """Counts for charts; only indexes are read, but for the rows that were reviewed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def verdicts(
        self, product: str | None, since: datetime, until: datetime, period: timedelta
    ) -> tuple[VerdictCount, ...]:
        """Count inspections by period, numbered from 0 at `since`, and verdict."""
        counted: list[VerdictCount] = []
        number = self._number(since, period)
        with self._database.reading() as session:
            for verdict in Verdict:  # one by one: each then walks along one index
                wanted = self._within(select(number, func.count()), product, since, until)
                known = "verdict" if product is None else "product_verdict"
                hint = f"INDEXED BY ix_inspections_{known}_at"
                wanted = wanted.with_hint(InspectionRow, hint, "sqlite")
                wanted = wanted.where(InspectionRow.verdict == verdict).group_by(number)
                counted += [VerdictCount(int(p), verdict, n) for p, n in session.execute(wanted)]
        return tuple(counted)

    def reviewed(
        self, product: str | None, since: datetime, until: datetime, period: timedelta
    ) -> tuple[ReviewedCount, ...]:
        """Count reviewed inspections by period, verdict, what reviewers said, and sample."""
        number, sampled = self._number(since, period), cast(_SAMPLED, Integer)
        asked = select(number, InspectionRow.verdict, InspectionRow.reviewed, sampled, func.count())
        wanted = self._reviewed(asked, product, since, until)
        # By place: PostgreSQL takes equal expressions with parameters of their own for different.
        wanted = wanted.group_by(*(text(str(place)) for place in range(1, 5)))
        with self._database.reading() as session:
            return tuple(
                ReviewedCount(int(p), verdict, said, bool(of_sample), n)
                for p, verdict, said, of_sample, n in session.execute(wanted)
            )

    def defects(
        self, product: str | None, since: datetime, until: datetime
    ) -> dict[str | None, int]:
        """Count the defects that reviewers found, by name; None is without one."""
        asked = select(InspectionRow.defect, func.count())
        wanted = self._reviewed(asked, product, since, until)
        wanted = wanted.where(InspectionRow.reviewed == Verdict.NG).group_by(InspectionRow.defect)
        with self._database.reading() as session:
            return {row[0]: int(row[1]) for row in session.execute(wanted)}

    def _number(self, since: datetime, period: timedelta) -> ColumnElement[Any]:
        """Return the number of a row's period; all that is written into it are integers."""
        start, length = as_microseconds(since), period // timedelta(microseconds=1)
        at = "at"
        if self._database.dialect == "postgresql":
            at = "CAST(extract(epoch FROM at) * 1000000 AS BIGINT)"
        return literal_column(f"(({at} - {start}) / {length})", BigInteger)

    def _within(self, statement: Any, product: str | None, since: datetime, until: datetime) -> Any:
        statement = statement.where(InspectionRow.at >= since, InspectionRow.at < until)
        return statement if product is None else statement.where(InspectionRow.product == product)

    def _reviewed(
        self, statement: Any, product: str | None, since: datetime, until: datetime
    ) -> Any:
        statement = self._within(statement, product, since, until).where(_REVIEWED)
        return statement.with_hint(InspectionRow, "INDEXED BY ix_inspections_reviewed", "sqlite")
