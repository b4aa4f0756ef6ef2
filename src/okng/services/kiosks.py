"""Kiosks: screens that show one live page, and nothing else, until somebody revokes them."""

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from okng.domain.errors import BadRequest, NotFound, NotSignedIn, TooLarge
from okng.domain.people import Principal, Right
from okng.domain.people_ports import AuditLog, Transactions
from okng.services.live import Scene

MOST = 200
_STORED = "kiosks"
_FORM = re.compile(r"kiosk_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_.-]{0,62}[a-z0-9])?")


class StoredValues(Protocol):
    """Keeps plain JSON values by name."""

    def value(self, name: str) -> object | None: ...

    def set_value(self, name: str, value: object) -> None: ...


class KnownProducts(Protocol):
    """Finds products."""

    def get(self, name: str, by: Principal) -> object: ...


@dataclass(frozen=True)
class Kiosk:
    """A screen. Its secret is in its browser alone; here is its SHA-256."""

    id: str
    name: str
    product: str
    station: str | None
    created: str
    author: str

    @property
    def scene(self) -> Scene:
        return Scene(self.product, self.station)

    @property
    def actor(self) -> str:
        """What the audit log and the service's log call it."""
        return f"kiosk:{self.name}"


class Kiosks:
    """Makes, revokes and recognises kiosks.

    Their right is no person's: it outlives the session in which it was given, and whoever gave it.
    """

    def __init__(
        self,
        values: StoredValues,
        products: KnownProducts,
        transactions: Transactions,
        audit: AuditLog,
    ) -> None:
        self._values = values
        self._products = products
        self._transactions = transactions
        self._audit = audit

    def create(
        self, name: str, product: str, station: str | None, by: Principal, now: datetime
    ) -> tuple[Kiosk, str]:
        """Make a kiosk; return it and its secret, which nobody ever sees again.

        Raises:
            Forbidden: the right to teach is not there.
            NotFound: there is no such product.
            BadRequest: the name cannot be used.
            TooLarge: there are too many.
        """
        by.require(Right.TEACH)
        self._products.get(product, by)
        if not _NAME.fullmatch(name):
            raise BadRequest(
                "a kiosk's name has 1 to 64 of a-z, 0-9, '-', '_' and '.', and begins and ends "
                "with a letter or digit: choose another"
            )
        kiosk_id = secrets.token_hex(8)
        secret = f"kiosk_{kiosk_id}_{secrets.token_urlsafe(32)}"
        created = now.isoformat(timespec="seconds")
        kiosk = Kiosk(kiosk_id, name, product, station, created, by.name)
        with self._transactions():
            kept = self._kept()
            if len(kept) >= MOST:
                raise TooLarge(f"there are {MOST} kiosks: revoke those that are no longer used")
            kept[kiosk_id] = vars(kiosk) | {"hash": _hash(secret)}
            self._values.set_value(_STORED, kept)
            details = {"name": name, "product": product, "station": station}
            self._audit.append(by.name, "kiosk.create", kiosk_id, details)
        return kiosk, secret

    def list(self, by: Principal) -> tuple[Kiosk, ...]:
        """Return all kiosks, newest first."""
        by.require(Right.TEACH)
        found = [_kiosk(one) for one in self._kept().values()]
        return tuple(sorted(found, key=lambda one: (one.created, one.id), reverse=True))

    def revoke(self, kiosk_id: str, by: Principal) -> Kiosk:
        """End a kiosk; its page learns it within seconds.

        Raises:
            NotFound: there is none of that id.
        """
        by.require(Right.TEACH)
        with self._transactions():
            kept = self._kept()
            if kiosk_id not in kept:
                raise NotFound("there is no such kiosk: see the list of kiosks")
            kiosk = _kiosk(kept.pop(kiosk_id))
            self._values.set_value(_STORED, kept)
            self._audit.append(by.name, "kiosk.revoke", kiosk_id, {"name": kiosk.name})
        return kiosk

    def open(self, secret: str) -> Kiosk:
        """Return the kiosk of a secret.

        Raises:
            NotSignedIn: there is none, or it was revoked.
        """
        form = _FORM.fullmatch(secret)
        found = None if form is None else self._kept().get(form[1])
        if found is None or not hmac.compare_digest(found["hash"], _hash(secret)):
            raise NotSignedIn("this screen is no kiosk, or no longer: ask an engineer")
        return _kiosk(found)

    def _kept(self) -> dict[str, dict[str, Any]]:
        stored = self._values.value(_STORED)
        return stored if isinstance(stored, dict) else {}


def _kiosk(kept: Mapping[str, Any]) -> Kiosk:
    return Kiosk(**{key: value for key, value in kept.items() if key != "hash"})


def _hash(secret: str) -> str:
    """Return the SHA-256 of a secret of 256 random bits, which no program could guess."""
    return sha256(secret.encode("ascii")).hexdigest()
