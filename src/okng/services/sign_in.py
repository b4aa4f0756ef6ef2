"""Signing in with a password, and the sessions that follow."""

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from okng.domain.credentials import check_password, normal_password, person_name, too_long
from okng.domain.errors import BadSetting, Forbidden, NotSignedIn
from okng.domain.people import Person, Principal
from okng.domain.people_ports import (
    AuditLog,
    PasswordHashing,
    PersonStore,
    SessionStore,
    Transactions,
    WebSession,
)
from okng.services.sign_in_throttle import Key, Throttle, address_key, device_key, name_key

SEEN_EVERY = timedelta(minutes=1)
DEVICE_LASTS = timedelta(days=180)
_LONGEST_SECRET = 200


@dataclass(frozen=True)
class SessionRules:
    """How long a session lasts: unused, and at all."""

    idle: timedelta = timedelta(hours=2)
    absolute: timedelta = timedelta(hours=12)


@dataclass(frozen=True)
class SignedIn:
    """What a browser gets: two secrets for cookies, and the CSRF token for forms.

    `device` says that this person has signed in here before; it opens nothing by itself.
    """

    person: Person
    session: str = field(repr=False)
    device: str = field(repr=False)
    csrf: str = field(repr=False)


@dataclass(frozen=True)
class Current:
    """Who a session belongs to, now. Without rights while the password must be changed."""

    person: Person
    principal: Principal
    csrf: str = field(repr=False)


@dataclass(frozen=True)
class SignIn:
    """Signs people in and out."""

    people: PersonStore
    sessions: SessionStore
    throttle: Throttle
    audit: AuditLog
    hashing: PasswordHashing
    transaction: Transactions
    rules: SessionRules = field(default_factory=SessionRules)

    def sign_in(
        self,
        name: str,
        password: str,
        address: str,
        now: datetime,
        *,
        device: str | None = None,
        before: str | None = None,
    ) -> SignedIn:
        """Begin a session under a new id.

        Args:
            name: as typed.
            password: as typed.
            address: the client's.
            now: the time.
            device: the cookie that an earlier sign-in left, if any.
            before: the session that this browser has, if any; it ends.

        Raises:
            NotSignedIn: the name or the password is wrong, or the account disabled; it does not
                say which.
            TooMany: too many attempts failed.
        """
        account = _account(name)
        keys = self._keys(account, address, device, now)
        self.throttle.enter(keys, now)
        person, hashed = self._verified(account, password)
        if person is None or hashed is None:
            self._refuse(account, address)
            raise NotSignedIn("the name or the password is wrong, or the account is disabled")
        fresh = self._rehashed(password, hashed)
        with self.transaction():
            self._still(person, hashed)
            self.throttle.forgive(keys, now)
            if fresh is not None:
                self.people.set_password(person.name, fresh, person.must_change)
            if before is not None:
                self.sessions.remove(_hash(before))
            signed_in = self._begin(person, device, now)
            self.audit.append(person.name, "person.sign-in", person.name, {"address": address})
        return signed_in

    def current(self, session: str, now: datetime) -> Current:
        """Return whose session it is; it counts as used.

        Raises:
            NotSignedIn: there is no such session, or it has ended.
        """
        found = self.sessions.find(_hash(session)) if len(session) <= _LONGEST_SECRET else None
        if found is None:
            raise NotSignedIn("nobody is signed in here: sign in")
        unused = now - found.last_seen
        if unused > self.rules.idle or now - found.created > self.rules.absolute:
            self.sessions.remove(found.id_hash)
            raise NotSignedIn("the session has ended: sign in again")
        person = self.people.find(found.person)
        if person is None or not person.active:
            raise NotSignedIn("this account is disabled: ask an administrator")
        if unused >= SEEN_EVERY:
            self.sessions.seen(found.id_hash, now)
        rights = frozenset() if person.must_change else person.role.rights
        return Current(person, Principal(person.name, rights), csrf_token(session))

    def change_password(
        self, session: str, old: str, new: str, address: str, now: datetime
    ) -> SignedIn:
        """Change one's own password; every session of the person ends, and a new one begins.

        Raises:
            NotSignedIn: there is no such session, or the old password is wrong.
            BadSetting: the new password cannot be used.
            TooMany: too many attempts failed.
        """
        person = self.current(session, now).person
        keys = [name_key(f"change of {person.name}")]
        self.throttle.enter(keys, now)
        verified, hashed = self._verified(person.name, old)
        if verified is None or hashed is None:
            self._refuse(person.name, address)
            raise NotSignedIn("the old password is wrong")
        normal = check_password(new, person.name)
        if hmac.compare_digest(normal.encode(), normal_password(old).encode()):
            raise BadSetting("this is the password that is to be changed: choose another")
        fresh = self.hashing.hash(normal)
        with self.transaction():
            self._still(verified, hashed)
            self.throttle.forgive(keys, now)
            self.people.set_password(person.name, fresh, must_change=False)
            ended = self.sessions.remove_of(person.name)
            self.sessions.forget_devices(person.name)
            after = self.people.find(person.name) or verified
            signed_in = self._begin(after, None, now)
            self.audit.append(
                person.name,
                "person.change-password",
                person.name,
                {"address": address, "sessions_ended": ended},
            )
        return signed_in

    def sign_out(self, session: str) -> None:
        """End a session; there need not be one."""
        with self.transaction():
            found = self.sessions.find(_hash(session))
            if found is not None:
                self.sessions.remove(found.id_hash)
                self.audit.append(found.person, "person.sign-out", found.person, {})

    def purge(self, now: datetime) -> None:
        """Forget sessions and failures that no longer count; to be done now and then."""
        self.sessions.remove_older(now - self.rules.absolute, now - self.rules.idle)
        self.sessions.forget_devices_older(now - DEVICE_LASTS)
        self.throttle.purge(now)

    def _keys(self, account: str, address: str, device: str | None, now: datetime) -> list[Key]:
        if device is not None and len(device) <= _LONGEST_SECRET:
            known = _hash(device)
            if self.sessions.knows_device(known, account, now - DEVICE_LASTS):
                return [device_key(known, account)]
        return [name_key(account), address_key(address)]

    def _verified(self, account: str, password: str) -> tuple[Person | None, str | None]:
        """Return whose password it is and its hash; takes as long where there is nobody."""
        person = self.people.find(account)
        hashed = self.people.password_hash(account) if person is not None else None
        normal = normal_password(password) if not too_long(password) else ""
        right = self.hashing.verify(normal, hashed)
        if not right or person is None or not person.active:
            return None, None
        return person, hashed

    def _still(self, person: Person, hashed: str) -> None:
        """Make sure that nothing changed while the password was being verified."""
        now = self.people.find(person.name)
        if now is None or not now.active or self.people.password_hash(person.name) != hashed:
            raise NotSignedIn("the account was changed in this moment: sign in again")

    def _rehashed(self, password: str, hashed: str) -> str | None:
        """Return a hash with today's parameters where the stored one has others."""
        stale = self.hashing.is_stale(hashed)
        return self.hashing.hash(normal_password(password)) if stale else None

    def _begin(self, person: Person, device: str | None, now: datetime) -> SignedIn:
        session = secrets.token_urlsafe(32)
        self.sessions.add(WebSession(_hash(session), person.name, now, now))
        since = now - DEVICE_LASTS
        if device is None or not self.sessions.knows_device(_hash(device), person.name, since):
            device = secrets.token_urlsafe(32)
            self.sessions.add_device(_hash(device), person.name, now)
        return SignedIn(person, session, device, csrf_token(session))

    def _refuse(self, account: str, address: str) -> None:
        """Note a failure; not what was typed as a name unless there is such a person."""
        known = self.people.find(account) is not None
        subject = account if known else "unknown"
        self.audit.append("anonymous", "person.sign-in-refused", subject, {"address": address})


def csrf_token(session: str) -> str:
    """Return the token that forms of a session carry; it cannot be had from the session's hash."""
    return hmac.new(session.encode("utf-8", "surrogatepass"), b"okng csrf", sha256).hexdigest()


def check_csrf(session: str, token: str | None) -> None:
    """Make sure that a change comes from a page of this session.

    Raises:
        Forbidden: it does not.
    """
    given = (token or "").encode("utf-8", "surrogatepass")
    if not hmac.compare_digest(given, csrf_token(session).encode()):
        raise Forbidden("this request does not come from a page of okng: load the page again")


def _account(name: str) -> str:
    """Return an account's name as typed; one that cannot exist leads nowhere, in the same time."""
    try:
        return person_name(name)
    except BadSetting:
        return ""


def _hash(secret: str) -> str:
    """Return the SHA-256 of a secret: it has 256 random bits, so there is nothing to guess."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
