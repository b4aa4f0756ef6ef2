"""Uploads: a dataset arrives as a zip file, at once or in parts that resume, and is unpacked."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

from okng.domain.errors import BadDataset, BadRequest, Conflict, TooLarge, TooMany
from okng.domain.people import Principal, Right
from okng.domain.people_ports import AuditLog, Transactions
from okng.domain.records import DatasetRecord, Upload, UploadState
from okng.services.datasets import (
    DatasetStore,
    KnownProducts,
    ReadDataset,
    check_product,
    counts_of,
    dataset_name,
    find_dataset,
)


class UploadStore(Protocol):
    """Keeps how far uploads have come."""

    def add(self, upload: Upload) -> Upload: ...

    def get(self, upload_id: str) -> Upload: ...

    def all(self, state: UploadState | None = None) -> tuple[Upload, ...]: ...

    def advance(self, upload_id: str, start: int, received: int) -> Upload: ...

    def finish(
        self,
        upload_id: str,
        state: UploadState,
        error: str | None = None,
        dataset_id: str | None = None,
    ) -> Upload: ...

    def remove(self, upload_id: str) -> None: ...


class UploadFiles(Protocol):
    """Keeps the bytes of uploads, and the folders that are made of them; both by id."""

    def check_room(self, size: int) -> None:
        """Refuse what the disk cannot take.

        Raises:
            TooLarge: it cannot.
        """
        ...

    def write(self, upload_id: str, start: int, data: bytes) -> None:
        """Put bytes at `start`, on the disk when this returns; what lay behind is gone."""
        ...

    def size(self, upload_id: str) -> int:
        """Return how many bytes there are, 0 without any."""
        ...

    def touched(self, upload_id: str) -> datetime | None:
        """Return when bytes last came; None where none did."""
        ...

    def unpack(self, upload_id: str) -> tuple[str, ...]:
        """Make a folder of the archive, whole or not at all; return notes on what it left out.

        Raises:
            BadDataset: the archive is damaged or unsafe, or nothing in it is of use.
            TooLarge: the disk cannot take it.
        """
        ...

    def folder(self, upload_id: str) -> Path: ...

    def remove_bytes(self, upload_id: str) -> None: ...

    def remove_folder(self, upload_id: str) -> None: ...

    def ids(self) -> frozenset[str]:
        """Return the ids of which there are bytes or a folder."""
        ...


@dataclass(frozen=True)
class UploadLimits:
    """How much may arrive; sizes in bytes. `lifetime` is for uploads that nobody continues."""

    upload_bytes: int = 8 << 30
    part_bytes: int = 32 << 20
    most_open: int = 16
    lifetime: timedelta = timedelta(days=1)


@dataclass(frozen=True)
class Received:
    """What became of an upload; `notes` say what was left out of it."""

    upload: Upload
    dataset: DatasetRecord
    notes: tuple[str, ...] = ()


class Uploads:
    """Takes in datasets. An upload's dataset gets its id, so that what was cut off is found."""

    def __init__(
        self,
        store: UploadStore,
        datasets: DatasetStore,
        products: KnownProducts,
        files: UploadFiles,
        transactions: Transactions,
        audit: AuditLog,
        read: ReadDataset,
        home: Path,
        new_id: Callable[[], str],
        clock: Callable[[], datetime],
        limits: UploadLimits | None = None,
    ) -> None:
        self._store = store
        self._datasets = datasets
        self._products = products
        self._files = files
        self._transactions = transactions
        self._audit = audit
        self._read = read
        self._home = home
        self._new_id = new_id
        self._clock = clock
        self.limits = limits or UploadLimits()
        self._beginning = threading.Lock()
        self._guard = threading.Lock()
        self._busy: set[str] = set()

    def begin(self, product: str, name: str, size: int, by: Principal) -> Upload:
        """Announce a zip file of `size` bytes; its parts follow by `append`.

        Raises:
            NotFound: there is no such product.
            Conflict: the product has a dataset of that name.
            TooLarge: it is beyond the limit, or the disk cannot take it.
            TooMany: too many uploads are open.
        """
        by.require(Right.TEACH)
        check_product(self._products, product)
        name = dataset_name(name)
        if size < 1:
            raise BadRequest("an upload has at least 1 byte: state its size")
        if size > self.limits.upload_bytes:
            raise TooLarge(
                f"an upload may have {self.limits.upload_bytes:,} bytes, this one has {size:,}: "
                "divide it, or register a folder"
            )
        if any(dataset.name == name for dataset in self._datasets.of(product)):
            raise Conflict(f"{product} has a dataset {name}, maybe deleted: choose another name")
        with self._beginning:
            self.expire()
            waiting = self._store.all(UploadState.OPEN)
            if len(waiting) >= self.limits.most_open:
                raise TooMany(
                    f"{len(waiting)} uploads are open: finish or remove one, or wait for them"
                )
            self._files.check_room(size + sum(one.size - one.received for one in waiting))
            now = self._clock()
            upload = Upload(self._new_id(), product, name, size, 0, UploadState.OPEN, now, by.name)
            return self._store.add(upload)

    def get(self, upload_id: str, by: Principal) -> Upload:
        """Return an upload; the next part begins at `received`.

        Raises:
            NotFound: there is none.
        """
        by.require(Right.TEACH)
        return self._store.get(upload_id)

    def list(self, by: Principal) -> tuple[Upload, ...]:
        """Return the uploads, newest first."""
        by.require(Right.TEACH)
        return self._store.all()

    def append(self, upload_id: str, start: int, data: bytes, by: Principal) -> Upload:
        """Take the part that begins at `start`; it is on the disk when this returns.

        Raises:
            Conflict: the upload is not open or busy, or continues at another place; says which.
            TooLarge: the part is too large, or goes beyond the size that was announced.
        """
        by.require(Right.TEACH)
        if not data:
            raise BadRequest("a part has at least 1 byte: send one")
        if len(data) > self.limits.part_bytes:
            raise TooLarge(
                f"a part may have {self.limits.part_bytes:,} bytes, this one has {len(data):,}: "
                "send smaller parts"
            )
        with self._alone(upload_id):
            upload = self._open(upload_id)
            if start != upload.received:
                raise Conflict(f"this upload continues at {upload.received}, not at {start}")
            if start + len(data) > upload.size:
                raise TooLarge(
                    f"the upload was announced with {upload.size:,} bytes; this part reaches "
                    f"{start + len(data):,}: announce it anew"
                )
            if self._files.size(upload_id) < start:
                raise self._fail(upload, BadDataset("its parts are gone: upload it anew"), by)
            self._files.write(upload_id, start, data)
            return self._store.advance(upload_id, start, start + len(data))

    def finish(self, upload_id: str, by: Principal) -> Received:
        """Unpack what has arrived and make a dataset of it; may be repeated.

        Raises:
            Conflict: parts are missing, or another dataset took the name.
            BadDataset: the archive is damaged or unsafe, or cannot be understood.
            TooLarge: the disk cannot take it now.
        """
        by.require(Right.TEACH)
        with self._alone(upload_id):
            upload = self._store.get(upload_id)
            if upload.state is UploadState.DONE and upload.dataset_id is not None:
                return Received(upload, self._datasets.get(upload.dataset_id))
            if upload.state is UploadState.FAILED:
                raise BadDataset(upload.error or "this upload has failed: upload it anew")
            if upload.received != upload.size:
                raise Conflict(
                    f"{upload.size - upload.received:,} bytes are missing: this upload continues "
                    f"at {upload.received}"
                )
            try:
                received = self._unpack(upload, by)
            except (BadDataset, Conflict) as error:
                raise self._fail(upload, error, by) from error
            self._files.remove_bytes(upload_id)
            return received

    def receive(
        self, product: str, name: str, size: int, pieces: Iterable[bytes], by: Principal
    ) -> Received:
        """Take a whole zip file in one go; nothing of it stays where that fails.

        Raises:
            OkngError: as `begin`, `append` and `finish`.
        """
        upload = self.begin(product, name, size, by)
        try:
            start = 0
            for piece in pieces:
                for part in _parts(piece, self.limits.part_bytes):
                    start = self.append(upload.id, start, part, by).received
            return self.finish(upload.id, by)
        except BaseException:
            if self._store.get(upload.id).state is UploadState.OPEN:
                self.remove(upload.id, by)
            raise

    def remove(self, upload_id: str, by: Principal) -> None:
        """Forget an upload that is not done, with what has arrived.

        Raises:
            NotFound: there is none.
            Conflict: it is done: delete its dataset instead.
        """
        by.require(Right.TEACH)
        with self._alone(upload_id):
            if self._store.get(upload_id).state is UploadState.DONE:
                raise Conflict("this upload is done: delete its dataset instead")
            self._discard(upload_id)

    def expire(self) -> int:
        """Remove uploads that nobody has continued for their lifetime, and what crashes left.

        Returns:
            How many uploads were removed.
        """
        since = self._clock() - self.limits.lifetime
        there = self._files.ids()  # before the records, which are made before any bytes come
        uploads = self._store.all()
        removed = 0
        for upload in uploads:
            last = max(upload.created, self._files.touched(upload.id) or upload.created)
            if upload.state is UploadState.DONE:
                self._files.remove_bytes(upload.id)  # a crash left them
            elif last < since:
                try:
                    with self._alone(upload.id):
                        self._discard(upload.id)
                except Conflict:
                    continue  # a part is coming in
                removed += 1
        datasets = self._datasets.of()
        known = {upload.id for upload in uploads} | {dataset.id for dataset in datasets}
        # A dataset that okng wrote itself lies in a folder whose name is not the record's.
        known |= {part for dataset in datasets for part in Path(dataset.folder).parts}
        for stray in there - known:
            if _begun(stray) < since:  # a younger one may be being written: its record comes last
                self._files.remove_bytes(stray)
                self._files.remove_folder(stray)
        return removed

    @contextmanager
    def _alone(self, upload_id: str) -> Iterator[None]:
        """Refuse a second request for the same upload while one is at work."""
        with self._guard:
            if upload_id in self._busy:
                raise Conflict("another request for this upload is at work: wait for it")
            self._busy.add(upload_id)
        try:
            yield
        finally:
            with self._guard:
                self._busy.discard(upload_id)

    def _open(self, upload_id: str) -> Upload:
        upload = self._store.get(upload_id)
        if upload.state is not UploadState.OPEN:
            raise Conflict(f"this upload is {upload.state.value}: announce a new one")
        return upload

    def _unpack(self, upload: Upload, by: Principal) -> Received:
        folder = self._files.folder(upload.id)
        try:
            notes = self._files.unpack(upload.id)
            found, dataset = find_dataset(self._read, folder, folder)
        except BadDataset as error:  # in the words of who sent it, not with the server's folders
            text = str(error).replace(str(folder), upload.name)
            raise BadDataset(text.replace(f"{upload.id}.zip", upload.name)) from error
        record = DatasetRecord(
            id=upload.id,
            product=upload.product,
            name=upload.name,
            folder=found.relative_to(self._home).as_posix(),
            layout=dataset.layout,
            counts=counts_of(dataset),
            created=self._clock(),
            actor=by.name,
        )
        with self._transactions():
            self._datasets.add(record)
            done = self._store.finish(upload.id, UploadState.DONE, dataset_id=record.id)
            details = {"product": record.product, "name": record.name, "bytes": upload.size}
            self._audit.append(by.name, "dataset.upload", record.id, details)
        return Received(done, record, (*notes, *dataset.notes))

    def _fail(
        self, upload: Upload, error: BadDataset | Conflict, by: Principal
    ) -> BadDataset | Conflict:
        with self._transactions():
            self._store.finish(upload.id, UploadState.FAILED, error=str(error))
            details = {"product": upload.product, "name": upload.name, "error": str(error)}
            self._audit.append(by.name, "dataset.refuse", upload.id, details)
        self._files.remove_folder(upload.id)
        self._files.remove_bytes(upload.id)
        return error

    def _discard(self, upload_id: str) -> None:
        self._store.remove(upload_id)
        self._files.remove_bytes(upload_id)
        self._files.remove_folder(upload_id)


def _parts(piece: bytes, largest: int) -> Iterator[bytes]:
    for start in range(0, len(piece), largest):
        yield piece[start : start + largest]


def _begun(upload_id: str) -> datetime:
    """Return when an id was made: a UUID of version 7 begins with its milliseconds."""
    return datetime.fromtimestamp((UUID(upload_id).int >> 80) / 1000, UTC)
