"""Keeps how far trainings have come, as files in a folder; see `okng.domain.learning.Checkpoints`.

Whatever is kept is whole: it is written beside its place and put there in one step. What nobody
went on with makes room for what is newer.
"""

import re
from contextlib import suppress
from pathlib import Path

from okng.adapters.stores.durable_files import replace_file

MOST_KEPT = 32
LARGEST_STATE = 4 << 30


class TrainingCheckpoints:
    """States of unfinished trainings, `NAME.safetensors` in a folder that is made when needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, name: str) -> bytes | None:
        """Return what was saved last; see `okng.domain.learning.Checkpoints`."""
        path = self._path(name)
        try:
            return path.read_bytes() if path.stat().st_size <= LARGEST_STATE else None
        except FileNotFoundError:
            return None

    def save(self, name: str, state: bytes) -> None:
        """Keep a state in the place of the one before; the oldest others go beyond `MOST_KEPT`.

        Raises:
            OSError: with the file's name; the one before is still there.
        """
        path = self._path(name)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            is_new = not path.exists()
            replace_file(path, state)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        if is_new:
            self._make_room()

    def remove(self, name: str) -> None:
        """Let a state go; see `okng.domain.learning.Checkpoints`."""
        self._path(name).unlink(missing_ok=True)

    def _make_room(self) -> None:
        found = []
        for path in self._folder.glob("*.safetensors"):
            with suppress(FileNotFoundError):  # another training is done
                found.append((path.stat().st_mtime, path))
        for _, path in sorted(found)[:-MOST_KEPT]:
            path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        if not re.fullmatch(r"[0-9a-z-]{1,100}", name):
            raise ValueError(f"{name!r} cannot be the name of a state")
        return self._folder / f"{name}.safetensors"
