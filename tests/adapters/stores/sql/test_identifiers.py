import threading
import time
import uuid

import pytest

from okng.adapters.stores.sql import identifiers
from okng.adapters.stores.sql.identifiers import new_id


def test_an_id_is_a_uuid_of_version_7_with_its_time() -> None:
    """RFC 9562: version 7, the RFC's variant, milliseconds of making in the first 48 bits."""
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(new_id())
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000 + 1


def test_ids_rise_and_never_repeat() -> None:
    """Ids made one after another sort that way."""
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_ids_rise_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is set back does not bring ids out of order."""
    now = time.time_ns()
    monkeypatch.setattr(identifiers.time, "time_ns", lambda: now)
    first = new_id()
    monkeypatch.setattr(identifiers.time, "time_ns", lambda: now - 10**12)
    assert new_id() > first


def test_threads_get_different_ids() -> None:
    """No two threads share an id."""
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.extend(new_id() for _ in range(2000)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8000
