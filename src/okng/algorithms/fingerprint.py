"""Identify a set of files by its contents."""

import hashlib
from collections.abc import Iterable


def fingerprint(contents: Iterable[bytes]) -> str:
    """Return the SHA-256 (hex) over the sorted SHA-256 digests of the files' contents.

    Names, places and order do not count; every content counts as often as it is there.

    Args:
        contents: the SHA-256 digest of each file, 32 bytes.
    """
    return hashlib.sha256(b"".join(sorted(contents))).hexdigest()
