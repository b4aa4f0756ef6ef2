"""Pages of inspections and parts, each found by an index however far in it is."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, literal, select, text, tuple_

from okng.adapters.stores.sql.cursors import (
    as_microseconds,
    as_time,
    check_limit,
    read_cursor,
    write_cursor,
)
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.inspection_rows import record_of
from okng.adapters.stores.sql.part_rows import part_of
from okng.adapters.stores.sql.schema import InspectionRow, PartRow
from okng.adapters.stores.sql.schema_root import UtcTime
from okng.domain.errors import NotFound
from okng.domain.records import (
    InspectionFilter,
    InspectionRecord,
    Order,
    Page,
    PartRecord,
)
from okng.domain.verdict import Verdict

_EQUAL = ("product", "verdict", "part_id", "lot", "camera", "station", "model")


class SqlInspectionPages:
    """Finds inspections and parts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self,
        wanted: InspectionFilter,
        order: Order = Order.NEWEST,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[InspectionRecord]:
        """Return up to `limit` inspections after `cursor`; one without score sorts as lowest.

        Raises:
            BadRequest: the cursor or the limit cannot be.
        """
        statement = page_statement(wanted, order, check_limit(limit), cursor)
        with self._database.reading() as session:
            rows: Sequence[InspectionRow] = session.scalars(statement).all()
            items = tuple(record_of(row) for row in rows[:limit])
        if len(rows) <= limit:
            return Page(items, None)
        last = rows[limit - 1]
        by_time = order in (Order.NEWEST, Order.OLDEST)
        position = as_microseconds(last.at) if by_time else last.rank_score
        return Page(items, write_cursor((wanted, order), [position, last.id]))

    def part(self, product: str, part_id: str) -> PartRecord:
        """Return one part.

        Raises:
            NotFound: nothing of it was inspected.
        """
        with self._database.reading() as session:
            row = session.get(PartRow, (product, part_id))
            if row is None:
                raise NotFound(f"no part {part_id!r} of {product} was inspected")
            return part_of(row)

    def parts(
        self,
        product: str | None = None,
        lot: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[PartRecord]:
        """Return parts, those first seen last at the top.

        Raises:
            BadRequest: the cursor or the limit cannot be.
        """
        question = ("parts", product, lot)
        position = read_cursor(question, cursor, (int, str, str))
        columns = (PartRow.first_at, PartRow.product, PartRow.part_id)
        index = "first_at" if product is None else "product_first_at"
        index = index if lot is None else "lot"
        statement = select(PartRow).with_hint(PartRow, f"INDEXED BY ix_parts_{index}", "sqlite")
        statement = statement.order_by(*(column.desc() for column in columns))
        if product is not None:
            statement = statement.where(PartRow.product == product)
        if lot is not None:
            statement = statement.where(PartRow.lot == lot)
        if position is not None:
            at, name, part = position
            after = tuple_(literal(as_time(at), UtcTime), literal(name), literal(part))
            statement = statement.where(tuple_(*columns) < after)
        with self._database.reading() as session:
            rows = session.scalars(statement.limit(check_limit(limit) + 1)).all()
            items = tuple(part_of(row) for row in rows[:limit])
        if len(rows) <= limit:
            return Page(items, None)
        last = items[-1]
        end: list[int | float | str] = [as_microseconds(last.first_at), last.product, last.part_id]
        return Page(items, write_cursor(question, end))


def page_statement(
    wanted: InspectionFilter, order: Order, limit: int, cursor: str | None
) -> Select[Any]:
    """Return the query of a page, which asks for one row more to know whether there are any.

    Raises:
        BadRequest: the cursor is none of this list's.
    """
    by_time = order in (Order.NEWEST, Order.OLDEST)
    falling = order in (Order.NEWEST, Order.HIGHEST_SCORE)
    column: Any = InspectionRow.at if by_time else InspectionRow.rank_score
    position = read_cursor((wanted, order), cursor, (int if by_time else float, str))
    statement = select(InspectionRow).where(*_conditions(wanted))
    index = _index(wanted, column.key)
    statement = statement.with_hint(InspectionRow, f"INDEXED BY {index}", "sqlite")
    if position is not None:
        value: Any = as_time(position[0]) if by_time else position[0]
        here = tuple_(literal(value, column.type), literal(position[1], InspectionRow.id.type))
        place = tuple_(column, InspectionRow.id)
        statement = statement.where(place < here if falling else place > here)
    sort = (column, InspectionRow.id)
    return statement.order_by(*(c.desc() if falling else c.asc() for c in sort)).limit(limit + 1)


def _conditions(wanted: InspectionFilter) -> list[Any]:
    conditions: list[Any] = [
        getattr(InspectionRow, name) == value
        for name in _EQUAL
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.since is not None:
        conditions.append(InspectionRow.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(InspectionRow.at < wanted.until)
    if wanted.reviewed is not None:
        # As the partial indexes have it, word for word: SQLite proves nothing.
        conditions.append(text("is_reviewed" if wanted.reviewed else "NOT is_reviewed"))
        if wanted.verdict not in (None, Verdict.OK):
            conditions.append(text("verdict > 0"))
    return conditions


def _index(wanted: InspectionFilter, order: str) -> str:
    """Name the index that finds the rows in the worst case still quickly.

    SQLite has no figures of how rare values are, and PostgreSQL needs no advice.
    """
    if wanted.part_id is not None:
        return "ix_inspections_part_id"
    if wanted.lot is not None:
        return "ix_inspections_lot"
    if wanted.reviewed:
        return "ix_inspections_reviewed"
    if wanted.reviewed is False and wanted.verdict not in (None, Verdict.OK):
        return "ix_inspections_queue"
    for name in ("camera", "station", "model"):
        if getattr(wanted, name) is not None:
            return f"ix_inspections_{name}_{order}"
    known = [name for name in ("product", "verdict") if getattr(wanted, name) is not None]
    return "_".join(["ix_inspections", *known, order])
