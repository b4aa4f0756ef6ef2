"""What the services of people and rights need from the world.

What happens inside `Transactions` happens as a whole or not at all, in every store of the same
database.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from okng.domain.people import Anchor, AuditEntry, Person, Role, Token


class Transactions(Protocol):
    """Begins a transaction, or joins the one that this thread is in."""

    def __call__(self) -> AbstractContextManager[object]: ...


class PasswordHashing(Protocol):
    """Turns passwords into what may be stored."""

    def hash(self, password: str) -> str: ...

    def verify(self, password: str, hashed: str | None) -> bool:
        """Tell whether it is the password; takes as long where `hashed` is None, and says no."""
        ...

    def is_stale(self, hashed: str) -> bool:
        """Tell whether it was made with other parameters than today's."""
        ...


class PersonStore(Protocol):
    """Keeps people and their hashed passwords."""

    def add(self, person: Person, password_hash: str) -> None:
        """Keep a new person.

        Raises:
            Conflict: the name is taken.
        """
        ...

    def find(self, name: str) -> Person | None: ...

    def list(self) -> list[Person]:
        """Return everybody, by name."""
        ...

    def password_hash(self, name: str) -> str | None: ...

    def set_password(self, name: str, password_hash: str, must_change: bool) -> None: ...

    def set_role(self, name: str, role: Role) -> None: ...

    def set_active(self, name: str, active: bool) -> None: ...

    def hold_administrators(self) -> int:
        """Count the active administrators, and let nobody else change that until the end."""
        ...


@dataclass(frozen=True)
class WebSession:
    """A signed-in browser. The id that it holds is a secret: only its SHA-256 is stored."""

    id_hash: str = field(repr=False)
    person: str
    created: datetime
    last_seen: datetime


class SessionStore(Protocol):
    """Keeps who is signed in, and which browsers are known to have been."""

    def add(self, session: WebSession) -> None: ...

    def find(self, id_hash: str) -> WebSession | None: ...

    def seen(self, id_hash: str, at: datetime) -> None: ...

    def remove(self, id_hash: str) -> None: ...

    def remove_of(self, person: str) -> int:
        """End all sessions of a person; return how many there were."""
        ...

    def remove_older(self, created: datetime, last_seen: datetime) -> int:
        """Forget sessions made or last seen before these times."""
        ...

    def add_device(self, device_hash: str, person: str, at: datetime) -> None:
        """Remember a browser in which this person has signed in."""
        ...

    def knows_device(self, device_hash: str, person: str, since: datetime) -> bool: ...

    def forget_devices(self, person: str) -> None: ...

    def forget_devices_older(self, created: datetime) -> None: ...


@dataclass(frozen=True)
class Attempts:
    """Failures to sign in, of one name, address or browser."""

    failures: int
    last: datetime


class AttemptStore(Protocol):
    """Counts failed sign-ins, over restarts."""

    def hold(self, key: str) -> Attempts | None:
        """Return what is known of a key, and let nobody else change it until the end."""
        ...

    def put(self, key: str, attempts: Attempts) -> None: ...

    def remove(self, key: str) -> None: ...

    def remove_older(self, last: datetime) -> int: ...


class TokenStore(Protocol):
    """Keeps API tokens by the SHA-256 of their secret."""

    def add(self, token: Token, secret_hash: str) -> None: ...

    def find(self, token_id: str) -> tuple[Token, str] | None:
        """Return a token and the hash of its secret."""
        ...

    def list(self, owner: str | None = None) -> list[Token]:
        """Return the tokens of one person or all, newest first."""
        ...

    def revoke(self, token_id: str) -> None: ...

    def used(self, token_id: str, at: datetime) -> None: ...


@dataclass(frozen=True)
class AuditFilter:
    """Which audit entries; None is any. `since` is included, `until` is not."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditLog(Protocol):
    """Takes note of changes; nothing noted is ever changed or removed."""

    def append(
        self, actor: str, action: str, subject: str, details: Mapping[str, object]
    ) -> AuditEntry:
        """Add an entry, in the transaction that this thread is in."""
        ...


class AuditStore(AuditLog, Protocol):
    """An audit log that can be read."""

    def entries(self) -> Iterator[AuditEntry]:
        """Yield all entries, oldest first, without holding them all."""
        ...

    def newest(self, wanted: AuditFilter, before: int | None, limit: int) -> list[AuditEntry]:
        """Return entries, newest first, with numbers below `before`."""
        ...

    def head(self) -> AuditEntry | None: ...


class AnchorStore(AuditStore, Protocol):
    """Remembers when the log's head was last written elsewhere."""

    def hold_anchor(self) -> Anchor | None:
        """Return the last anchor, and let nobody else write one until the end."""
        ...

    def set_anchor(self, anchor: Anchor) -> None: ...


class AnchorFile(Protocol):
    """Where anchors go; nothing in it is ever replaced."""

    def append(self, anchor: Anchor) -> None:
        """Add an anchor, through to the disk.

        Raises:
            BadSetting: it cannot be written.
        """
        ...

    def read(self) -> list[Anchor]:
        """Return all anchors, oldest first.

        Raises:
            BadSetting: it cannot be read, or holds something else.
        """
        ...
