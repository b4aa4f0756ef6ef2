"""The fingerprint of a set of files."""

import hashlib

from okng.algorithms.fingerprint import fingerprint


def digests(*contents: str) -> list[bytes]:
    return [hashlib.sha256(content.encode()).digest() for content in contents]


def test_only_contents_count() -> None:
    """Order does not change the fingerprint; a content, or its number, does."""
    assert fingerprint(digests("1", "2")) == fingerprint(digests("2", "1"))
    different = (digests(), digests("1"), digests("1", "1"), digests("1", "2"), digests("1", "3"))
    assert len({fingerprint(contents) for contents in different}) == 5


def test_it_is_the_hash_of_the_sorted_hashes() -> None:
    """The definition in the manifest can be followed by anybody."""
    wanted = hashlib.sha256(b"".join(sorted(digests("1", "2")))).hexdigest()
    assert fingerprint(digests("1", "2")) == wanted
