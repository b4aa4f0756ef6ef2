"""`okng.detectors.temporary_files`."""

import errno
import tempfile
from pathlib import Path

import pytest

from okng.detectors.temporary_files import append


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk_is_named() -> None:
    """Where a temporary file finds no room, the error names the folder of temporary files."""
    with (
        pytest.raises(OSError, match="No space left") as caught,
        Path("/dev/full").open("wb", buffering=0) as file,
    ):
        append(file, bytes(100))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, tempfile.gettempdir())
