"""Names the folder in errors of temporary files, which have no names of their own."""

import tempfile
from typing import IO


def append(file: IO[bytes], data: bytes) -> None:
    """Write to a temporary file, through to the system.

    Raises:
        OSError: with the folder's name, as where its disk is full.
    """
    try:
        file.write(data)
        file.flush()
    except OSError as error:
        raise OSError(error.errno, error.strerror, tempfile.gettempdir()) from error
