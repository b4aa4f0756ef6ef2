"""A log whose entries are chained by hash, so that no change to it stays unseen.

Each entry's hash covers its content and the hash before it. Whoever rewrites an entry has to
rewrite all that follow; a head that was copied elsewhere before (an anchor) no longer fits then.
After Schneier and Kelsey, "Secure audit logs to support computer forensics", ACM TISSEC 2(2), 1999.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

from okng.domain.people import Anchor, AuditCheck, AuditEntry, AuditFault

BEFORE_FIRST = "0" * 64
"""What stands for the hash before the first entry."""

MOST_FAULTS = 20
"""More are not told: the first says where the log stops being the one that was written."""
MOST_CHARACTERS = 300


def canonical(value: object) -> str:
    """Return JSON of which there is one form: sorted keys, no blanks, ASCII, no NaN."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def readable(text: str) -> str:
    """Return a text that any database keeps as it is: control characters escaped, bounded."""
    if len(text) > MOST_CHARACTERS:
        text = text[: MOST_CHARACTERS - 3] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def link(
    head: AuditEntry | None,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    details: Mapping[str, object],
) -> AuditEntry:
    """Make the entry that follows `head`."""
    entry = AuditEntry(
        number=head.number + 1 if head else 1,
        at=at.astimezone(UTC),
        actor=readable(actor),
        action=readable(action),
        subject=readable(subject),
        details=canonical(details),
        previous=head.hash if head else BEFORE_FIRST,
        hash="",
    )
    return replace(entry, hash=hash_of(entry))


def hash_of(entry: AuditEntry) -> str:
    """Return the SHA-256 of everything in an entry but its hash."""
    content = [
        entry.number,
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.actor,
        entry.action,
        entry.subject,
        entry.details,
        entry.previous,
    ]
    text = json.dumps(content, separators=(",", ":"))
    return sha256(text.encode("ascii")).hexdigest()


@dataclass
class _Faults:
    """Keeps the first faults."""

    found: list[AuditFault]

    def add(self, number: int, reason: str) -> None:
        if len(self.found) < MOST_FAULTS:
            self.found.append(AuditFault(number, reason))


def verify(entries: Iterable[AuditEntry], anchors: Sequence[Anchor] = ()) -> AuditCheck:
    """Find what was changed, removed, put in or moved, in a log that is told oldest first.

    Without anchors a log that was rewritten as a whole, or lost its end, looks sound: what is
    certain reaches up to the last anchored head.
    """
    faults = _Faults([])
    wanted: dict[int, list[Anchor]] = {}
    for anchor in anchors:
        wanted.setdefault(anchor.number, []).append(anchor)
    number, previous, count = 0, BEFORE_FIRST, 0
    for entry in entries:
        count += 1
        number += 1
        if entry.number != number:
            faults.add(number, _misplaced(number, entry.number))
            number = entry.number
        elif entry.previous != previous:
            faults.add(number, "does not follow the entry before it: one of the two was changed")
        if hash_of(entry) != entry.hash:
            faults.add(entry.number, "was changed after it was written")
        for anchor in wanted.pop(entry.number, ()):
            if anchor.hash != entry.hash:
                faults.add(entry.number, "is not what was anchored: the log was rewritten")
        previous = entry.hash
    for missing in sorted(wanted):
        faults.add(missing, f"was anchored and is gone; the log ends with number {number}")
    last = max((anchor.number for anchor in anchors), default=0)
    return AuditCheck(count, number, previous if count else None, last, tuple(faults.found))


def _misplaced(expected: int, found: int) -> str:
    if found > expected:
        gone = f"{expected}" if found == expected + 1 else f"{expected} to {found - 1}"
        return f"is missing: after {expected - 1} comes {found} (gone: {gone})"
    return f"is out of order: {found} stands where {expected} belongs"


def _plain(value: object) -> object:
    """Turn what details may hold into what JSON has."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(str(item) for item in value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
