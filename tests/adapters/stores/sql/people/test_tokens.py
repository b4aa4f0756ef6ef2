from datetime import timedelta
from time import perf_counter

import pytest

from okng.bootstrap.people import people_services
from okng.domain.errors import BadSetting, Forbidden, NotFound, NotSignedIn
from okng.domain.people import CONSOLE, Principal, Right, Role
from okng.services.tokens import REMEMBER_S, Tokens
from okng.settings import Settings

LINE = frozenset({Right.READ, Right.INSPECT})


@pytest.fixture
def tokens(house) -> Tokens:
    """The service of tokens, with a clock that stands: what it remembers, it remembers."""
    real = house.services.tokens
    return Tokens(real.store, real.people, real.audit, real.transaction, clock_s=lambda: 0.0)


def test_token(house, tokens: Tokens) -> None:
    """A token acts for its owner, with its own rights, under both names."""
    ann = house.person("ann", Role.ENGINEER)
    token, secret = tokens.create(ann, "line-3", LINE, house.clock.now)
    assert secret.startswith(f"okng_{token.id}_")
    assert len(secret) == 65
    principal = tokens.principal_of(secret, house.clock.now)
    assert principal == Principal("ann:line-3", LINE)
    assert principal.is_program
    assert house.actions()[-1] == ("ann", "token.create", token.id)


def test_scope_at_creation(house, tokens: Tokens) -> None:
    """Nobody gives a token what he has not, or nothing; programs and the console make none."""
    ann, now = house.person("ann", Role.OPERATOR), house.clock.now
    with pytest.raises(Forbidden, match="teach"):
        tokens.create(ann, "ci", LINE | {Right.TEACH}, now)
    with pytest.raises(BadSetting, match="without rights"):
        tokens.create(ann, "ci", frozenset(), now)
    for by in (CONSOLE, Principal("ann:ci", LINE), Principal("nobody", LINE)):
        with pytest.raises(Forbidden, match="only a person"):
            tokens.create(by, "ci", LINE, now)
    for name in ("", "a b", "a:b", "x" * 65, "-", "\0"):
        with pytest.raises(BadSetting):
            tokens.create(ann, name, LINE, now)
    with pytest.raises(BadSetting, match="expired"):
        tokens.create(ann, "ci", LINE, now, now)
    assert tokens.list(ann, "ann") == []


def test_scope_at_use(house) -> None:
    """Where the owner's rights shrink, so do the token's, at once."""
    ann = house.person("ann", Role.ENGINEER)
    tokens, now = house.services.tokens, house.clock.now
    _, secret = tokens.create(ann, "ci", ann.rights, now)
    assert tokens.principal_of(secret, now).may(Right.TEACH)
    house.services.people.set_role(CONSOLE, "ann", Role.OPERATOR)
    assert tokens.principal_of(secret, now).rights == LINE
    house.services.people.set_role(CONSOLE, "ann", Role.ADMINISTRATOR)
    assert not tokens.principal_of(secret, now).may(Right.ADMINISTER)
    house.person("boss", Role.ADMINISTRATOR)
    house.services.people.disable(CONSOLE, "ann")
    with pytest.raises(NotSignedIn, match="disabled"):
        tokens.principal_of(secret, now)


def test_expiry(house, tokens: Tokens) -> None:
    """A token ends at its time, even while it is remembered."""
    ann, now = house.person("ann"), house.clock.now
    _, secret = tokens.create(ann, "ci", LINE, now, now + timedelta(seconds=2))
    tokens.principal_of(secret, now + timedelta(seconds=1.9))
    for _ in range(2):
        with pytest.raises(NotSignedIn, match="expired"):
            tokens.principal_of(secret, now + timedelta(seconds=2))


def test_revocation(house, tokens: Tokens) -> None:
    """A revoked token ends at once in this process, and cannot be revoked by strangers."""
    ann, now = house.person("ann"), house.clock.now
    token, secret = tokens.create(ann, "ci", LINE, now)
    _, other = tokens.create(ann, "other", LINE, now)
    tokens.principal_of(secret, now)
    eve = house.person("eve", Role.ENGINEER)
    for token_id in (token.id, "0" * 16):
        with pytest.raises(Forbidden):
            tokens.revoke(eve, token_id)
    assert tokens.revoke(ann, token.id).revoked
    with pytest.raises(NotSignedIn, match="revoked"):
        tokens.principal_of(secret, now)
    tokens.principal_of(other, now)
    noted = len(house.actions())
    tokens.revoke(CONSOLE, token.id)
    assert len(house.actions()) == noted
    with pytest.raises(NotFound):
        tokens.revoke(CONSOLE, "0" * 16)


def test_revocation_elsewhere(house) -> None:
    """Another process notices a revocation within seconds."""
    ann, now = house.person("ann"), house.clock.now
    time_s = [0.0]
    real = house.services.tokens
    here = Tokens(real.store, real.people, real.audit, real.transaction, lambda: time_s[0])
    elsewhere = people_services(house.database, Settings(), hashing=real_hashing(house)).tokens
    token, secret = here.create(ann, "ci", LINE, now)
    here.principal_of(secret, now)
    elsewhere.revoke(ann, token.id)
    here.principal_of(secret, now)
    time_s[0] = REMEMBER_S
    with pytest.raises(NotSignedIn):
        here.principal_of(secret, now)


def real_hashing(house):
    return house.services.people.hashing


def test_strange_secrets(house, tokens: Tokens) -> None:
    """Whatever is sent as a token is answered, and a known id with another secret opens nothing."""
    ann, now = house.person("ann"), house.clock.now
    _, secret = tokens.create(ann, "ci", LINE, now)
    other = "A" if secret[-1] != "A" else "B"
    for strange in ("", "okng_", "é", "\0", "\ud800", "x" * 99_999, secret + "\n", f"{secret}A",
                    secret[:-1] + other, secret.upper()):  # fmt: skip
        with pytest.raises(NotSignedIn):
            tokens.principal_of(strange, now)


def test_last_use(house) -> None:
    """When a token was last used is kept to the minute."""
    ann = house.person("ann")
    real = house.services.tokens
    forgetful = Tokens(real.store, real.people, real.audit, real.transaction, Ticking())
    _, secret = forgetful.create(ann, "ci", LINE, house.clock.now)
    used = []
    for _ in range(4):
        forgetful.principal_of(secret, house.clock.now)
        used.append(forgetful.list(ann, "ann")[0].last_used)
        house.clock.pass_by(seconds=30)
    assert used[0] == used[1]
    assert used[2] == used[3] == used[0] + timedelta(minutes=1)


class Ticking:
    """A clock that forgets everything at once."""

    def __init__(self) -> None:
        self.time_s = 0.0

    def __call__(self) -> float:
        self.time_s += REMEMBER_S
        return self.time_s


def test_lists(house, tokens: Tokens) -> None:
    """Everybody sees his own tokens, an administrator all, newest first."""
    ann, bob = house.person("ann"), house.person("bob")
    tokens.create(ann, "one", LINE, house.clock.now)
    tokens.create(bob, "two", LINE, house.clock.pass_by(seconds=1))
    assert [one.name for one in tokens.list(ann, "ann")] == ["one"]
    assert [one.name for one in tokens.list(CONSOLE)] == ["two", "one"]
    for owner in ("bob", None):
        with pytest.raises(Forbidden):
            tokens.list(ann, owner)


def test_a_request_is_cheap(house, tokens: Tokens) -> None:
    """Knowing a token again costs far less than a millisecond."""
    _, secret = tokens.create(house.person("ann"), "ci", LINE, house.clock.now)
    tokens.principal_of(secret, house.clock.now)
    begin = perf_counter()
    for _ in range(1000):
        tokens.principal_of(secret, house.clock.now)
    assert perf_counter() - begin < 0.5
