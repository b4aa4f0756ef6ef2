"""The folders of a product: one per version, numbered upwards, whole or not there.

3           version 3
.4.partial  version 4 is being written; its writer holds .4.lock, or died
.2.deleted  version 2 was deleted; its number is never used again
.1.aside    version 1 is set aside: as good as deleted, but whole, and can be brought back
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

_LOCK = ".lock"
_ATTEMPTS = 100
_VERSION = re.compile(r"[1-9]\d{0,8}")
_USED = re.compile(r"([1-9]\d{0,8})|\.([1-9]\d{0,8})\.(?:partial|deleted|aside)")
_ASIDE = re.compile(r"\.([1-9]\d{0,8})\.aside")
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
    with locked(product / _LOCK):
        yield


@contextmanager
def reserved(product: Path) -> Iterator[tuple[int, Path]]:
    """Hold the next version number and an empty folder, to be handed to `publish`.

    What is not published vanishes, with the product's folder where nothing else was ever in it; so
    does, at the next call, what a dead process left.
    """
    with ExitStack() as holding:
        with _changing_new(product):
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
                if names(product) == [_LOCK]:
                    with suppress(OSError):  # somebody else comes in, or Windows: it stays
                        (product / _LOCK).unlink()
                        product.rmdir()


@contextmanager
def _changing_new(product: Path) -> Iterator[None]:
    """Do as `changing`, but make the folder; another process may remove it when it is empty."""
    with ExitStack() as holding:
        with writing(product):
            for attempt in range(_ATTEMPTS):
                try:
                    product.mkdir(parents=True, exist_ok=True)
                    holding.enter_context(changing(product))
                    break
                except (FileNotFoundError, FileExistsError):
                    if attempt == _ATTEMPTS - 1:
                        raise
        yield


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


def set_aside(product: Path, version: int) -> None:
    """Take a version out of sight, in one step; the caller is `changing` the product."""
    with writing(product):
        (product / str(version)).rename(product / f".{version}.aside")
        sync_folder(product)


def bring_back(product: Path, version: int) -> None:
    """Let a version that was set aside be there again; the caller is `changing` the product."""
    with writing(product):
        (product / f".{version}.aside").rename(product / str(version))
        sync_folder(product)


def aside(product: Path) -> list[int]:
    """Return the versions that are set aside, ascending."""
    found = (_ASIDE.fullmatch(name) for name in names(product))
    return sorted(int(match[1]) for match in found if match)


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
