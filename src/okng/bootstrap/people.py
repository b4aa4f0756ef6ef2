"""Builds what deals with people and their rights, on one database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from okng.adapters.security.passwords import Argon2Passwords
from okng.adapters.stores.anchor_file import AnchorLines
from okng.adapters.stores.sql.audit import SqlAuditLog
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.people import SqlPeople
from okng.adapters.stores.sql.sessions import SqlAttempts, SqlSessions
from okng.adapters.stores.sql.tokens import SqlTokens
from okng.domain.errors import NotFound
from okng.domain.people_ports import PasswordHashing
from okng.services.audit import Audit
from okng.services.people import People
from okng.services.sign_in import SessionRules, SignIn
from okng.services.sign_in_throttle import Throttle
from okng.services.tokens import Tokens
from okng.settings import Settings


@dataclass(frozen=True)
class PeopleServices:
    """Everything about people; `log` is what other services append to."""

    log: SqlAuditLog
    people: People
    sign_in: SignIn
    tokens: Tokens
    audit: Audit


def people_services(
    database: Database,
    settings: Settings,
    *,
    anchors: Path | None = None,
    hashing: PasswordHashing | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> PeopleServices:
    """Build the services of people; `anchors` is the settings' anchor file unless given."""
    hashing = hashing or Argon2Passwords()
    log, store, sessions = SqlAuditLog(database, now), SqlPeople(database), SqlSessions(database)
    tokens = Tokens(SqlTokens(database), store, log, database.session)
    file = anchors or settings.anchor_file
    rules = SessionRules(
        idle=timedelta(minutes=settings.session_idle_minutes),
        absolute=timedelta(hours=settings.session_hours),
    )
    throttle = Throttle(SqlAttempts(database), database.session)
    return PeopleServices(
        log=log,
        people=People(store, sessions, log, hashing, database.session, tokens.forget_owner),
        sign_in=SignIn(store, sessions, throttle, log, hashing, database.session, rules),
        tokens=tokens,
        audit=Audit(
            log,
            database.session,
            None if file is None else AnchorLines(file),
            timedelta(seconds=settings.anchor_interval_s),
        ),
    )


@contextmanager
def open_people(
    settings: Settings, url: str | None = None, anchors: Path | None = None, create: bool = False
) -> Iterator[PeopleServices]:
    """Open the service's database for a command; made or brought up to date where `create`.

    Raises:
        NotFound: there is no such file, and it is not to be made.
        OkngError: the database cannot be opened.
    """
    url = url or settings.database_url
    if not create:
        _must_exist(url)
    elif url == settings.database_url and not settings.database:
        settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(url)
    try:
        if create:
            database.migrate()
        else:
            database.check()
        yield people_services(database, settings, anchors=anchors)
    finally:
        database.close()


def _must_exist(url: str) -> None:
    """Make no SQLite file by looking for one."""
    path = url.partition(":///")[2] if url.startswith("sqlite") else ""
    if path and not Path(path).exists():
        raise NotFound(
            f"there is no database at {path}: okng serve makes it at its first start; name it with "
            "--database, OKNG_DATABASE or OKNG_HOME"
        )
