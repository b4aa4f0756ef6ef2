"""What people have said of inspected images, as a dataset."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from okng.domain.dataset import GOOD
from okng.domain.errors import NotFound
from okng.domain.people import Principal, Right
from okng.domain.people_ports import AuditLog
from okng.domain.records import InspectionFilter, InspectionRecord, Order, Page, Review
from okng.domain.verdict import Verdict

UNNAMED = "defect"
"""The folder of defects that reviewers gave no name."""

_PAGE = 200
_SUFFIXES = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"BM": "bmp", b"II": "tif", b"MM": "tif"}


class InspectionPages(Protocol):
    """Finds inspections."""

    def page(
        self,
        wanted: InspectionFilter,
        order: Order = Order.NEWEST,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[InspectionRecord]: ...


class ReviewStore(Protocol):
    """Gives reviews back."""

    def reviews(self, inspection_id: str) -> tuple[Review, ...]: ...


class ReadContents(Protocol):
    """Gives images back by their SHA-256."""

    def get(self, digest: str) -> bytes: ...


@dataclass(frozen=True)
class LabelledImage:
    """A reviewed image: `label` is `good` or a defect's name; the mask, a PNG, marks its place."""

    record: InspectionRecord
    label: str
    content: bytes = field(repr=False)
    mask: bytes | None = field(repr=False)

    @property
    def suffix(self) -> str:
        """What a file of this content is called by."""
        return _suffix(self.content)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield the files of this image in the layout of MVTec AD: good ones are to be learned."""
        name, suffix = self.record.id, self.suffix
        place = f"train/{GOOD}" if self.label == GOOD else f"test/{self.label}"
        yield f"{place}/{name}.{suffix}", self.content
        if self.mask is not None:
            yield f"ground_truth/{self.label}/{name}_mask.png", self.mask


class Labels:
    """Gives reviewed images with their labels, for whoever may read."""

    def __init__(
        self, pages: InspectionPages, reviews: ReviewStore, contents: ReadContents, audit: AuditLog
    ) -> None:
        self._pages = pages
        self._reviews = reviews
        self._contents = contents
        self._audit = audit

    def export(self, product: str, by: Principal) -> Iterator[LabelledImage]:
        """Take note of the export, and return a product's labelled images, oldest first."""
        by.require(Right.READ)
        self._audit.append(by.name, "labels.export", product, {})
        return self.of(product)

    def of(self, product: str) -> Iterator[LabelledImage]:
        """Yield a product's labelled images, oldest first; those whose image is gone are not there.

        They are fetched as they are taken, so that no number of them fills memory.
        """
        cursor = None
        wanted = InspectionFilter(product=product, reviewed=True)
        while True:
            page = self._pages.page(wanted, Order.OLDEST, _PAGE, cursor)
            for record in page.items:
                labelled = self._labelled(record)
                if labelled is not None:
                    yield labelled
            cursor = page.cursor
            if cursor is None:
                return

    def _labelled(self, record: InspectionRecord) -> LabelledImage | None:
        if record.image is None:
            return None
        try:
            content = self._contents.get(record.image)
        except NotFound:  # retention took it meanwhile
            return None
        if record.reviewed is Verdict.OK:
            return LabelledImage(record, GOOD, content, None)
        mask_png = self._mask_of(record)
        mask = None if mask_png is None else base64.b64decode(mask_png)
        return LabelledImage(record, record.defect or UNNAMED, content, mask)

    def _mask_of(self, record: InspectionRecord) -> str | None:
        """Return the mask of the newest review that counts."""
        counting = [one for one in self._reviews.reviews(record.id) if one.withdrawn is None]
        return counting[-1].mask_png if counting else None


def _suffix(content: bytes) -> str:
    """Return what a file of this content is called by."""
    for start, suffix in _SUFFIXES.items():
        if content.startswith(start):
            return suffix
    return "webp"
