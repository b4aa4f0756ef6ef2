"""The folders of a product: one per version, numbered upwards, whole or not there.

3           version 3
.4.partial  version 4 is being written; its writer holds .4.lock, or died
.2.deleted  version 2 was deleted; its number is never used again
.lock       held while the folders are changed
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from okng.adapters.stores.durable_files import sync_folder, writing
from okng.adapters.stores.file_lock import is_held, locked
from okng.domain.errors import BadSetting

_VERSION = re.compile(r"[1-9]\d{0,8}")
_USED = re.compile(r"([1-9]\d{0,8})|\.([1-9]\d{0,8})\.(?:partial|deleted)")
_LEFT_OVER = re.compile(r"\.([1-9]\d{0,8})\.(partial|deleted)")


def names(folder: Path) -> list[str]:
    """Return the names in a folder, sorted; none where it is not there.

    Raises:
        BadSetting: the system does not let us look.
    """
    try:
        return sorted(path.name for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise BadSetting(f"{folder} cannot be read: {error.strerror}") from error


def versions(product: Path) -> list[int]:
    """Return the versions in a product's folder, ascending."""
    found = (name for name in names(product) if _VERSION.fullmatch(name))
    return sorted(int(name) for name in found if (product / name).is_dir())


def size_bytes(folder: Path) -> int:
    """Return how many bytes the files under `folder` have, links not followed."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):
                total += (Path(parent) / name).lstat().st_size
    return total


@contextmanager
def changing(product: Path) -> Iterator[None]:
    """Keep other processes and threads from changing the product's folder."""
    with locked(product / ".lock"):
        yield


@contextmanager
def reserved(product: Path) -> Iterator[tuple[int, Path]]:
    """Hold the next version number and an empty folder, to be handed to `publish`.

    What is not published vanishes; so does, at the next call, what a dead process left.
    """
    with writing(product):
        product.mkdir(parents=True, exist_ok=True)
    with ExitStack() as holding:
        with changing(product):
            _clean(product)
            version = _next_version(product)
            partial, lock = product / f".{version}.partial", product / f".{version}.lock"
            holding.enter_context(locked(lock))
            with writing(product):
                partial.mkdir()
        try:
            yield version, partial
        finally:
            with changing(product):  # else somebody could take a lock that is about to vanish
                shutil.rmtree(partial, ignore_errors=True)
                holding.close()
                lock.unlink(missing_ok=True)


def publish(partial: Path, version: int) -> None:
    """Let a written folder appear as the version, in one step."""
    with writing(partial.parent):
        partial.rename(partial.with_name(str(version)))
        sync_folder(partial.parent)


def discard(product: Path, version: int) -> None:
    """Delete a version and mark its number as used; the caller is `changing` the product."""
    marker = product / f".{version}.deleted"
    with writing(product):
        (product / str(version)).rename(marker)
        sync_folder(product)
        _empty(marker)


def _next_version(product: Path) -> int:
    used = (_USED.fullmatch(name) for name in names(product))
    return max((int(match[1] or match[2]) for match in used if match), default=0) + 1


def _clean(product: Path) -> None:
    for name in names(product):
        match = _LEFT_OVER.fullmatch(name)
        if match and match[2] == "deleted":
            _empty(product / name)
        elif match and not is_held(product / f".{match[1]}.lock"):
            shutil.rmtree(product / name, ignore_errors=True)
            (product / f".{match[1]}.lock").unlink(missing_ok=True)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
