"""Work that people start: one piece at a time, and what becomes of it when the service ends."""

import threading
import time

import pytest

from okng.adapters.stores.result_folder import ResultFolder
from okng.domain.errors import BadDataset
from okng.domain.records import JobState
from okng.services.one_at_a_time import MOST_ATTEMPTS, OneAtATime


@pytest.fixture
def notes(tmp_path):
    return ResultFolder(tmp_path / "notes", frozenset({"facts", "attempts"}))


def ended(work, key):
    until = time.monotonic() + 20
    while (going := work.of(key)) is None or going.is_open:
        assert time.monotonic() < until
        time.sleep(0.01)
    return going


def interrupt(notes, key="a", facts=None):
    """Begin a piece of work and end the service in its middle."""
    running, work = threading.Event(), OneAtATime("test", notes)

    def endless(progress):
        while True:
            running.set()
            progress("step", 1, 2)
            time.sleep(0.005)

    work.start(key, facts or {}, endless)
    assert running.wait(20)
    work.close()


def test_what_is_done_leaves_no_note(notes):
    """Done or failed, a piece of work is not begun again by the next service."""
    work = OneAtATime("test", notes)

    def fails(progress):
        raise BadDataset("no images")

    work.start("a", {}, lambda progress: progress("step", 1, 1))
    work.start("b", {}, fails)
    assert ended(work, "a").state is JobState.DONE
    assert ended(work, "b").error == "no images"
    work.close()
    assert notes.all() == {}


def test_what_was_interrupted_begins_anew(notes):
    """What ran and what waited is made of its facts again, and done."""
    interrupt(notes, "a", {"name": "first"})
    made = []
    work = OneAtATime("test", notes)
    work.resume(lambda facts: lambda progress: made.append(facts["name"]))
    assert ended(work, "a").state is JobState.DONE
    work.close()
    assert made == ["first"]
    assert notes.all() == {}


def test_what_ends_the_service_again_and_again_is_given_up(notes):
    """After the third time it is shown as failed, with what to do."""
    interrupt(notes)
    for _ in range(MOST_ATTEMPTS - 1):
        held = OneAtATime("test", notes)
        held._worker.submit(time.sleep, 0.05)  # it does not get to work before the end
        held.resume(lambda facts: lambda progress: progress("step", 0, 1))
        held.close()
    last = OneAtATime("test", notes)
    last.resume(lambda facts: lambda progress: None)
    going = last.of("a")
    assert going is not None
    assert going.state is JobState.FAILED
    assert "start it again" in going.error
    last.close()
    assert notes.all() == {}


def test_a_damaged_note_is_no_work(notes, tmp_path):
    """A note that cannot be read is passed over."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.json").write_text("{")
    work = OneAtATime("test", notes)
    work.resume(lambda facts: pytest.fail("there is no such work"))
    assert work.of("a") is None
    work.close()
