"""Accounts: who there is, in which role, and one-time passwords to begin with."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from okng.domain.credentials import check_password, normal_password, person_name
from okng.domain.errors import Conflict, NotFound
from okng.domain.people import Person, Principal, Right, Role
from okng.domain.people_ports import (
    AuditLog,
    PasswordHashing,
    PersonStore,
    SessionStore,
    Transactions,
)

FIRST_ADMINISTRATOR = "admin"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that people take for others: i, l, o, 0, 1."""


def one_time_password() -> str:
    """Return a password of 99 random bits that can be read aloud."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


@dataclass(frozen=True)
class People:
    """Accounts, for administrators.

    Each change ends the person's sessions where it takes something away. `changed` is told whose
    rights may have changed, so that whatever remembers them forgets.
    """

    store: PersonStore
    sessions: SessionStore
    audit: AuditLog
    hashing: PasswordHashing
    transaction: Transactions
    changed: Callable[[str], None] = lambda _name: None

    def first_start(self, now: datetime) -> tuple[Person, str] | None:
        """Make the first administrator; return him and his one-time password, None if anybody is.

        Of several processes that start at once, one makes him.
        """
        if self.store.list():
            return None
        password = one_time_password()
        hashed = self.hashing.hash(password)
        person = Person(FIRST_ADMINISTRATOR, Role.ADMINISTRATOR, True, True, now)
        with self.transaction():
            self.store.hold_administrators()
            if self.store.list():
                return None
            self.store.add(person, hashed)
            self.audit.append(
                "system", "person.create", person.name, {"role": person.role, "first_start": True}
            )
        return person, password

    def list(self, by: Principal) -> list[Person]:
        """Return everybody, by name.

        Raises:
            Forbidden: it takes an administrator.
        """
        by.require(Right.ADMINISTER)
        return self.store.list()

    def find(self, by: Principal, name: str) -> Person:
        """Return one person.

        Raises:
            Forbidden: it takes an administrator.
            NotFound: there is nobody of that name.
        """
        by.require(Right.ADMINISTER)
        return self._find(name)

    def create(
        self, by: Principal, name: str, role: Role, now: datetime, password: str | None = None
    ) -> tuple[Person, str]:
        """Make an account; return it and its password, to be changed at the first sign-in.

        `password` is a random one unless given.

        Raises:
            Forbidden: it takes an administrator.
            BadSetting: the name or the password cannot be used.
            Conflict: the name is taken.
        """
        by.require(Right.ADMINISTER)
        person = Person(person_name(name), role, True, True, now)
        password = self._password(password, person.name)
        hashed = self.hashing.hash(normal_password(password))
        with self.transaction():
            self.store.add(person, hashed)
            self.audit.append(by.name, "person.create", person.name, {"role": role})
        return person, password

    def set_role(self, by: Principal, name: str, role: Role) -> Person:
        """Give a person another role.

        Raises:
            Forbidden: it takes an administrator.
            NotFound: there is nobody of that name.
            Conflict: it is the last active administrator.
        """
        by.require(Right.ADMINISTER)
        with self.transaction():
            administrators = self.store.hold_administrators()
            person = self._find(name)
            if person.role == role:
                return person
            self._keep_one(person, administrators, "cannot get another role")
            self.store.set_role(person.name, role)
            self.sessions.remove_of(person.name)
            self.audit.append(
                by.name, "person.set-role", person.name, {"role": role, "before": person.role}
            )
            after = self._find(name)
        self.changed(person.name)
        return after

    def disable(self, by: Principal, name: str) -> Person:
        """Let a person in no longer; accounts are kept, since the audit log names them.

        Raises:
            Forbidden: it takes an administrator.
            NotFound: there is nobody of that name.
            Conflict: it is the last active administrator.
        """
        by.require(Right.ADMINISTER)
        with self.transaction():
            administrators = self.store.hold_administrators()
            person = self._find(name)
            if not person.active:
                return person
            self._keep_one(person, administrators, "cannot be disabled")
            self.store.set_active(person.name, False)
            ended = self.sessions.remove_of(person.name)
            self.sessions.forget_devices(person.name)
            self.audit.append(by.name, "person.disable", person.name, {"sessions_ended": ended})
            after = self._find(name)
        self.changed(person.name)
        return after

    def enable(self, by: Principal, name: str) -> Person:
        """Let a person in again.

        Raises:
            Forbidden: it takes an administrator.
            NotFound: there is nobody of that name.
        """
        by.require(Right.ADMINISTER)
        with self.transaction():
            person = self._find(name)
            if person.active:
                return person
            self.store.set_active(person.name, True)
            self.audit.append(by.name, "person.enable", person.name, {})
            after = self._find(name)
        self.changed(person.name)
        return after

    def reset_password(
        self, by: Principal, name: str, password: str | None = None
    ) -> tuple[Person, str]:
        """Give a person a password to be changed at the next sign-in; return it.

        All the person's sessions end. API tokens stay: they are revoked one by one.

        Raises:
            Forbidden: it takes an administrator.
            NotFound: there is nobody of that name.
            BadSetting: the password cannot be used.
        """
        by.require(Right.ADMINISTER)
        person = self._find(name)
        password = self._password(password, person.name)
        hashed = self.hashing.hash(normal_password(password))
        with self.transaction():
            self.store.set_password(person.name, hashed, must_change=True)
            ended = self.sessions.remove_of(person.name)
            self.sessions.forget_devices(person.name)
            self.audit.append(
                by.name, "person.reset-password", person.name, {"sessions_ended": ended}
            )
            after = self._find(name)
        self.changed(person.name)
        return after, password

    def _find(self, name: str) -> Person:
        person = self.store.find(name.strip().lower())
        if person is None:
            raise NotFound(f"there is nobody named {name[:64]!r}: see the list of people")
        return person

    def _password(self, given: str | None, name: str) -> str:
        if given is None:
            return one_time_password()
        check_password(given, name)
        return given

    @staticmethod
    def _keep_one(person: Person, administrators: int, what: str) -> None:
        """Refuse to lose the last active administrator."""
        if person.active and person.role is Role.ADMINISTRATOR and administrators <= 1:
            raise Conflict(
                f"{person.name} is the last active administrator and {what}: "
                "make somebody else an administrator first"
            )
