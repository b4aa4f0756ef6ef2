"""Uploads on disk: what has arrived, and the datasets that are made of it.

home/uploads/<id>.zip   what has arrived so far
home/datasets/<id>/     what was unpacked; whole or not there
"""

import os
import re
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from okng.adapters.stores.dataset_archive import DatasetRules, check_room, unpack_dataset
from okng.adapters.stores.durable_files import sync_folder, writing
from okng.domain.errors import NotFound

DATASETS = "datasets"
UPLOADS = "uploads"

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class UploadFolder:
    """Keeps uploads below the data folder, by ids that are UUIDs."""

    def __init__(self, home: Path, rules: DatasetRules | None = None) -> None:
        self._uploads = home / UPLOADS
        self._datasets = home / DATASETS
        self._rules = rules or DatasetRules()

    def check_room(self, size: int) -> None:
        """Refuse what the disk cannot take.

        Raises:
            TooLarge: less than the reserve would stay free.
        """
        self._make_folders()
        check_room(self._uploads, size, self._rules.reserve_bytes)

    def write(self, upload_id: str, start: int, data: bytes) -> None:
        """Put bytes at `start`, on the disk when this returns; what lay behind is gone."""
        self._make_folders()
        path = self._archive(upload_id)
        with writing(self._uploads):
            is_new = not path.exists()
            with path.open("wb" if is_new else "r+b") as file:
                file.seek(start)
                file.truncate()
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync_folder(self._uploads)

    def size(self, upload_id: str) -> int:
        """Return how many bytes there are, 0 without any."""
        try:
            return self._archive(upload_id).stat().st_size
        except FileNotFoundError:
            return 0

    def touched(self, upload_id: str) -> datetime | None:
        """Return when bytes last came; None where none did."""
        try:
            return datetime.fromtimestamp(self._archive(upload_id).stat().st_mtime, UTC)
        except FileNotFoundError:
            return None

    def unpack(self, upload_id: str) -> tuple[str, ...]:
        """Make a folder of the archive; return notes on what it left out.

        Raises:
            BadDataset: the archive is damaged or unsafe, or nothing in it is of use.
            TooLarge: the disk cannot take it.
        """
        self._make_folders()
        self.remove_folder(upload_id)
        return unpack_dataset(self._archive(upload_id), self.folder(upload_id), self._rules)

    def folder(self, upload_id: str) -> Path:
        return self._datasets / _checked(upload_id)

    def remove_bytes(self, upload_id: str) -> None:
        with writing(self._uploads):
            self._archive(upload_id).unlink(missing_ok=True)

    def remove_folder(self, upload_id: str) -> None:
        """Remove a dataset's files; it vanishes at once, however many they are."""
        folder = self.folder(upload_id)
        gone = folder.with_name(f".{upload_id}.deleted")
        with writing(self._datasets):
            with suppress(FileNotFoundError):
                folder.rename(gone)
            for left in (gone, folder.with_name(f".{upload_id}.partial")):
                shutil.rmtree(left, ignore_errors=True)

    def ids(self) -> frozenset[str]:
        """Return the ids of which there are bytes or a folder, finished or not."""
        names = [
            path.name
            for folder in (self._uploads, self._datasets)
            if folder.is_dir()
            for path in folder.iterdir()
        ]
        return frozenset(match[0] for name in names if (match := _ID.search(name)))

    def _archive(self, upload_id: str) -> Path:
        return self._uploads / f"{_checked(upload_id)}.zip"

    def _make_folders(self) -> None:
        for folder in (self._uploads, self._datasets):
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)


def _checked(upload_id: str) -> str:
    """Return an id that can be a file's name: nothing that somebody typed reaches the disk."""
    if not _ID.fullmatch(upload_id):
        raise NotFound("there is no such upload")
    return upload_id
