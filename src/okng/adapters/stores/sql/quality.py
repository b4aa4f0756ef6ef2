"""Inspections counted by period, verdict and review, in the database."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    cast,
    func,
    literal,
    literal_column,
    select,
    text,
)

from okng.adapters.stores.sql.cursors import as_microseconds
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.hour_rows import hour_of
from okng.adapters.stores.sql.schema import InspectionHourRow, InspectionRow
from okng.adapters.stores.sql.schema_root import VerdictRank
from okng.domain.quality import ReviewedCount, VerdictCount
from okng.domain.records import SAMPLED_BELOW
from okng.domain.verdict import Verdict

_SAMPLED = text(f"substr(id, 35) < '{SAMPLED_BELOW}'")
_REVIEWED = text("is_reviewed")
_HOUR = timedelta(hours=1)


class SqlQuality:
    """Counts for charts: out of sums by the hour and of indexes, never of the rows themselves."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def verdicts(
        self, product: str | None, since: datetime, until: datetime, period: timedelta
    ) -> tuple[VerdictCount, ...]:
        """Count inspections by period, numbered from 0 at `since`, and verdict.

        Whole hours are counted already; what has begun of the last one is counted now. Periods
        that are not made of whole hours are counted one by one.
        """
        whole = since == hour_of(since) and not period % _HOUR
        split = max(since, hour_of(until)) if whole else since
        counted = Counter[tuple[int, Verdict]]()
        with self._database.reading() as session:
            for wanted in (
                self._by_hour(product, since, split, period),
                *self._one_by_one(product, since, (split, until), period),
            ):
                for number, verdict, count in session.execute(wanted):
                    counted[int(number), verdict] += int(count)
        return tuple(VerdictCount(*place, count) for place, count in counted.items())

    def _by_hour(
        self, product: str | None, since: datetime, until: datetime, period: timedelta
    ) -> Select[Any]:
        number, row = self._number(since, period, "hour"), InspectionHourRow
        wanted = select(number, row.verdict, func.sum(row.inspections))
        wanted = wanted.where(row.hour >= since, row.hour < until)
        if product is not None:
            wanted = wanted.where(row.product == product)
        return wanted.group_by(text("1"), text("2"))

    def _one_by_one(
        self,
        product: str | None,
        since: datetime,
        within: tuple[datetime, datetime],
        period: timedelta,
    ) -> Iterator[Select[Any]]:
        number = self._number(since, period, "at")
        for verdict in Verdict:  # one by one: each then walks along one index
            wanted = select(number, literal(verdict, VerdictRank), func.count())
            wanted = self._within(wanted, product, *within)
            known = "verdict" if product is None else "product_verdict"
            hint = f"INDEXED BY ix_inspections_{known}_at"
            wanted = wanted.with_hint(InspectionRow, hint, "sqlite")
            yield wanted.where(InspectionRow.verdict == verdict).group_by(number)

    def reviewed(
        self, product: str | None, since: datetime, until: datetime, period: timedelta
    ) -> tuple[ReviewedCount, ...]:
        """Count reviewed inspections by period, verdict, what reviewers said, and sample."""
        number, sampled = self._number(since, period, "at"), cast(_SAMPLED, Integer)
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

    def _number(self, since: datetime, period: timedelta, column: str) -> ColumnElement[Any]:
        """Return the number of a row's period; all that is written into it are integers."""
        start, length = as_microseconds(since), period // timedelta(microseconds=1)
        at = column
        if self._database.dialect == "postgresql":
            at = f"CAST(extract(epoch FROM {column}) * 1000000 AS BIGINT)"
        return literal_column(f"(({at} - {start}) / {length})", BigInteger)

    def _within(self, statement: Any, product: str | None, since: datetime, until: datetime) -> Any:
        statement = statement.where(InspectionRow.at >= since, InspectionRow.at < until)
        return statement if product is None else statement.where(InspectionRow.product == product)

    def _reviewed(
        self, statement: Any, product: str | None, since: datetime, until: datetime
    ) -> Any:
        statement = self._within(statement, product, since, until).where(_REVIEWED)
        return statement.with_hint(InspectionRow, "INDEXED BY ix_inspections_reviewed", "sqlite")
