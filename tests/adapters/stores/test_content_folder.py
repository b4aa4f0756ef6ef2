import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from okng.adapters.stores.content_folder import ContentFolder
from okng.domain.errors import BadRequest, BadSetting, DamagedContent, NotFound


def place(root: Path, digest: str) -> Path:
    return root / digest[:2] / digest[2:4] / digest


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(data=st.binary(max_size=1000))
def test_contents_come_back(tmp_path: Path, data: bytes) -> None:
    """Whatever is put comes back by its SHA-256."""
    folder = ContentFolder(tmp_path / "contents")
    digest = folder.put(data)
    assert digest == hashlib.sha256(data).hexdigest()
    assert folder.get(digest) == data


def test_equal_contents_are_kept_once(tmp_path: Path) -> None:
    """A second put of the same bytes writes no second file."""
    folder = ContentFolder(tmp_path)
    digests = {folder.put(b"same"), folder.put(b"same"), folder.put(b"other")}
    assert set(folder.digests()) == digests
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2
    assert folder.size_bytes() == 9


def test_a_changed_file_is_told(tmp_path: Path) -> None:
    """Bytes that do not match their digest are never returned; putting them again mends it."""
    folder = ContentFolder(tmp_path)
    digest = folder.put(b"image")
    place(tmp_path, digest).write_bytes(b"imag")
    with pytest.raises(DamagedContent, match="restore it from a backup"):
        folder.get(digest)
    folder.put(b"image")
    assert folder.get(digest) == b"image"


@pytest.mark.parametrize(
    "digest",
    ["", "x", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n", "..", "é" * 64],
)
def test_only_digests_reach_the_disk(tmp_path: Path, digest: str) -> None:
    """Anything else gives BadRequest before a path is made of it."""
    folder = ContentFolder(tmp_path)
    for use in (folder.get, folder.delete):
        with pytest.raises(BadRequest, match="64 hexadecimal digits"):
            use(digest)


def test_what_is_gone_is_not_found(tmp_path: Path) -> None:
    """Deleting forgets a content; deleting it again is no error."""
    folder = ContentFolder(tmp_path, grace_s=0)
    digest = folder.put(b"x")
    assert folder.size_bytes() == 1
    assert folder.delete(digest)
    assert folder.delete(digest)
    assert folder.size_bytes() == 0
    with pytest.raises(NotFound, match=digest):
        folder.get(digest)


def test_what_was_put_moments_ago_stays(tmp_path: Path) -> None:
    """Whoever put it, or put it again, has time to say what for."""
    folder = ContentFolder(tmp_path, grace_s=60)
    digest = folder.put(b"x")
    assert not folder.delete(digest)
    os.utime(place(tmp_path, digest), (time.time() - 61,) * 2)
    folder.put(b"x")
    assert not folder.delete(digest)
    os.utime(place(tmp_path, digest), (time.time() - 61,) * 2)
    assert folder.delete(digest)


def test_threads_may_put_and_delete_the_same(tmp_path: Path) -> None:
    """A content is whole or not there at any moment, and the size stays in step."""
    folder = ContentFolder(tmp_path, grace_s=0)
    data = os.urandom(50_000)
    digest = hashlib.sha256(data).hexdigest()
    folder.size_bytes()

    def work(number: int) -> None:
        for _ in range(25):
            folder.put(data)
            if number == 0:
                folder.delete(digest)
            with suppress(NotFound):
                assert folder.get(digest) == data

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    folder.put(data)
    assert folder.get(digest) == data
    assert folder.size_bytes() == len(data) == ContentFolder(tmp_path).size_bytes()


def test_drafts_of_a_killed_process_are_cleaned(tmp_path: Path) -> None:
    """A half-written file is no content, and goes at the next start."""
    folder = ContentFolder(tmp_path)
    digest = folder.put(b"x")
    draft = tmp_path / "drafts" / f"{digest}-00"
    draft.write_bytes(b"hal")
    assert list(folder.digests()) == [digest]
    assert folder.clean() == 1
    assert not draft.exists()
    assert folder.get(digest) == b"x"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A plain file in the way gives BadSetting."""
    (tmp_path / "contents").write_text("a file")
    with pytest.raises(BadSetting, match="cannot write"):
        ContentFolder(tmp_path / "contents").put(b"x")
