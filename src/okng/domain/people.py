"""Who may do what."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from okng.domain.errors import Forbidden


class Right(StrEnum):
    """One thing that somebody may be allowed to do.

    `read`: see products, models, inspections. `inspect`: have images judged. `review`: say what a
    part really was. `teach`: datasets, training, models, thresholds, promotion. `administer`:
    people, tokens of others, audit, retention, allowed folders.
    """

    READ = "read"
    INSPECT = "inspect"
    REVIEW = "review"
    TEACH = "teach"
    ADMINISTER = "administer"


class Role(StrEnum):
    """What a person is at the line."""

    OPERATOR = "operator"
    REVIEWER = "reviewer"
    ENGINEER = "engineer"
    ADMINISTRATOR = "administrator"

    @property
    def rights(self) -> frozenset[Right]:
        """A role has its own right and those of the roles before it."""
        ladder = [{Right.READ, Right.INSPECT}, {Right.REVIEW}, {Right.TEACH}, {Right.ADMINISTER}]
        return frozenset().union(*ladder[: list(Role).index(self) + 1])


@dataclass(frozen=True)
class Principal:
    """Whoever acts: a person (`name`), or a program by a person's token (`name:token`)."""

    name: str
    rights: frozenset[Right]

    def may(self, right: Right) -> bool:
        return right in self.rights

    @property
    def is_program(self) -> bool:
        """It acts by a token."""
        return ":" in self.name

    def require(self, right: Right) -> None:
        """Make sure of a right.

        Raises:
            Forbidden: it is not there.
        """
        if right not in self.rights:
            mend = "make a token that has it" if self.is_program else "an administrator gives roles"
            raise Forbidden(
                f"{self.name} may not do this, which needs the right to {right.value}: {mend}"
            )


CONSOLE = Principal("console", Role.ADMINISTRATOR.rights)
"""Whoever runs commands beside the database: the files are his anyway."""


@dataclass(frozen=True)
class Person:
    """An account. Its password is never here; `must_change` asks for a new one at next sign-in."""

    name: str
    role: Role
    active: bool
    must_change: bool
    created: datetime


@dataclass(frozen=True)
class Token:
    """An API token: `id` is public, the secret is shown once and stored hashed.

    `rights` never exceed those of its owner, at the time of use; `expires` is None for never.
    """

    id: str
    owner: str
    name: str
    rights: frozenset[Right]
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    revoked: bool


@dataclass(frozen=True)
class AuditEntry:
    """One change, chained to the one before: `hash` covers everything else, `previous` included.

    `details` is canonical JSON. `number` counts from 1 without gaps.
    """

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: str
    previous: str
    hash: str


@dataclass(frozen=True)
class Anchor:
    """A head of the audit log that was copied elsewhere: nothing up to it can change unseen."""

    at: datetime
    number: int
    hash: str


@dataclass(frozen=True)
class AuditFault:
    """Where the audit log is not as it was written: from `number` on, and why."""

    number: int
    reason: str


@dataclass(frozen=True)
class AuditCheck:
    """What came of verifying the audit log.

    `head` is the last entry's number and `head_hash` its hash (None of an empty log); `anchored`
    is the number of the last anchor, 0 where there is none.
    """

    entries: int
    head: int
    head_hash: str | None
    anchored: int
    faults: tuple[AuditFault, ...]

    @property
    def sound(self) -> bool:
        return not self.faults
