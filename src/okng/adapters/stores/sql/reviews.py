"""Reviews in the database."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.schema import InspectionRow, ReviewRow
from okng.domain.errors import Conflict, NotFound
from okng.domain.records import Review


class SqlReviews:
    """Keeps what people said of inspections."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_review(self, review: Review) -> Review:
        """Keep a review; its inspection's `reviewed` becomes the newest review's verdict.

        Raises:
            NotFound: there is no such inspection.
        """
        with self._database.session() as session:
            if not _lock(session, review.inspection_id):
                raise NotFound(f"there is no inspection {review.inspection_id}")
            session.add(ReviewRow(**review.__dict__))
            session.flush()
            _follow(session, review.inspection_id)
        return review

    def withdraw(self, review_id: str, at: datetime) -> Review:
        """Let a review no longer count; its inspection's `reviewed` follows.

        Raises:
            NotFound: there is none of that id.
            Conflict: it is withdrawn already.
        """
        with self._database.session() as session:
            row = session.get(ReviewRow, review_id)
            if row is None:
                raise NotFound(f"there is no review {review_id}")
            _lock(session, row.inspection_id)
            session.refresh(row)
            if row.withdrawn is not None:
                raise Conflict("this review is withdrawn already")
            row.withdrawn = at
            session.flush()
            _follow(session, row.inspection_id)
            return _review(row)

    def reviews(self, inspection_id: str) -> tuple[Review, ...]:
        """Return an inspection's reviews, oldest first."""
        wanted = select(ReviewRow).where(ReviewRow.inspection_id == inspection_id)
        with self._database.reading() as session:
            rows = session.scalars(wanted.order_by(ReviewRow.at, ReviewRow.id))
            return tuple(_review(row) for row in rows)

    def newest_defects(self, product: str, among: int) -> tuple[str, ...]:
        """Return the defects that the newest reviews of a product name, the most frequent first.

        `among` is how many reviews, of all products, are looked at.
        """
        newest = select(ReviewRow).order_by(ReviewRow.at.desc(), ReviewRow.id.desc())
        recent = newest.limit(among).subquery()
        wanted = (
            select(recent.c.defect)
            .join(InspectionRow, InspectionRow.id == recent.c.inspection_id)
            .where(recent.c.defect.is_not(None), recent.c.withdrawn.is_(None))
            .where(InspectionRow.product == product)
        )
        with self._database.reading() as session:
            named = list(session.scalars(wanted))
        return tuple(sorted(set(named), key=lambda name: (-named.count(name), name)))


def _lock(session: Session, inspection_id: str) -> bool:
    """Let nobody else change an inspection until this ends; tell whether there is one."""
    lock = select(InspectionRow.id).where(InspectionRow.id == inspection_id)
    return session.scalar(lock.with_for_update()) is not None


def _follow(session: Session, inspection_id: str) -> None:
    """Let an inspection say what its newest review says that was not withdrawn."""
    newest = session.execute(
        select(ReviewRow.verdict, ReviewRow.defect)
        .where(ReviewRow.inspection_id == inspection_id, ReviewRow.withdrawn.is_(None))
        .order_by(ReviewRow.at.desc(), ReviewRow.id.desc())
        .limit(1)
    ).one_or_none()
    verdict, defect = (None, None) if newest is None else newest
    session.execute(
        update(InspectionRow)
        .where(InspectionRow.id == inspection_id)
        .values(reviewed=verdict, is_reviewed=newest is not None, defect=defect)
    )


def _review(row: ReviewRow) -> Review:
    columns = ReviewRow.__table__.columns
    return Review(**{column.key: getattr(row, column.key) for column in columns})
