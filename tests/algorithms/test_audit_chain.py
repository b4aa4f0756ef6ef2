from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okng.algorithms.audit_chain import canonical, hash_of, link, readable, verify
from okng.domain.people import Anchor, AuditEntry

START = datetime(2026, 3, 1, tzinfo=UTC)


def written(count: int) -> list[AuditEntry]:
    """Return a log as it was written."""
    log: list[AuditEntry] = []
    for index in range(count):
        head = log[-1] if log else None
        at = START + timedelta(seconds=index)
        log.append(link(head, at, f"p{index % 3}", "x.y", f"s{index}", {"n": index}))
    return log


def anchor(entry: AuditEntry) -> Anchor:
    return Anchor(entry.at, entry.number, entry.hash)


def rewritten(log: list[AuditEntry]) -> list[AuditEntry]:
    """Number and hash a log anew, as somebody would who knows how."""
    anew: list[AuditEntry] = []
    for one in log:
        head = anew[-1] if anew else None
        made = link(head, one.at, one.actor, one.action, one.subject, {})
        made = replace(made, details=one.details)
        anew.append(replace(made, hash=hash_of(made)))
    return anew


LOG = written(12)
positions = st.integers(0, len(LOG) - 1)
CHANGES: dict[str, Callable[[AuditEntry, str], object]] = {
    "number": lambda e, t: e.number + 1 + len(t),
    "at": lambda e, t: e.at + timedelta(microseconds=1 + len(t)),
    "actor": lambda e, t: e.actor + "x" + t,
    "action": lambda e, t: e.action + "x" + t,
    "subject": lambda e, t: "x" + t + e.subject,
    "details": lambda e, t: e.details + " " + t,
    "previous": lambda e, t: ("1" if e.previous[0] != "1" else "2") + e.previous[1:],
    "hash": lambda e, t: e.hash[::-1],
}


def test_an_honest_log_is_sound() -> None:
    """Nothing is found in a log as it was written, with any of its heads anchored, or none."""
    check = verify(LOG, [anchor(entry) for entry in LOG])
    assert (check.sound, check.entries, check.head, check.anchored) == (True, 12, 12, 12)
    assert check.head_hash == LOG[-1].hash
    assert verify(LOG).sound
    empty = verify([])
    assert (empty.sound, empty.entries, empty.head, empty.head_hash) == (True, 0, 0, None)


@given(positions, st.sampled_from(sorted(CHANGES)), st.text(max_size=5))
def test_any_changed_field_is_found(at: int, name: str, text: str) -> None:
    """Whatever field of whatever entry is changed, the first fault names that entry or the next."""
    changed = replace(LOG[at], **{name: CHANGES[name](LOG[at], text)})
    faults = verify([*LOG[:at], changed, *LOG[at + 1 :]]).faults
    assert faults[0].number in {LOG[at].number, LOG[at].number + 1}


@given(positions, st.sampled_from(sorted(set(CHANGES) - {"number", "hash", "previous"})))
def test_a_changed_field_with_a_fitting_hash_is_found(at: int, name: str) -> None:
    """Who changes an entry and its hash is found at the next, or at the anchor."""
    changed = replace(LOG[at], **{name: CHANGES[name](LOG[at], "")})
    changed = replace(changed, hash=hash_of(changed))
    check = verify([*LOG[:at], changed, *LOG[at + 1 :]], [anchor(LOG[-1])])
    assert check.faults[0].number in {LOG[at].number, LOG[at].number + 1}


@given(positions)
def test_any_removed_entry_is_found(at: int) -> None:
    """A removed entry is missed by its number; the last one by the anchor."""
    check = verify([*LOG[:at], *LOG[at + 1 :]], [anchor(LOG[-1])])
    assert LOG[at].number in {fault.number for fault in check.faults}


@given(positions, positions)
def test_any_two_swapped_entries_are_found(one: int, other: int) -> None:
    """Swapped entries are out of order, even if they swap their numbers too."""
    log = list(LOG)
    log[one], log[other] = log[other], log[one]
    renumbered = [replace(entry, number=index) for index, entry in enumerate(log, 1)]
    assert verify(log).sound == (one == other)
    assert verify(renumbered).sound == (one == other)
    if one != other:
        assert verify(log).faults[0].number == min(one, other) + 1


@given(positions, st.booleans())
def test_any_inserted_entry_is_found(at: int, fitting: bool) -> None:
    """An entry put in is found, even if it follows the one before it as it should."""
    head = LOG[at - 1] if at else None
    new = link(head, START, "eve", "x.y", "s", {})
    if not fitting:
        new = replace(new, number=99)
    check = verify([*LOG[:at], new, *LOG[at:]])
    assert check.faults[0].number == (at + 2 if fitting else at + 1)


@given(positions, st.integers(1, 12))
def test_a_cut_end_is_found(anchored: int, kept: int) -> None:
    """An end that was cut off is missed exactly if it had been anchored."""
    check = verify(LOG[:kept], [anchor(LOG[anchored])])
    assert check.sound == (kept > anchored)


@given(positions, st.data())
def test_a_log_rewritten_from_an_entry_on_is_found(at: int, data: st.DataObject) -> None:
    """Who hashes everything anew from an entry on is found by any later anchor."""
    log = rewritten([*LOG[:at], replace(LOG[at], actor="eve"), *LOG[at + 1 :]])
    anchored = data.draw(positions)
    check = verify(log, [anchor(LOG[anchored])])
    assert verify(log).sound
    assert check.sound == (anchored < at)
    if not check.sound:
        assert check.faults[0].number == anchored + 1


@given(st.permutations(LOG))
def test_any_other_order_is_found(log: list[AuditEntry]) -> None:
    """Any other order than the written one is found."""
    assert verify(log).sound == (log == LOG)


def test_the_first_faults_are_told() -> None:
    """A log that is wrong throughout is not told entry by entry."""
    assert len(verify([replace(entry, actor="eve") for entry in written(500)]).faults) == 20


def test_fields_cannot_run_into_each_other() -> None:
    """Text moved from one field to the next gives another hash."""
    entry = link(None, START, "ab", "c", "d", {})
    assert hash_of(replace(entry, actor="a", action="bc")) != entry.hash


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": (1, 2.5)}, '{"a":[1,2.5],"b":1}'),
        ({1: float("inf"), "s": {"y", "x"}}, '{"1":"inf","s":["x","y"]}'),
        ({"t": START, "o": b"x", "n": None, "b": False},
         '{"b":false,"n":null,"o":"b\'x\'","t":"2026-03-01T00:00:00+00:00"}'),
        ({"u": "é\0"}, '{"u":"\\u00e9\\u0000"}'),
    ],
)  # fmt: skip
def test_canonical(value: object, text: str) -> None:
    """There is one way to write details down, in ASCII."""
    assert canonical(value) == text


@given(st.text(max_size=400))
def test_readable(text: str) -> None:
    """What is noted can be printed and stored, and is noted the same when read again."""
    once = readable(text)
    assert once.isprintable()
    assert "\0" not in once
    once.encode()
