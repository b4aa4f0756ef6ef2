"""The fingerprint of a set of files."""

import hashlib
from pathlib import Path

import pytest

from okng.algorithms.fingerprint import fingerprint
from okng.domain.errors import BadDataset


def write(folder: Path, **contents: str) -> list[Path]:
    for name, content in contents.items():
        (folder / name).write_text(content)
    return [folder / name for name in contents]


def test_only_contents_count(tmp_path: Path) -> None:
    """Order and names do not change the fingerprint; a content, or its number, does."""
    a, b, c, d = write(tmp_path, a="1", b="2", c="1", d="3")
    assert fingerprint([a, b]) == fingerprint([b, c])
    assert len({fingerprint(paths) for paths in ([], [a], [a, c], [a, b], [a, d])}) == 5


def test_it_is_the_hash_of_the_sorted_hashes(tmp_path: Path) -> None:
    """The definition in the manifest can be followed by anybody."""
    hashes = sorted(hashlib.sha256(text).digest() for text in (b"1", b"2"))
    wanted = hashlib.sha256(b"".join(hashes)).hexdigest()
    assert fingerprint(write(tmp_path, a="1", b="2")) == wanted


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that went away is a clear error."""
    with pytest.raises(BadDataset, match="gone"):
        fingerprint([tmp_path / "gone"])
