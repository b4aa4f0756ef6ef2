"""Find what was inspected: inspections, parts, their images, and lists to take away."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Protocol

from okng.domain.errors import NotFound
from okng.domain.people import Principal, Right
from okng.domain.people_ports import AuditLog
from okng.domain.records import InspectionFilter, InspectionRecord, Order, Page, PartRecord

_EXPORT_PAGE = 500


class KeptInspections(Protocol):
    """Gives inspections back."""

    def get(self, inspection_id: str) -> InspectionRecord: ...


class InspectionPages(Protocol):
    """Finds inspections and parts."""

    def page(
        self,
        wanted: InspectionFilter,
        order: Order = Order.NEWEST,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[InspectionRecord]: ...

    def part(self, product: str, part_id: str) -> PartRecord: ...

    def parts(
        self,
        product: str | None = None,
        lot: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[PartRecord]: ...


class ReadContents(Protocol):
    """Gives images back by their SHA-256."""

    def get(self, digest: str) -> bytes: ...


class InspectionSearch:
    """What was inspected, for whoever may read."""

    def __init__(
        self,
        inspections: KeptInspections,
        pages: InspectionPages,
        contents: ReadContents,
        audit: AuditLog,
    ) -> None:
        self._inspections = inspections
        self._pages = pages
        self._contents = contents
        self._audit = audit

    def get(self, inspection_id: str, by: Principal) -> InspectionRecord:
        """Return one inspection.

        Raises:
            NotFound: there is none.
        """
        by.require(Right.READ)
        return self._inspections.get(inspection_id)

    def page(
        self,
        wanted: InspectionFilter,
        order: Order,
        limit: int,
        cursor: str | None,
        by: Principal,
    ) -> Page[InspectionRecord]:
        """Return some inspections, and where the next ones begin."""
        by.require(Right.READ)
        return self._pages.page(wanted, order, limit, cursor)

    def image(self, inspection_id: str, by: Principal) -> bytes:
        """Return the image of an inspection as it came.

        Raises:
            NotFound: there is no such inspection, or its image was not kept.
        """
        return self._content(self.get(inspection_id, by).image, inspection_id)

    def thumbnail(self, inspection_id: str, by: Principal) -> bytes:
        """Return a small picture of an inspection; the whole image where only that was kept.

        Raises:
            NotFound: there is no such inspection, or neither was kept.
        """
        return self.thumbnail_of(self.get(inspection_id, by))

    def thumbnail_of(self, record: InspectionRecord) -> bytes:
        """Return the small picture of an inspection that somebody may see.

        Raises:
            NotFound: neither it nor the whole image was kept.
        """
        return self._content(record.thumbnail or record.image, record.id)

    def parts(
        self, product: str | None, lot: str | None, limit: int, cursor: str | None, by: Principal
    ) -> Page[PartRecord]:
        """Return some parts, and where the next ones begin."""
        by.require(Right.READ)
        return self._pages.parts(product, lot, limit, cursor)

    def part(self, product: str, part_id: str, by: Principal) -> PartRecord:
        """Return one part with its verdict.

        Raises:
            NotFound: nothing of it was inspected.
        """
        by.require(Right.READ)
        return self._pages.part(product, part_id)

    def export(self, wanted: InspectionFilter, by: Principal) -> Iterator[InspectionRecord]:
        """Take note of the export, and return all inspections that are wanted, oldest first.

        They are fetched page by page as they are taken, so that no number of them fills memory.
        """
        by.require(Right.READ)
        said = {name: value for name, value in asdict(wanted).items() if value is not None}
        self._audit.append(by.name, "inspections.export", wanted.product or "all", said)
        return self._each(wanted)

    def export_these(
        self, inspection_ids: Sequence[str], by: Principal
    ) -> tuple[InspectionRecord, ...]:
        """Take note of the export, and return the inspections of some ids, in their order.

        Raises:
            NotFound: there is no inspection of one of them.
        """
        by.require(Right.READ)
        records = tuple(self._inspections.get(one) for one in inspection_ids)
        products = sorted({record.inspection.product for record in records})
        details = {"count": len(records), "first": inspection_ids[0]}
        self._audit.append(by.name, "inspections.export", ", ".join(products), details)
        return records

    def _each(self, wanted: InspectionFilter) -> Iterator[InspectionRecord]:
        cursor = None
        while True:
            page = self._pages.page(wanted, Order.OLDEST, _EXPORT_PAGE, cursor)
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return

    def _content(self, digest: str | None, inspection_id: str) -> bytes:
        if digest is None:
            raise NotFound(
                f"no image of the inspection {inspection_id} was kept, or its time was over"
            )
        return self._contents.get(digest)
