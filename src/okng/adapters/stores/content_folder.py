"""Bytes kept by their SHA-256 in a folder: equal contents once, every reading checked."""

import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from okng.adapters.stores.durable_files import sync_folder, writing
from okng.domain.errors import BadRequest, DamagedContent, NotFound

_DIGEST = re.compile(r"[0-9a-f]{64}")
_DRAFTS = "drafts"
GRACE_S = 600.0
"""Seconds within which whoever put a content says what for; until then it is not deleted."""


class ContentFolder:
    """Keeps contents in `root`, in folders by the first two and the next two digits of digests.

    What is being written lies in `drafts` until it is whole.

    One process at a time, many threads. Without `durable` a power cut may take what was put: the
    caller syncs the disk before anybody relies on it.
    """

    def __init__(self, root: Path, grace_s: float = GRACE_S, durable: bool = True) -> None:
        self._root = root
        self._durable = durable
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._size: int | None = None

    def put(self, data: bytes) -> str:
        """Keep bytes, on the disk when this returns; return their digest in hexadecimal.

        Raises:
            BadSetting: the folder cannot be written (rights, a full disk, ...).
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        with writing(self._root):
            if self._is_renewed(path, len(data)):
                return digest
            made = _make_folders(path.parent, self._root)
            draft = self._root / _DRAFTS / f"{digest}-{secrets.token_hex(8)}"
            draft.parent.mkdir(exist_ok=True)
            try:
                with draft.open("xb") as file:
                    file.write(data)
                    if self._durable:
                        file.flush()
                        os.fsync(file.fileno())
                with self._lock:
                    known = path.stat().st_size if path.exists() else 0
                    draft.replace(path)
                    if self._size is not None:
                        self._size += len(data) - known
            finally:
                draft.unlink(missing_ok=True)
            for folder in (path.parent, *made) if self._durable else ():
                sync_folder(folder)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest.

        Raises:
            NotFound: they are not there.
            DamagedContent: what is there is something else.
            BadRequest: it is no digest.
        """
        path = self._path(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise NotFound(f"there is no content {digest}; retention may have taken it") from None
        except OSError as error:
            raise DamagedContent(f"content {digest} cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise DamagedContent(
                f"content {digest} has changed on the disk: restore it from a backup"
            )
        return data

    def delete(self, digest: str) -> bool:
        """Forget the bytes of a digest; True if they are gone.

        False where somebody put them moments ago, who may not yet have said what for.

        Raises:
            BadRequest: it is no digest.
            BadSetting: the folder cannot be written.
        """
        path = self._path(digest)
        with self._lock, writing(self._root):
            try:
                status = path.stat()
            except FileNotFoundError:
                return True
            if abs(time.time() - status.st_mtime) < self._grace_s:
                return False
            path.unlink(missing_ok=True)
            if self._size is not None:
                self._size -= status.st_size
        return True

    def digests(self) -> Iterator[str]:
        """Yield the digests of all contents; those that come or go meanwhile may be missed."""
        for path in self._root.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            if _DIGEST.fullmatch(path.name):
                yield path.name

    def size_bytes(self) -> int:
        """Return how much all contents take; counted on the disk once, then kept in step.

        Nobody waits for the count; what comes or goes during it may be counted wrongly.
        """
        with self._counting:
            if self._size is None:
                total = 0
                for digest in self.digests():
                    with suppress(FileNotFoundError):
                        total += self._path(digest).stat().st_size
                with self._lock:
                    self._size = total
            return self._size

    def clean(self) -> int:
        """Remove drafts that a killed process left; return their number. Call it at start."""
        drafts = list((self._root / _DRAFTS).glob("*"))
        for draft in drafts:
            draft.unlink(missing_ok=True)
        return len(drafts)

    def _is_renewed(self, path: Path, size: int) -> bool:
        """Tell whether the content is there whole, and start its grace anew."""
        with self._lock:
            try:
                if path.stat().st_size != size:
                    return False  # damaged: write it again
                os.utime(path)
            except FileNotFoundError:
                return False
        return True

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise BadRequest("a content is named by 64 hexadecimal digits in lower case")
        return self._root / digest[:2] / digest[2:4] / digest


def _make_folders(folder: Path, root: Path) -> tuple[Path, ...]:
    """Make a folder below `root`; return those above it that changed."""
    if folder.is_dir():
        return ()
    folder.mkdir(parents=True, exist_ok=True)
    return (folder.parent, root)
