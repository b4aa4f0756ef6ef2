"""What the service needs of a store of records.

Every method may be called from many threads. All raise `Unavailable` where the store does not
answer, and `BadRequest` for a cursor that no earlier page gave, or a value that cannot be kept.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from okng.domain.records import (
    DatasetRecord,
    InspectionFilter,
    InspectionRecord,
    Job,
    JobState,
    Order,
    Page,
    PartRecord,
    ProductRecord,
    Review,
    Upload,
    UploadState,
)
from okng.domain.verdict import Verdict


class Inspections(Protocol):
    """Takes inspections and gives them back."""

    def add(self, record: InspectionRecord) -> InspectionRecord:
        """Keep a record; it is on the disk when this returns. Its part's verdict follows.

        Returns:
            The record, or the earlier one of the same actor and key: then its id is another.
        """
        ...

    def add_many(self, records: Sequence[InspectionRecord]) -> tuple[InspectionRecord, ...]:
        """Keep several as `add` would, all or none."""
        ...

    def by_key(self, actor: str, key: str) -> InspectionRecord | None: ...

    def get(self, inspection_id: str) -> InspectionRecord:
        """Return one.

        Raises:
            NotFound: there is none of that id.
        """
        ...


class InspectionPages(Protocol):
    """Finds inspections and parts."""

    def page(
        self,
        wanted: InspectionFilter,
        order: Order = Order.NEWEST,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[InspectionRecord]:
        """Return up to `limit` inspections after `cursor`; one without score sorts as lowest.

        A cursor is good for the filter and order that it came with.
        """
        ...

    def part(self, product: str, part_id: str) -> PartRecord:
        """Return one part.

        Raises:
            NotFound: nothing of it was inspected.
        """
        ...

    def parts(
        self,
        product: str | None = None,
        lot: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[PartRecord]:
        """Return parts, those first seen last at the top."""
        ...


class Reviews(Protocol):
    """Keeps what people said of inspections."""

    def add_review(self, review: Review) -> Review:
        """Keep a review; its inspection's `reviewed` follows.

        Raises:
            NotFound: there is no such inspection.
        """
        ...

    def reviews(self, inspection_id: str) -> tuple[Review, ...]:
        """Return an inspection's reviews, oldest first."""
        ...

    def withdraw(self, review_id: str, at: datetime) -> Review:
        """Let a review no longer count; its inspection's `reviewed` follows.

        Raises:
            NotFound: there is none of that id.
            Conflict: it is withdrawn already.
        """
        ...


@dataclass(frozen=True)
class ClaimWish:
    """How many inspections somebody wants, and which he has."""

    count: int
    besides: frozenset[str] = frozenset()


class ReviewClaims(Protocol):
    """Hands out inspections to be reviewed: each to one person at a time, for a while."""

    def claim(
        self, product: str, holder: str, at: datetime, until: datetime, wish: ClaimWish
    ) -> tuple[InspectionRecord, ...]:
        """Give `holder` what nobody else holds at `at`, newest first; it is his until `until`.

        Those are unreviewed ones of the verdicts REVIEW and NG, and of the random sample of OK
        ones, that have an image. What he holds already comes again, but for `wish.besides`.
        """
        ...

    def renew(
        self, inspection_ids: Collection[str], holder: str, at: datetime, until: datetime
    ) -> tuple[str, ...]:
        """Hold inspections longer; return those that nobody else holds or has reviewed."""
        ...

    def left(self, product: str, holder: str, at: datetime, most: int) -> int:
        """Count what there is for `holder` to review, up to `most`."""
        ...


class ImageKind(StrEnum):
    IMAGE = "image"
    THUMBNAIL = "thumbnail"


@dataclass(frozen=True)
class ImageRule:
    """Which images may go: of these verdicts, reviewed or not (None: either), made before."""

    kind: ImageKind
    verdicts: frozenset[Verdict]
    before: datetime
    reviewed: bool | None = False


class KeptImages(Protocol):
    """Knows which contents inspections refer to, and lets retention take them away."""

    def removable(self, rule: ImageRule, limit: int) -> tuple[InspectionRecord, ...]:
        """Return inspections that have an image which the rule lets go, oldest first."""
        ...

    def remove_images(self, kind: ImageKind, inspection_ids: Collection[str]) -> tuple[str, ...]:
        """Forget these inspections' images, but for those reviewed meanwhile; inspections stay.

        Returns:
            The digests that no inspection refers to any more: their contents can be deleted.
        """
        ...

    def images_in_use(self, digest: str) -> bool:
        """Tell whether an inspection refers to this content, as image or thumbnail."""
        ...


class Products(Protocol):
    """Keeps products; deleted ones are hidden."""

    def add(self, product: ProductRecord) -> ProductRecord:
        """Keep a new product.

        Raises:
            Conflict: its name is taken, maybe by a deleted one.
        """
        ...

    def get(self, name: str) -> ProductRecord:
        """Return one, deleted or not.

        Raises:
            NotFound: there is none of that name.
        """
        ...

    def all(self, deleted: bool = False) -> tuple[ProductRecord, ...]:
        """Return the products by name; `deleted`: those that are hidden."""
        ...

    def change(self, product: ProductRecord) -> ProductRecord:
        """Replace title and deletion of the product of that name.

        Raises:
            NotFound: there is none of that name.
        """
        ...


class Datasets(Protocol):
    """Keeps what is known of datasets; their files lie elsewhere."""

    def add(self, dataset: DatasetRecord) -> DatasetRecord:
        """Keep a new dataset.

        Raises:
            Conflict: its product has one of that name.
            NotFound: there is no such product.
        """
        ...

    def get(self, dataset_id: str) -> DatasetRecord:
        """Return one.

        Raises:
            NotFound: there is none of that id.
        """
        ...

    def of(self, product: str | None = None) -> tuple[DatasetRecord, ...]:
        """Return a product's datasets, or all, newest first; deleted ones too."""
        ...

    def change(self, dataset: DatasetRecord) -> DatasetRecord:
        """Replace layout, counts and deletion of the dataset of that id.

        Raises:
            NotFound: there is none of that id.
        """
        ...

    def remove(self, dataset_id: str) -> None:
        """Forget one.

        Raises:
            NotFound: there is none of that id.
            Conflict: an upload or a job refers to it.
        """
        ...


class Uploads(Protocol):
    """Keeps how far files that arrive in parts have come; their bytes lie elsewhere."""

    def add(self, upload: Upload) -> Upload:
        """Keep a new upload.

        Raises:
            NotFound: there is no such product.
        """
        ...

    def get(self, upload_id: str) -> Upload:
        """Return one.

        Raises:
            NotFound: there is none of that id.
        """
        ...

    def all(self, state: UploadState | None = None) -> tuple[Upload, ...]:
        """Return the uploads, newest first."""
        ...

    def advance(self, upload_id: str, start: int, received: int) -> Upload:
        """Say that the part from `start` to `received` has come.

        Raises:
            NotFound: there is none of that id.
            Conflict: it is not open, another part came first, or the part goes beyond its size.
        """
        ...

    def finish(
        self,
        upload_id: str,
        state: UploadState,
        error: str | None = None,
        dataset_id: str | None = None,
    ) -> Upload:
        """Close an open upload as done or failed.

        Raises:
            NotFound: there is none of that id.
            Conflict: it is not open.
        """
        ...

    def remove(self, upload_id: str) -> None:
        """Forget one; nothing happens where there is none."""
        ...


class JobQueue(Protocol):
    """Keeps trainings in order; each is claimed by one worker at a time."""

    def add(self, job: Job) -> Job:
        """Queue a new job.

        Raises:
            NotFound: there is no such product or dataset.
        """
        ...

    def claim(self, worker: str, at: datetime) -> Job | None:
        """Take the oldest queued job: it runs from now on, `attempts` grows; None if none waits."""
        ...

    def progress(self, job_id: str, stage: str, done: int, total: int) -> bool:
        """Say how far a running job is; False where it no longer runs (cancelled): then stop."""
        ...

    def finish(
        self,
        job_id: str,
        state: JobState,
        at: datetime,
        model: str | None = None,
        error: str | None = None,
    ) -> Job:
        """End a running job as done or failed; one that was cancelled meanwhile stays cancelled.

        Raises:
            NotFound: there is none of that id.
        """
        ...

    def cancel(self, job_id: str, at: datetime) -> Job:
        """End a queued or running job; its worker learns it by `progress`.

        Raises:
            NotFound: there is none of that id.
            Conflict: it has ended already.
        """
        ...

    def requeue(self, alive: Collection[str] = ()) -> tuple[Job, ...]:
        """Queue again what runs on workers that are not alive, and return it; call it at start."""
        ...


class Jobs(Protocol):
    """Shows trainings and their logs."""

    def get(self, job_id: str) -> Job:
        """Return one.

        Raises:
            NotFound: there is none of that id.
        """
        ...

    def page(
        self,
        product: str | None = None,
        state: JobState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Job]:
        """Return jobs, newest first."""
        ...


@dataclass(frozen=True)
class LogLine:
    """A line of a job's log; numbers begin at 1 and have no gaps."""

    number: int
    text: str


class JobLogs(Protocol):
    """Keeps what jobs say."""

    def append(self, job_id: str, lines: Sequence[str]) -> int:
        """Add lines to a job's log; return the number of the last one.

        Raises:
            NotFound: there is no such job.
        """
        ...

    def lines(self, job_id: str, after: int = 0, limit: int = 1000) -> tuple[LogLine, ...]:
        """Return the lines after number `after`."""
        ...


class StoredValues(Protocol):
    """Keeps what an administrator has set, as plain JSON values by name."""

    def value(self, name: str) -> object | None:
        """Return a value, None where none is set."""
        ...

    def set_value(self, name: str, value: object) -> None:
        """Set a value; None forgets it."""
        ...


class Contents(Protocol):
    """Keeps bytes by their SHA-256."""

    def put(self, data: bytes) -> str:
        """Keep bytes, on the disk when this returns; return their digest in hexadecimal."""
        ...

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest.

        Raises:
            NotFound: they are not there.
            DamagedContent: what is there is something else.
        """
        ...

    def delete(self, digest: str) -> bool:
        """Forget the bytes of a digest; True if they are gone.

        False where somebody put them moments ago, who may not yet have said what for.
        """
        ...
