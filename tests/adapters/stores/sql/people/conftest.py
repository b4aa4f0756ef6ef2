"""Everything about people on a real database, with a clock that tests turn."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from okng.adapters.security.passwords import Argon2Passwords
from okng.adapters.stores.sql.database import Database
from okng.bootstrap.people import PeopleServices, people_services
from okng.domain.people import CONSOLE, Principal, Role
from okng.services.sign_in import SignedIn
from okng.settings import Settings

PASSWORD = "seven green bottles"
QUICK = Argon2Passwords(rounds=1, memory_kib=8)


@dataclass
class Clock:
    now: datetime = datetime(2026, 3, 1, 8, 0, 0, 123456, tzinfo=UTC)

    def pass_by(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now


@dataclass
class House:
    """The services, the database below, and the clock."""

    database: Database
    services: PeopleServices
    clock: Clock
    anchors: Path

    def person(self, name: str, role: Role = Role.OPERATOR, password: str = PASSWORD) -> Principal:
        """Make a person who has changed the first password already."""
        self.services.people.create(CONSOLE, name, role, self.clock.now)
        hashed = QUICK.hash(password)
        self.services.sign_in.people.set_password(name, hashed, must_change=False)
        return Principal(name, role.rights)

    def sign_in(
        self,
        name: str,
        password: str = PASSWORD,
        address: str = "10.0.0.1",
        device: str | None = None,
    ) -> SignedIn:
        return self.services.sign_in.sign_in(name, password, address, self.clock.now, device=device)

    def actions(self) -> list[tuple[str, str, str]]:
        return [(e.actor, e.action, e.subject) for e in self.services.log.entries()]


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    clock = Clock()
    settings = Settings(
        home=tmp_path, session_hours=12, session_idle_minutes=120, anchor_interval_s=3600
    )
    anchors = tmp_path / "anchors.txt"
    services = people_services(
        database, settings, anchors=anchors, hashing=QUICK, now=lambda: clock.now
    )
    return House(database, services, clock, anchors)
