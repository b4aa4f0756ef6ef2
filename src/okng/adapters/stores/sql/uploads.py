"""Uploads in the database."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.schema import ProductRow, UploadRow
from okng.domain.errors import Conflict, NotFound
from okng.domain.records import Upload, UploadState


class SqlUploads:
    """Keeps how far files that arrive in parts have come; their bytes lie elsewhere."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, upload: Upload) -> Upload:
        """Keep a new upload.

        Raises:
            NotFound: there is no such product.
        """
        with self._database.session() as session:
            if session.get(ProductRow, upload.product) is None:
                raise NotFound(f"there is no product {upload.product}")
            session.add(UploadRow(**{**upload.__dict__, "state": upload.state.value}))
        return upload

    def get(self, upload_id: str) -> Upload:
        """Return one.

        Raises:
            NotFound: there is none of that id.
        """
        with self._database.reading() as session:
            return _upload_of(_found(session.get(UploadRow, upload_id), upload_id))

    def all(self, state: UploadState | None = None) -> tuple[Upload, ...]:
        """Return the uploads, newest first."""
        wanted = select(UploadRow).order_by(UploadRow.created.desc(), UploadRow.id.desc())
        if state is not None:
            wanted = wanted.where(UploadRow.state == state.value)
        with self._database.reading() as session:
            return tuple(_upload_of(row) for row in session.scalars(wanted))

    def advance(self, upload_id: str, start: int, received: int) -> Upload:
        """Say that the part from `start` to `received` has come.

        Raises:
            NotFound: there is none of that id.
            Conflict: it is not open, another part came first, or the part goes beyond its size.
        """
        with self._database.session() as session:
            row = _open(session, upload_id)
            if row.received != start:
                raise Conflict(
                    f"upload {upload_id} continues at byte {row.received}, not at {start}: send "
                    "the part that begins there"
                )
            if not start <= received <= row.size:
                raise Conflict(f"upload {upload_id} was announced with {row.size} bytes, not more")
            row.received = received
            session.flush()
            return _upload_of(row)

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
        with self._database.session() as session:
            row = _open(session, upload_id)
            row.state, row.error, row.dataset_id = state.value, error, dataset_id
            session.flush()
            return _upload_of(row)

    def remove(self, upload_id: str) -> None:
        """Forget one; nothing happens where there is none."""
        with self._database.session() as session:
            session.execute(delete(UploadRow).where(UploadRow.id == upload_id))


def _open(session: Session, upload_id: str) -> UploadRow:
    row = _found(session.get(UploadRow, upload_id, with_for_update=True), upload_id)
    if row.state != UploadState.OPEN.value:
        raise Conflict(f"upload {upload_id} is {row.state}: begin a new one")
    return row


def _found(row: UploadRow | None, upload_id: str) -> UploadRow:
    if row is None:
        raise NotFound(f"there is no upload {upload_id}")
    return row


def _upload_of(row: UploadRow) -> Upload:
    return Upload(
        id=row.id,
        product=row.product,
        name=row.name,
        size=row.size,
        received=row.received,
        state=UploadState(row.state),
        created=row.created,
        actor=row.actor,
        error=row.error,
        dataset_id=row.dataset_id,
    )
