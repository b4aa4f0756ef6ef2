"""Identify a set of files by its contents."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from okng.domain.errors import BadDataset


def fingerprint(paths: Iterable[Path]) -> str:
    """Return the SHA-256 (hex) over the sorted SHA-256 hashes of the files' contents.

    Names, places and order do not count; every content counts as often as it is there.

    Raises:
        BadDataset: a file cannot be read.
    """
    hashes = []
    for path in paths:
        try:
            with path.open("rb") as file:
                hashes.append(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise BadDataset(f"{path}: cannot be read ({error.strerror})") from error
    return hashlib.sha256(b"".join(sorted(hashes))).hexdigest()
