"""Empties the trash: what was deleted long ago, and nothing refers to, goes with its files."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from okng.domain.errors import Conflict
from okng.domain.people_ports import AuditLog, Transactions
from okng.domain.records import DatasetRecord

ACTOR = "okng"
KEPT = timedelta(days=30)
"""How long a deleted dataset can be restored for certain."""


class DeletedDatasets(Protocol):
    """Keeps datasets, deleted ones too."""

    def of(self, product: str | None = None) -> tuple[DatasetRecord, ...]: ...

    def remove(self, dataset_id: str) -> None:
        """Forget one.

        Raises:
            Conflict: something refers to it.
        """
        ...


class FinishedUploads(Protocol):
    """Keeps how datasets came."""

    def remove(self, upload_id: str) -> None: ...


class DatasetFolders(Protocol):
    """Keeps the files of datasets that were uploaded."""

    def remove_folder(self, upload_id: str) -> None: ...


class DatasetTrash:
    """The datasets that are deleted; a training that used one keeps it there."""

    def __init__(
        self,
        datasets: DeletedDatasets,
        uploads: FinishedUploads,
        folders: DatasetFolders,
        transactions: Transactions,
        audit: AuditLog,
        clock: Callable[[], datetime],
        kept: timedelta = KEPT,
    ) -> None:
        self._datasets = datasets
        self._uploads = uploads
        self._folders = folders
        self._transactions = transactions
        self._audit = audit
        self._clock = clock
        self._kept = kept

    def empty(self) -> int:
        """Remove what was deleted long enough ago; return how many datasets went.

        Files of registered folders are not okng's, and stay.
        """
        since = self._clock() - self._kept
        removed = 0
        for record in self._datasets.of():
            if record.deleted is not None and record.deleted < since and self._forget(record):
                if not Path(record.folder).is_absolute():
                    self._folders.remove_folder(record.id)
                removed += 1
        return removed

    def _forget(self, record: DatasetRecord) -> bool:
        try:
            with self._transactions():
                self._uploads.remove(record.id)
                self._datasets.remove(record.id)
                details = {"product": record.product, "name": record.name}
                self._audit.append(ACTOR, "dataset.purge", record.id, details)
        except Conflict:
            return False
        return True
