from time import process_time

import pytest

from okng.adapters.security.passwords import Argon2Passwords

QUICK = Argon2Passwords(rounds=1, memory_kib=8)


def test_a_password_fits_its_hash_alone() -> None:
    """Argon2id with a salt: the same password twice gives two hashes, and both fit."""
    one, other = QUICK.hash("seven green bottles"), QUICK.hash("seven green bottles")
    assert one != other
    assert one.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert QUICK.verify("seven green bottles", one)
    for wrong in ("", "seven green bottle", "Seven green bottles", "\0", "\ud800", "x" * 1000):
        assert not QUICK.verify(wrong, one)
    assert not QUICK.verify("seven green bottles", None)
    assert not QUICK.verify("seven green bottles", "nonsense")


def test_todays_parameters() -> None:
    """RFC 9106's second choice; a hash with others is stale."""
    today = Argon2Passwords()
    hashed = today.hash("seven green bottles")
    assert "m=65536,t=3,p=1" in hashed
    assert not today.is_stale(hashed)
    assert today.is_stale(QUICK.hash("seven green bottles"))


def test_nobody_costs_as_much_as_somebody() -> None:
    """Verifying takes the same time whether there is an account or not."""
    passwords = Argon2Passwords(rounds=2, memory_kib=16_384)
    hashed = passwords.hash("seven green bottles")

    def cost_s(of: str | None) -> float:
        return min(_timed(lambda: passwords.verify("wrong", of)) for _ in range(5))

    assert cost_s(None) == pytest.approx(cost_s(hashed), rel=0.5)


def _timed(work) -> float:
    begin = process_time()
    work()
    return process_time() - begin
