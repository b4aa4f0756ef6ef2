import errno
import os
from pathlib import Path

import pytest

from okng.adapters.stores import training_checkpoints
from okng.adapters.stores.training_checkpoints import TrainingCheckpoints


def test_a_state_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    """What was saved last is read, and nothing once it was removed."""
    kept = TrainingCheckpoints(tmp_path / "unfinished")
    assert kept.load("a-teacher") is None
    kept.save("a-teacher", b"1")
    kept.save("a-teacher", b"2")
    assert TrainingCheckpoints(tmp_path / "unfinished").load("a-teacher") == b"2"
    kept.remove("a-teacher")
    kept.remove("a-teacher")
    assert kept.load("a-teacher") is None
    assert list((tmp_path / "unfinished").iterdir()) == []


def test_full_disk_keeps_the_state_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without room the error names the file, and what was there still is."""
    kept = TrainingCheckpoints(tmp_path)
    kept.save("a", b"before")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("okng.adapters.stores.durable_files.os.fsync", full)
    with pytest.raises(OSError, match="No space left") as raised:
        kept.save("a", b"after")
    assert raised.value.filename == str(tmp_path / "a.safetensors")
    assert kept.load("a") == b"before"


def test_the_oldest_states_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most that are kept, what nobody went on with longest goes."""
    monkeypatch.setattr(training_checkpoints, "MOST_KEPT", 2)
    kept = TrainingCheckpoints(tmp_path)
    for age, name in enumerate(["newest", "newer", "old", "oldest"]):
        kept.save(name, b"")
        for path in (tmp_path / f"{name}.safetensors",):
            if path.exists():
                os.utime(path, (1000 - age, 1000 - age))
    kept.save("now", b"")
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["newest", "now"]


@pytest.mark.parametrize("name", ["../a", "a/b", "", "A", "a.b"])
def test_names_stay_in_the_folder(tmp_path: Path, name: str) -> None:
    """A name that could lead elsewhere is refused."""
    with pytest.raises(ValueError, match="cannot be the name"):
        TrainingCheckpoints(tmp_path).load(name)


def test_too_large_a_state_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond the limit is as if it were not there."""
    kept = TrainingCheckpoints(tmp_path)
    kept.save("a", b"12345")
    monkeypatch.setattr(training_checkpoints, "LARGEST_STATE", 4)
    assert kept.load("a") is None
