"""Argon2id for passwords."""

from secrets import token_urlsafe
from threading import BoundedSemaphore

from okng.domain.errors import MissingExtra

try:
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError
except ModuleNotFoundError as error:
    raise MissingExtra("argon2-cffi", "serve") from error

ROUNDS = 3
MEMORY_KIB = 65_536
"""RFC 9106, 4: the second recommended choice, 3 rounds over 64 MiB; one lane, since a login is to
cost one core."""
AT_ONCE = 2
"""So many are computed at a time: a flood of sign-ins waits, and does not take the memory."""


class Argon2Passwords:
    """A `PasswordHashing`."""

    def __init__(self, rounds: int = ROUNDS, memory_kib: int = MEMORY_KIB) -> None:
        self._hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)
        self._turns = BoundedSemaphore(AT_ONCE)
        self._of_nobody = self.hash(token_urlsafe(16))

    def hash(self, password: str) -> str:
        with self._turns:
            return self._hasher.hash(password.encode("utf-8", "surrogatepass"))

    def verify(self, password: str, hashed: str | None) -> bool:
        """Tell whether it is the password; takes as long where `hashed` is None, and says no."""
        with self._turns:
            try:
                self._hasher.verify(
                    hashed or self._of_nobody, password.encode("utf-8", "surrogatepass")
                )
            except (VerificationError, InvalidHashError):
                return False
        return hashed is not None

    def is_stale(self, hashed: str) -> bool:
        """Tell whether it was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)
