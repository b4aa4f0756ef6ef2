import threading
from collections.abc import Sequence

import pytest

from okng.adapters.stores.sql.group_commit import GroupCommit
from okng.domain.errors import BadRequest, Unavailable


def run(together: GroupCommit[int, int], items: range) -> tuple[dict[int, int], dict[int, str]]:
    answers: dict[int, int] = {}
    errors: dict[int, str] = {}

    def bring(item: int) -> None:
        try:
            answers[item] = together(item)
        except (BadRequest, Unavailable) as error:
            errors[item] = error.code

    threads = [threading.Thread(target=bring, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return answers, errors


class Writer:
    """Stores even numbers; refuses odd ones when told so. The first commit waits for the rest."""

    def __init__(self, refuses: bool = False, fails: bool = False) -> None:
        self.groups: list[list[int]] = []
        self.refuses, self.fails = refuses, fails
        self.inside = 0

    def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.inside += 1
        assert self.inside == 1
        threading.Event().wait(0.05)
        self.inside -= 1
        if self.fails:
            raise Unavailable("the disk is full")
        if self.refuses and any(item % 2 for item in items):
            raise BadRequest("odd")
        self.groups.append(list(items))
        return [item * 10 for item in items]


def test_callers_share_commits_and_get_their_own_answers() -> None:
    """Thirty callers need far fewer than thirty commits, one at a time."""
    write = Writer()
    answers, errors = run(GroupCommit(write), range(30))
    assert errors == {}
    assert answers == {item: item * 10 for item in range(30)}
    assert len(write.groups) <= 5


def test_an_item_at_fault_fails_alone() -> None:
    """Everybody else's item of the same group is stored once; only the faulty ones fail."""
    write = Writer(refuses=True)
    answers, errors = run(GroupCommit(write), range(12))
    assert sorted(answers) == list(range(0, 12, 2))
    assert errors == dict.fromkeys(range(1, 12, 2), "bad-request")
    assert sorted(item for group in write.groups for item in group) == list(range(0, 12, 2))


def test_an_outage_is_told_to_the_whole_group_at_once() -> None:
    """Nobody of a group tries again alone where the store is out."""
    write = Writer(fails=True)
    answers, errors = run(GroupCommit(write), range(20))
    assert answers == {}
    assert errors == dict.fromkeys(range(20), "unavailable")


def test_a_fault_of_the_program_reaches_who_brought_the_item() -> None:
    """An unforeseen error is not swallowed, and later items are stored."""
    calls = []

    def write(items: Sequence[int]) -> Sequence[int]:
        calls.append(items)
        if len(calls) == 1:
            raise ZeroDivisionError
        return list(items)

    together = GroupCommit[int, int](write)
    with pytest.raises(ZeroDivisionError):
        together(1)
    assert together(2) == 2
