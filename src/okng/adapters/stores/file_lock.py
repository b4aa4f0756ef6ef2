"""Locks between processes and threads that end with whoever held them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from okng.domain.errors import BadSetting

if sys.platform == "win32":
    import msvcrt

    def _take(handle: int, wait: bool) -> None:
        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
                return
            except OSError:  # LK_LOCK gives up after ten seconds
                if not wait:
                    raise BlockingIOError from None

    def _release(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _take(handle: int, wait: bool) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    def _release(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock `path`; wait for it as long as it takes. Its holder may delete the file.

    Raises:
        BadSetting: the file system does not lock.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                _take(handle, wait=True)
            except OSError as error:
                raise BadSetting(
                    f"{path.parent} cannot be locked ({error.strerror}): "
                    "keep okng's data on a local disk (OKNG_HOME)"
                ) from error
            try:
                if _is_at(handle, path):
                    yield
                    return
            finally:
                _release(handle)  # closing is not enough where a child inherited the handle
        finally:
            os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Tell whether an open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock `path` and yield True; yield False, holding nothing, where somebody has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            _take(handle, wait=False)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            _release(handle)
    finally:
        os.close(handle)


def is_held(path: Path) -> bool:
    """Tell whether somebody alive holds the lock `path`."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        _take(handle, wait=False)
        _release(handle)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
