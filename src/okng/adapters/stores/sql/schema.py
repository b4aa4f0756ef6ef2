"""The tables of inspections, parts, reviews, products, datasets, uploads, jobs and set values.

The indexes are what the pages of `InspectionPages` need; `benchmarks/paging.py` measures them.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from okng.adapters.stores.sql.schema_root import Table
from okng.domain.records import SAMPLED_BELOW
from okng.domain.verdict import Verdict


class InspectionRow(Table):
    """An inspection: what is searched in columns, the rest as JSON in `body`.

    `rank_score` is `score`, or minus infinity where there is none: it sorts in both databases
    alike. `reviewed` is the verdict of the newest review that counts, `defect` the defect that it
    names; `is_reviewed` tells whether there is one.
    """

    __tablename__ = "inspections"

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    key: Mapped[str | None]
    product: Mapped[str]
    verdict: Mapped[Verdict]
    score: Mapped[float | None] = mapped_column(Double)
    rank_score: Mapped[float] = mapped_column(Double)
    part_id: Mapped[str | None]
    lot: Mapped[str | None]
    view: Mapped[str | None]
    camera: Mapped[str | None]
    station: Mapped[str | None]
    model: Mapped[str]
    image: Mapped[str | None]
    thumbnail: Mapped[str | None]
    reviewed: Mapped[Verdict | None]
    is_reviewed: Mapped[bool]
    body: Mapped[str]
    defect: Mapped[str | None]
    doubted: Mapped[bool] = mapped_column(server_default=false())


TO_REVIEW = (
    "NOT is_reviewed AND (image IS NOT NULL OR thumbnail IS NOT NULL)"
    f" AND (verdict = 1 OR verdict = 2 OR verdict = 0 AND substr(id, 35) < '{SAMPLED_BELOW}'"
    " OR doubted)"
)
"""What people are asked to review: REVIEW, NG, the sample of OK that `is_sampled` names, and what
somebody doubts."""


def _index(name: str, *columns: Any, where: str | None = None, unique: bool = False) -> Index:
    if where is None:
        return Index(name, *columns, unique=unique)
    part = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=part, postgresql_where=part)


_I = InspectionRow
_PLACE = (_I.product, _I.verdict, _I.camera, _I.station, _I.model)


def _walks(*columns: Any) -> tuple[Index, Index]:
    """Return indexes to walk along by time and by score, for a filter that names `columns`.

    What else is often asked for stands behind, so that only rows that fit are fetched.
    """
    name = "_".join(["ix_inspections", *(str(column.key) for column in columns)])
    first = columns[0].key if columns else ""
    wide = first in ("camera", "station", "model")
    others = [column for column in _PLACE if column.key != first] if wide else []
    where = f"{first} IS NOT NULL" if first in ("camera", "station") else None
    return (
        _index(f"{name}_at", *columns, _I.at, _I.id, *others, where=where),
        _index(f"{name}_rank_score", *columns, _I.rank_score, _I.id, _I.at, *others, where=where),
    )


INSPECTION_INDEXES = (
    _index("uq_inspections_actor_key", _I.actor, _I.key, unique=True, where="key IS NOT NULL"),
    *_walks(),
    *_walks(_I.verdict),
    *_walks(_I.product),
    *_walks(_I.product, _I.verdict),
    *_walks(_I.camera),
    *_walks(_I.station),
    *_walks(_I.model),
    _index("ix_inspections_part_id", _I.part_id, _I.at, _I.id, where="part_id IS NOT NULL"),
    _index("ix_inspections_lot", _I.lot, _I.at, _I.id, where="lot IS NOT NULL"),
    _index(
        "ix_inspections_reviewed",
        *(_I.at, _I.id, _I.product, _I.verdict, _I.reviewed, _I.defect),
        where="is_reviewed",
    ),
    _index(
        "ix_inspections_queue",
        *(_I.verdict, _I.at, _I.id, _I.product),
        where="verdict > 0 AND NOT is_reviewed",
    ),
    _index("ix_inspections_to_review", _I.product, _I.at, _I.id, where=TO_REVIEW),
    _index("ix_inspections_image", _I.image, where="image IS NOT NULL"),
    _index("ix_inspections_thumbnail", _I.thumbnail, where="thumbnail IS NOT NULL"),
    *(
        _index(
            f"ix_inspections_{kind}_at",
            *(_I.verdict, _I.is_reviewed, _I.at, _I.id),
            where=f"{kind} IS NOT NULL",
        )
        for kind in ("image", "thumbnail")
    ),
)


class PartRow(Table):
    """A part, kept in step with its inspections."""

    __tablename__ = "parts"

    product: Mapped[str] = mapped_column(primary_key=True)
    part_id: Mapped[str] = mapped_column(primary_key=True)
    lot: Mapped[str | None]
    verdict: Mapped[Verdict]
    inspections: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]


_P = PartRow
PART_INDEXES = (
    _index("ix_parts_first_at", _P.first_at, _P.product, _P.part_id),
    _index("ix_parts_product_first_at", _P.product, _P.first_at, _P.part_id),
    _index("ix_parts_lot", _P.lot, _P.first_at, _P.product, _P.part_id, where="lot IS NOT NULL"),
)


class InspectionHourRow(Table):
    """How many inspections an hour had, kept in step with them: charts add these up."""

    __tablename__ = "inspection_hours"

    product: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    verdict: Mapped[Verdict] = mapped_column(primary_key=True)
    inspections: Mapped[int]


INSPECTION_HOUR_INDEXES = (
    Index(
        "ix_inspection_hours_hour",
        *(InspectionHourRow.hour, InspectionHourRow.verdict, InspectionHourRow.inspections),
    ),
)


class ReviewRow(Table):
    __tablename__ = "reviews"
    __table_args__ = (
        Index("ix_reviews_inspection_id", "inspection_id", "at", "id"),
        Index("ix_reviews_at", "at", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    inspection_id: Mapped[str] = mapped_column(ForeignKey("inspections.id"))
    at: Mapped[datetime]
    reviewer: Mapped[str]
    verdict: Mapped[Verdict]
    defect: Mapped[str | None]
    note: Mapped[str]
    mask_png: Mapped[str | None]
    withdrawn: Mapped[datetime | None]


class ReviewClaimRow(Table):
    """Who is reviewing an inspection, and until when it is his alone."""

    __tablename__ = "review_claims"

    inspection_id: Mapped[str] = mapped_column(ForeignKey("inspections.id"), primary_key=True)
    holder: Mapped[str]
    expires: Mapped[datetime]


class ProductRow(Table):
    __tablename__ = "products"

    name: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    created: Mapped[datetime]
    deleted: Mapped[datetime | None]


class DatasetRow(Table):
    """A dataset; `counts` is JSON."""

    __tablename__ = "datasets"
    __table_args__ = (UniqueConstraint("product", "name"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    product: Mapped[str] = mapped_column(ForeignKey("products.name"))
    name: Mapped[str]
    folder: Mapped[str]
    layout: Mapped[str]
    counts: Mapped[str]
    created: Mapped[datetime]
    actor: Mapped[str]
    deleted: Mapped[datetime | None]


class UploadRow(Table):
    __tablename__ = "uploads"

    id: Mapped[str] = mapped_column(primary_key=True)
    product: Mapped[str] = mapped_column(ForeignKey("products.name"))
    name: Mapped[str]
    size: Mapped[int]
    received: Mapped[int]
    state: Mapped[str]
    created: Mapped[datetime]
    actor: Mapped[str]
    error: Mapped[str | None]
    dataset_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id"))


class JobRow(Table):
    """A job; `options` is JSON, `worker` names who runs it."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_state", "state", "created", "id"),
        Index("ix_jobs_product", "product", "created", "id"),
        Index("ix_jobs_created", "created", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    product: Mapped[str] = mapped_column(ForeignKey("products.name"))
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    options: Mapped[str]
    state: Mapped[str]
    actor: Mapped[str]
    created: Mapped[datetime]
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]
    stage: Mapped[str]
    done: Mapped[int]
    total: Mapped[int]
    attempts: Mapped[int]
    model: Mapped[str | None]
    error: Mapped[str | None]
    worker: Mapped[str | None]
    log_lines: Mapped[int]


class JobLogRow(Table):
    __tablename__ = "job_log"
    __table_args__ = (ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),)

    job_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[str]


class ValueRow(Table):
    """A value that an administrator has set, as JSON."""

    __tablename__ = "stored_values"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
