"""Files that are whole or not there: read with a limit, written to the disk before they appear."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from okng.domain.errors import BadModel, BadSetting


def read_limited(path: Path, limit: int, where: str) -> bytes:
    """Return a plain file's bytes; `where` names its model in errors.

    Raises:
        BadModel: it is missing, unreadable, no plain file (a link, ...) or larger than `limit`.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise BadModel(f"{where}: {path.name} is a link or no plain file, which okng refuses")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise BadModel(f"{where}: {path.name} is missing; restore it from an archive") from error
    except OSError as error:
        raise BadModel(f"{where}: {path.name} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise BadModel(f"{where}: {path.name} has more than {limit} bytes")
    return data


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files, by their names relative to `folder`, through to the disk."""
    parents = {folder}
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        parents.add(path.parent)
        _write_through(path, data)
    for parent in parents:
        sync_folder(parent)


def replace_file(path: Path, data: bytes) -> None:
    """Put a file in place, or in another's place, in one step; one writer at a time."""
    draft = path.with_name(f".{path.name}.partial")
    try:
        _write_through(draft, data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make what was created or renamed in `folder` survive a power cut, where systems let us."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Turn what the system refuses into one clear error.

    Raises:
        BadSetting: the folder cannot be written (rights, a full disk, ...).
    """
    try:
        yield
    except OSError as error:
        raise BadSetting(
            f"cannot write in {root} ({error.strerror or error}): make room, or choose another "
            "data folder (OKNG_HOME)"
        ) from error


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
