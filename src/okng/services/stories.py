"""The whole story of one inspection: what was judged, by what, and what people said and did."""

from dataclasses import dataclass
from typing import Protocol

from okng.domain.calibration import Calibration
from okng.domain.errors import OkngError
from okng.domain.people import AuditEntry, Principal, Right
from okng.domain.people_ports import AuditFilter
from okng.domain.records import (
    InspectionFilter,
    InspectionRecord,
    Order,
    Page,
    PartRecord,
    Review,
)

_MOST_OF_A_PART = 20
_MOST_ENTRIES = 50


class Search(Protocol):
    """Finds inspections and parts."""

    def get(self, inspection_id: str, by: Principal) -> InspectionRecord: ...

    def part(self, product: str, part_id: str, by: Principal) -> PartRecord: ...

    def page(
        self,
        wanted: InspectionFilter,
        order: Order,
        limit: int,
        cursor: str | None,
        by: Principal,
    ) -> Page[InspectionRecord]: ...


class KnownReviews(Protocol):
    """Gives an inspection's reviews."""

    def of(self, inspection_id: str, by: Principal) -> tuple[Review, ...]: ...


class KnownCalibrations(Protocol):
    """Gives calibrations of models."""

    def calibration(self, reference: str, version: int | None = None) -> Calibration: ...


class AuditPages(Protocol):
    """Shows the audit log to administrators."""

    def page(
        self, by: Principal, wanted: AuditFilter, cursor: str | None = None, limit: int = 50
    ) -> Page[AuditEntry]: ...


@dataclass(frozen=True)
class Story:
    """An inspection with all that belongs to it.

    `calibration` is None where the model is gone, `part` where none is known, and `trail` is empty
    for whoever may not see the audit log. `others` are the part's other inspections, newest first.
    """

    record: InspectionRecord
    reviews: tuple[Review, ...]
    calibration: Calibration | None
    part: PartRecord | None
    others: tuple[InspectionRecord, ...]
    trail: tuple[AuditEntry, ...]


class Stories:
    """Gathers what belongs to an inspection, for whoever may read."""

    def __init__(
        self,
        search: Search,
        reviews: KnownReviews,
        calibrations: KnownCalibrations,
        audit: AuditPages,
    ) -> None:
        self._search = search
        self._reviews = reviews
        self._calibrations = calibrations
        self._audit = audit

    def of(self, inspection_id: str, by: Principal) -> Story:
        """Return the story of an inspection.

        Raises:
            NotFound: there is no such inspection.
        """
        record = self._search.get(inspection_id, by)
        part, others = self._part(record, by)
        trail: tuple[AuditEntry, ...] = ()
        if by.may(Right.ADMINISTER):
            wanted = AuditFilter(subject=inspection_id)
            trail = self._audit.page(by, wanted, None, _MOST_ENTRIES).items
        reviews = self._reviews.of(inspection_id, by)
        return Story(record, reviews, self._calibration(record), part, others, trail)

    def _part(
        self, record: InspectionRecord, by: Principal
    ) -> tuple[PartRecord | None, tuple[InspectionRecord, ...]]:
        product, part_id = record.inspection.product, record.context.part_id
        if part_id is None:
            return None, ()
        wanted = InspectionFilter(product=product, part_id=part_id)
        found = self._search.page(wanted, Order.NEWEST, _MOST_OF_A_PART, None, by).items
        others = tuple(one for one in found if one.id != record.id)
        return self._search.part(product, part_id, by), others

    def _calibration(self, record: InspectionRecord) -> Calibration | None:
        inspection = record.inspection
        try:
            return self._calibrations.calibration(inspection.model, inspection.calibration)
        except OkngError:
            return None
