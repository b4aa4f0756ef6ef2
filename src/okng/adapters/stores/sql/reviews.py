"""Reviews in the database."""

from sqlalchemy import select, update

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.schema import InspectionRow, ReviewRow
from okng.domain.errors import NotFound
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
            lock = select(InspectionRow.id).where(InspectionRow.id == review.inspection_id)
            if session.scalar(lock.with_for_update()) is None:
                raise NotFound(f"there is no inspection {review.inspection_id}")
            session.add(ReviewRow(**review.__dict__))
            session.flush()
            newest = session.scalars(
                select(ReviewRow.verdict)
                .where(ReviewRow.inspection_id == review.inspection_id)
                .order_by(ReviewRow.at.desc(), ReviewRow.id.desc())
                .limit(1)
            ).one()
            session.execute(
                update(InspectionRow)
                .where(InspectionRow.id == review.inspection_id)
                .values(reviewed=newest, is_reviewed=True)
            )
        return review

    def reviews(self, inspection_id: str) -> tuple[Review, ...]:
        """Return an inspection's reviews, oldest first."""
        wanted = select(ReviewRow).where(ReviewRow.inspection_id == inspection_id)
        with self._database.reading() as session:
            rows = session.scalars(wanted.order_by(ReviewRow.at, ReviewRow.id))
            return tuple(
                Review(
                    row.id,
                    row.inspection_id,
                    row.at,
                    row.reviewer,
                    row.verdict,
                    row.defect,
                    row.note,
                )
                for row in rows
            )
