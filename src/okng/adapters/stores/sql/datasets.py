"""Datasets in the database."""

import json

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.schema import DatasetRow, ProductRow
from okng.domain.errors import Conflict, NotFound
from okng.domain.records import DatasetRecord


class SqlDatasets:
    """Keeps what is known of datasets; their files lie elsewhere."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, dataset: DatasetRecord) -> DatasetRecord:
        """Keep a new dataset.

        Raises:
            Conflict: its product has one of that name.
            NotFound: there is no such product.
        """
        counts = json.dumps(dict(dataset.counts), sort_keys=True)
        try:
            with self._database.session() as session:
                if session.get(ProductRow, dataset.product) is None:
                    raise NotFound(f"there is no product {dataset.product}")
                session.add(DatasetRow(**{**dataset.__dict__, "counts": counts}))
                session.flush()
        except IntegrityError as error:
            raise Conflict(
                f"{dataset.product} has a dataset {dataset.name!r} already: choose another name"
            ) from error
        return dataset

    def get(self, dataset_id: str) -> DatasetRecord:
        """Return one.

        Raises:
            NotFound: there is none of that id.
        """
        with self._database.reading() as session:
            return _dataset_of(_found(session.get(DatasetRow, dataset_id), dataset_id))

    def of(self, product: str | None = None) -> tuple[DatasetRecord, ...]:
        """Return a product's datasets, or all, newest first; deleted ones too."""
        wanted = select(DatasetRow).order_by(DatasetRow.created.desc(), DatasetRow.id.desc())
        if product is not None:
            wanted = wanted.where(DatasetRow.product == product)
        with self._database.reading() as session:
            return tuple(_dataset_of(row) for row in session.scalars(wanted))

    def change(self, dataset: DatasetRecord) -> DatasetRecord:
        """Replace layout, counts and deletion of the dataset of that id.

        Raises:
            NotFound: there is none of that id.
        """
        with self._database.session() as session:
            row = _found(session.get(DatasetRow, dataset.id), dataset.id)
            row.layout, row.deleted = dataset.layout, dataset.deleted
            row.counts = json.dumps(dict(dataset.counts), sort_keys=True)
            session.flush()
            return _dataset_of(row)

    def remove(self, dataset_id: str) -> None:
        """Forget one.

        Raises:
            NotFound: there is none of that id.
            Conflict: an upload or a job refers to it.
        """
        wanted = delete(DatasetRow).where(DatasetRow.id == dataset_id).returning(DatasetRow.id)
        try:
            with self._database.session() as session:
                if session.scalar(wanted) is None:
                    raise NotFound(f"there is no dataset {dataset_id}")
        except IntegrityError as error:
            raise Conflict(
                f"an upload or a training refers to dataset {dataset_id}: it stays, so that the "
                "record of what a model was made from does"
            ) from error


def _found(row: DatasetRow | None, dataset_id: str) -> DatasetRow:
    if row is None:
        raise NotFound(f"there is no dataset {dataset_id}")
    return row


def _dataset_of(row: DatasetRow) -> DatasetRecord:
    return DatasetRecord(
        id=row.id,
        product=row.product,
        name=row.name,
        folder=row.folder,
        layout=row.layout,
        counts=json.loads(row.counts),
        created=row.created,
        actor=row.actor,
        deleted=row.deleted,
    )
