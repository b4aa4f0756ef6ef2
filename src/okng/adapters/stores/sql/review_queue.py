"""Inspections to be reviewed, handed out in the database: each to one person at a time."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, exists, func, or_, select, text
from sqlalchemy.orm import Session

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.inspection_rows import record_of
from okng.adapters.stores.sql.people_turns import take_turn
from okng.adapters.stores.sql.schema import TO_REVIEW, InspectionRow, ReviewClaimRow
from okng.adapters.stores.sql.upserts import insert
from okng.domain.record_ports import ClaimWish
from okng.domain.records import InspectionRecord

_TURN = "review claims"


class SqlReviewQueue:
    """Hands out inspections; what was not reviewed in time goes to somebody else."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self, product: str, holder: str, at: datetime, until: datetime, wish: ClaimWish
    ) -> tuple[InspectionRecord, ...]:
        """Give `holder` what nobody else holds at `at`, newest first; it is his until `until`."""
        with self._database.session() as session:
            take_turn(session, _TURN)
            session.execute(delete(ReviewClaimRow).where(ReviewClaimRow.expires <= at))
            free = _free(product, holder, at).where(InspectionRow.id.not_in(sorted(wish.besides)))
            order = free.order_by(InspectionRow.at.desc(), InspectionRow.id.desc())
            rows = list(session.scalars(order.limit(wish.count)))
            _hold(session, [row.id for row in rows], holder, at, until)
            return tuple(record_of(row) for row in rows)

    def renew(
        self, inspection_ids: Collection[str], holder: str, at: datetime, until: datetime
    ) -> tuple[str, ...]:
        """Hold inspections longer; return those that nobody else holds or has reviewed."""
        wanted = select(InspectionRow.id).where(
            InspectionRow.id.in_(sorted(inspection_ids)), InspectionRow.is_reviewed.is_(False)
        )
        with self._database.session() as session:
            take_turn(session, _TURN)
            return tuple(sorted(_hold(session, list(session.scalars(wanted)), holder, at, until)))

    def left(self, product: str, holder: str, at: datetime, most: int) -> int:
        """Count what there is for `holder` to review, up to `most`."""
        free = _free(product, holder, at).with_only_columns(InspectionRow.id).limit(most)
        with self._database.reading() as session:
            return session.scalar(select(func.count()).select_from(free.subquery())) or 0


def _free(product: str, holder: str, at: datetime) -> Select[Any]:
    """Select what is to be reviewed and nobody else holds."""
    held = exists().where(
        ReviewClaimRow.inspection_id == InspectionRow.id,
        ReviewClaimRow.holder != holder,
        ReviewClaimRow.expires > at,
    )
    free = select(InspectionRow).where(InspectionRow.product == product, text(TO_REVIEW), ~held)
    return free.with_hint(InspectionRow, "INDEXED BY ix_inspections_to_review", "sqlite")


def _hold(
    session: Session, inspection_ids: list[str], holder: str, at: datetime, until: datetime
) -> set[str]:
    """Claim inspections; return those that were free, or held by `holder` already."""
    if not inspection_ids:
        return set()
    rows = [{"inspection_id": one, "holder": holder, "expires": until} for one in inspection_ids]
    statement = insert(session, ReviewClaimRow).values(rows)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[ReviewClaimRow.inspection_id],
        set_={"holder": new.holder, "expires": new.expires},
        where=or_(ReviewClaimRow.holder == holder, ReviewClaimRow.expires <= at),
    )
    return set(session.scalars(statement.returning(ReviewClaimRow.inspection_id)))
