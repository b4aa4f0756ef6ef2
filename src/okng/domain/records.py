"""What the service keeps: inspections with their context, reviews, datasets, uploads, jobs.

Ids are UUIDs of version 7 in their usual text form: they sort by time of making. Times are aware
datetimes in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from okng.domain.inspection import Inspection
from okng.domain.verdict import Verdict

T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """What whoever sends an image knows of it; all optional, at most 200 characters each."""

    part_id: str | None = None
    lot: str | None = None
    view: str | None = None
    camera: str | None = None
    station: str | None = None


@dataclass(frozen=True)
class InspectionRecord:
    """An inspection as it is kept.

    `image` is the SHA-256 of the stored file, None where it was not kept or retention took it;
    `thumbnail` likewise. `key` is the idempotency key that the sender gave, unique by actor.
    `inspection.prediction` holds regions only: maps are not kept. `reviewed` is the newest
    review's verdict and `defect` what it calls the defect.
    """

    id: str
    at: datetime
    actor: str
    inspection: Inspection
    context: Context = field(default_factory=Context)
    image: str | None = None
    thumbnail: str | None = None
    key: str | None = None
    reviewed: Verdict | None = None
    defect: str | None = None


SAMPLED_BELOW = "05"
"""Of 256 ends that an id can have, five make an inspection one of the sample: 2 in 100."""


def is_sampled(inspection_id: str) -> bool:
    """Tell whether an inspection is of the random sample that people look at whatever it says.

    Escapes are estimated by it. The end of an id is random, so every store agrees, at no cost.
    """
    return "00" <= inspection_id[34:] < SAMPLED_BELOW


class Order(StrEnum):
    """How a list of inspections is sorted; ties by id."""

    NEWEST = "newest"
    OLDEST = "oldest"
    HIGHEST_SCORE = "highest-score"
    LOWEST_SCORE = "lowest-score"


@dataclass(frozen=True)
class InspectionFilter:
    """Which inspections; None is any. `since` is included, `until` is not."""

    product: str | None = None
    verdict: Verdict | None = None
    since: datetime | None = None
    until: datetime | None = None
    part_id: str | None = None
    lot: str | None = None
    camera: str | None = None
    station: str | None = None
    model: str | None = None
    reviewed: bool | None = None


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some items, and where the next ones begin; `cursor` is None on the last page.

    Cursors are opaque. A page costs the same however far in it is.
    """

    items: tuple[T, ...]
    cursor: str | None


@dataclass(frozen=True)
class PartRecord:
    """One physical part; `verdict` is the worst of its inspections'."""

    product: str
    part_id: str
    lot: str | None
    verdict: Verdict
    inspections: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class Review:
    """What a person said of an inspection; a later one replaces an earlier one, both are kept.

    `mask_png` marks where the defect is: base64 of a grey PNG of the image's size, 255 there, else
    0. One that was `withdrawn` no longer counts.
    """

    id: str
    inspection_id: str
    at: datetime
    reviewer: str
    verdict: Verdict
    defect: str | None = None
    note: str = ""
    mask_png: str | None = field(default=None, repr=False)
    withdrawn: datetime | None = None


@dataclass(frozen=True)
class ProductRecord:
    """A part type. `deleted` products are hidden and can be restored."""

    name: str
    title: str
    created: datetime
    deleted: datetime | None = None


@dataclass(frozen=True)
class DatasetRecord:
    """A dataset that the service can train on.

    `folder` is where it lies (a folder or a CSV list): relative to the data folder for uploads, or
    absolute, below a root that the administrator has allowed. `counts` maps `split/label` to a
    number. A `deleted` one is hidden and can be restored.
    """

    id: str
    product: str
    name: str
    folder: str
    layout: str
    counts: Mapping[str, int]
    created: datetime
    actor: str
    deleted: datetime | None = None


class UploadState(StrEnum):
    OPEN = "open"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Upload:
    """A file that arrives in parts; the next part begins at `received`."""

    id: str
    product: str
    name: str
    size: int
    received: int
    state: UploadState
    created: datetime
    actor: str
    error: str | None = None
    dataset_id: str | None = None


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Job:
    """A training. `options` are plain values; `log` is told apart, by number of line."""

    id: str
    product: str
    dataset_id: str
    options: Mapping[str, object]
    state: JobState
    actor: str
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    stage: str = ""
    done: int = 0
    total: int = 0
    attempts: int = 0
    model: str | None = None
    error: str | None = None
