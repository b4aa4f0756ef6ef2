"""API tokens: how programs say for whom they act."""

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock
from time import monotonic

from okng.domain.errors import BadSetting, Forbidden, NotFound, NotSignedIn
from okng.domain.people import Person, Principal, Right, Token
from okng.domain.people_ports import AuditLog, PersonStore, TokenStore, Transactions

PREFIX = "okng_"
"""So that a token is found where it was left by mistake."""
REMEMBER_S = 5.0
"""For so long another process may not notice that a token was revoked."""
USED_EVERY = timedelta(minutes=1)
_MOST_REMEMBERED = 1000
_FORM = re.compile(r"okng_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_.-]{0,62}[a-z0-9])?")


@dataclass(frozen=True)
class _Known:
    principal: Principal
    owner: str
    token_id: str
    expires: datetime | None
    until: float


@dataclass
class _Memory:
    """Principals by the hash of their secret, for seconds."""

    known: dict[str, _Known] = field(default_factory=dict)
    generation: int = 0
    lock: Lock = field(default_factory=Lock)

    def keep(self, secret_hash: str, known: _Known, generation: int) -> None:
        """Remember, unless something was forgotten since it was looked up."""
        with self.lock:
            if generation == self.generation:
                if len(self.known) >= _MOST_REMEMBERED:
                    self.known.clear()
                self.known[secret_hash] = known

    def forget(self, what: Callable[[_Known], bool]) -> None:
        with self.lock:
            self.generation += 1
            self.known = {key: one for key, one in self.known.items() if not what(one)}


@dataclass(frozen=True)
class Tokens:
    """Makes, revokes and recognises API tokens."""

    store: TokenStore
    people: PersonStore
    audit: AuditLog
    transaction: Transactions
    clock_s: Callable[[], float] = monotonic
    _memory: _Memory = field(default_factory=_Memory, init=False, repr=False)

    def create(
        self,
        by: Principal,
        name: str,
        rights: frozenset[Right],
        now: datetime,
        expires: datetime | None = None,
    ) -> tuple[Token, str]:
        """Make a token of one's own; return it and its secret, which nobody ever sees again.

        Raises:
            Forbidden: the token would have rights that its owner has not, or a program asks.
            BadSetting: the name cannot be used, there is no right, or it would have expired.
        """
        owner = self.people.find(by.name)
        if by.is_program or owner is None:
            raise Forbidden("only a person who is signed in can make a token: sign in")
        if not rights:
            raise BadSetting("a token without rights opens nothing: choose at least one")
        for right in rights:
            by.require(right)
        if not _NAME.fullmatch(name):
            raise BadSetting(
                "a token's name has 1 to 64 of a-z, 0-9, '-', '_' and '.', and begins and ends "
                "with a letter or digit: choose another"
            )
        if expires is not None and expires <= now:
            raise BadSetting("the token would have expired already: choose a later time")
        token_id = secrets.token_hex(8)
        secret = f"{PREFIX}{token_id}_{secrets.token_urlsafe(32)}"
        token = Token(token_id, owner.name, name, rights, now, expires, None, False)
        with self.transaction():
            self.store.add(token, _hash(secret))
            self.audit.append(
                by.name,
                "token.create",
                token.id,
                {"name": name, "rights": rights, "expires": expires},
            )
        return token, secret

    def list(self, by: Principal, owner: str | None = None) -> list[Token]:
        """Return the tokens of `owner`, of everybody if None; one's own need no right.

        Raises:
            Forbidden: it takes an administrator to see those of others.
        """
        if owner is None or owner != by.name:
            by.require(Right.ADMINISTER)
        return self.store.list(owner)

    def revoke(self, by: Principal, token_id: str) -> Token:
        """End a token; in this process at once, in others within seconds.

        Raises:
            Forbidden: it takes an administrator to end those of others, and to learn of them.
            NotFound: there is no such token.
        """
        with self.transaction():
            found = self.store.find(token_id)
            if found is None or found[0].owner != by.name:
                by.require(Right.ADMINISTER)
            if found is None:
                raise NotFound("there is no such token: see the list of tokens")
            if not found[0].revoked:
                self.store.revoke(token_id)
                self.audit.append(
                    by.name,
                    "token.revoke",
                    token_id,
                    {"name": found[0].name, "owner": found[0].owner},
                )
        self._memory.forget(lambda known: known.token_id == token_id)
        revoked = self.store.find(token_id)
        return revoked[0] if revoked else found[0]

    def forget_owner(self, name: str) -> None:
        """Look again before a person's tokens are believed; for `People.changed`."""
        self._memory.forget(lambda known: known.owner == name)

    def principal_of(self, secret: str, now: datetime) -> Principal:
        """Return for whom a program acts: the token's rights, as far as its owner has them now.

        Raises:
            NotSignedIn: there is no such token, it was revoked or has expired, or its owner is
                disabled.
        """
        form = _FORM.fullmatch(secret)
        if form is None:
            raise NotSignedIn("this is no token of okng: it begins with okng_")
        hashed = _hash(secret)
        known = self._memory.known.get(hashed)
        if known is None or self.clock_s() >= known.until:
            known = self._look_up(form[1], hashed, now)
        if known.expires is not None and now >= known.expires:
            raise NotSignedIn("this token has expired: make a new one")
        return known.principal

    def _look_up(self, token_id: str, hashed: str, now: datetime) -> _Known:
        generation = self._memory.generation
        found = self.store.find(token_id)
        if found is None or not hmac.compare_digest(found[1], hashed) or found[0].revoked:
            raise NotSignedIn("this token is unknown or was revoked: make a new one")
        token = found[0]
        owner = self.people.find(token.owner)
        if owner is None or not owner.active:
            raise NotSignedIn("the owner of this token is disabled: ask an administrator")
        expired = token.expires is not None and now >= token.expires
        if not expired and (token.last_used is None or now - token.last_used >= USED_EVERY):
            self.store.used(token.id, now)
        known = _Known(
            _principal(token, owner),
            owner.name,
            token.id,
            token.expires,
            self.clock_s() + REMEMBER_S,
        )
        self._memory.keep(hashed, known, generation)
        return known


def _principal(token: Token, owner: Person) -> Principal:
    return Principal(f"{owner.name}:{token.name}", token.rights & owner.role.rights)


def _hash(secret: str) -> str:
    """Return the SHA-256 of a secret.

    A slow hash makes guessing dear where people choose what is hashed. Here 256 random bits are,
    and no program could guess them; a fast one serves every request.
    """
    return sha256(secret.encode("ascii")).hexdigest()
