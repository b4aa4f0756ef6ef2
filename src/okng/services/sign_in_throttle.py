"""Slows down whoever guesses passwords, without locking anybody out.

Failures are counted by name and by address; each more makes the next wait longer. In a browser
where the person has signed in before, only that browser's own failures count, so others cannot
keep a person out (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from okng.domain.errors import TooMany
from okng.domain.people_ports import Attempts, AttemptStore, Transactions

FORGET_AFTER = timedelta(hours=24)
LONGEST_WAIT_S = 900
FREE_BY_NAME = 5
FREE_BY_ADDRESS = 20
"""Failures without a wait; an address may be shared by a whole plant."""


@dataclass(frozen=True)
class Key:
    """Something whose failures are counted; `free` of them cost nothing."""

    hash: str
    free: int
    shared: bool = False


def name_key(name: str) -> Key:
    return Key(_hash("name", name), FREE_BY_NAME)


def device_key(device_hash: str, name: str) -> Key:
    return Key(_hash("device", f"{device_hash} {name}"), FREE_BY_NAME)


def address_key(address: str) -> Key:
    """Return the key of an address; of IPv6 the /64, which is what one subscriber gets."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return Key(_hash("address", "unknown"), FREE_BY_ADDRESS, shared=True)
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    if isinstance(parsed, ipaddress.IPv6Address):
        network = ipaddress.ip_network((parsed, 64), strict=False)
        return Key(_hash("address", str(network)), FREE_BY_ADDRESS, shared=True)
    return Key(_hash("address", str(parsed)), FREE_BY_ADDRESS, shared=True)


def wait_s(attempts: Attempts | None, free: int, now: datetime) -> float:
    """Return how many seconds are left until the next attempt may be made.

    1 s after the last free failure, twice as long after each more, at most a quarter of an hour.
    """
    if attempts is None or attempts.failures < free:
        return 0.0
    delay = min(2.0 ** min(attempts.failures - free, 30), LONGEST_WAIT_S)
    # A clock that was set back must not lock for longer.
    return max(0.0, delay - abs((now - attempts.last).total_seconds()))


@dataclass(frozen=True)
class Throttle:
    """Counts attempts before they are tried: guesses made at the same time all count."""

    store: AttemptStore
    transaction: Transactions

    def enter(self, keys: Iterable[Key], now: datetime) -> None:
        """Count an attempt as failed, until `forgive`. Refused attempts do not count.

        Raises:
            TooMany: some time must pass first.
        """
        with self.transaction():
            held = [(key, self._held(key, now)) for key in _ordered(keys)]
            longest = max((wait_s(known, key.free, now) for key, known in held), default=0.0)
            if longest > 0:
                seconds = int(longest) + 1
                raise TooMany(
                    f"too many attempts to sign in failed: wait {seconds} s", retry_seconds=seconds
                )
            for key, known in held:
                self.store.put(key.hash, Attempts((known.failures if known else 0) + 1, now))

    def forgive(self, keys: Iterable[Key], now: datetime) -> None:
        """Take back an attempt that was right; of a shared address the other failures stay."""
        with self.transaction():
            for key in _ordered(keys):
                known = self._held(key, now)
                if known is not None and key.shared and known.failures > 1:
                    self.store.put(key.hash, Attempts(known.failures - 1, known.last))
                else:
                    self.store.remove(key.hash)

    def purge(self, now: datetime) -> None:
        """Forget failures that no longer count."""
        self.store.remove_older(now - FORGET_AFTER)

    def _held(self, key: Key, now: datetime) -> Attempts | None:
        known = self.store.hold(key.hash)
        return None if known is None or abs(now - known.last) > FORGET_AFTER else known


def _ordered(keys: Iterable[Key]) -> list[Key]:
    """Return keys in the order in which everybody takes their locks."""
    return sorted(keys, key=lambda key: key.hash)


def _hash(kind: str, value: str) -> str:
    return sha256(f"{kind}:{value}".encode("utf-8", "surrogatepass")).hexdigest()
