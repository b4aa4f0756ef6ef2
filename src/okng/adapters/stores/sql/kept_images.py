"""Which stored images inspections refer to, and which retention may take."""

from collections.abc import Collection
from itertools import product

from sqlalchemy import select, text, update

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.inspection_rows import record_of
from okng.adapters.stores.sql.schema import InspectionRow
from okng.domain.record_ports import ImageKind, ImageRule
from okng.domain.records import InspectionRecord


class SqlKeptImages:
    """Finds images that may go, and forgets them; each call is short."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def removable(self, rule: ImageRule, limit: int) -> tuple[InspectionRecord, ...]:
        """Return inspections that have an image which the rule lets go, oldest first."""
        found: list[InspectionRow] = []
        reviewed = (True, False) if rule.reviewed is None else (rule.reviewed,)
        kind = ImageKind(rule.kind).value
        with self._database.reading() as session:
            # One by one: each then walks along one index from its oldest entry.
            for verdict, state in product(rule.verdicts, reviewed):
                wanted = select(InspectionRow).where(
                    InspectionRow.verdict == verdict,
                    InspectionRow.is_reviewed == state,
                    InspectionRow.at < rule.before,
                    text(f"{kind} IS NOT NULL"),
                )
                index = f"INDEXED BY ix_inspections_{kind}_at"
                wanted = wanted.with_hint(InspectionRow, index, "sqlite")
                order = wanted.order_by(InspectionRow.at, InspectionRow.id).limit(limit)
                found.extend(session.scalars(order))
            found.sort(key=lambda row: (row.at, row.id))
            return tuple(record_of(row) for row in found[:limit])

    def remove_images(self, kind: ImageKind, inspection_ids: Collection[str]) -> tuple[str, ...]:
        """Forget these inspections' images, but for those that somebody has reviewed meanwhile.

        Returns:
            The digests that nobody refers to any more.
        """
        column = InspectionRow.image if kind is ImageKind.IMAGE else InspectionRow.thumbnail
        those = InspectionRow.id.in_(sorted(inspection_ids))
        with self._database.session() as session:
            digests = set(session.scalars(select(column).where(those, column.is_not(None))))
            session.execute(
                update(InspectionRow)
                .where(those, InspectionRow.is_reviewed.is_(False))
                .values({column: None}),
                execution_options={"synchronize_session": False},
            )
            used = set[str | None]()
            for other in (InspectionRow.image, InspectionRow.thumbnail):
                used.update(session.scalars(select(other).where(other.in_(sorted(digests)))))
        return tuple(sorted(digest for digest in digests if digest and digest not in used))

    def images_in_use(self, digest: str) -> bool:
        """Tell whether an inspection refers to this content, as image or thumbnail."""
        with self._database.reading() as session:
            return any(
                session.scalar(select(InspectionRow.id).where(column == digest).limit(1))
                for column in (InspectionRow.image, InspectionRow.thumbnail)
            )
