"""Who is signed in, which browsers are known, and who failed to sign in."""

from datetime import datetime

from sqlalchemy import delete, or_, select, update

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.people_schema import AttemptRow, DeviceRow, SessionRow
from okng.adapters.stores.sql.people_turns import take_turn
from okng.domain.people_ports import Attempts, WebSession


class SqlSessions:
    """A `SessionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, session: WebSession) -> None:
        with self._database.session() as transaction:
            transaction.add(
                SessionRow(
                    id_hash=session.id_hash,
                    person=session.person,
                    created=session.created,
                    last_seen=session.last_seen,
                )
            )
            transaction.flush()

    def find(self, id_hash: str) -> WebSession | None:
        wanted = select(
            SessionRow.id_hash, SessionRow.person, SessionRow.created, SessionRow.last_seen
        ).where(SessionRow.id_hash == id_hash)
        with self._database.reading() as transaction:
            row = transaction.execute(wanted).one_or_none()
            return None if row is None else WebSession(*row)

    def seen(self, id_hash: str, at: datetime) -> None:
        with self._database.session() as transaction:
            transaction.execute(
                update(SessionRow).where(SessionRow.id_hash == id_hash).values(last_seen=at)
            )

    def remove(self, id_hash: str) -> None:
        with self._database.session() as transaction:
            transaction.execute(delete(SessionRow).where(SessionRow.id_hash == id_hash))

    def remove_of(self, person: str) -> int:
        """End all sessions of a person; return how many there were."""
        with self._database.session() as transaction:
            ended = delete(SessionRow).where(SessionRow.person == person)
            return len(transaction.scalars(ended.returning(SessionRow.id_hash)).all())

    def remove_older(self, created: datetime, last_seen: datetime) -> int:
        """Forget sessions made or last seen before these times."""
        with self._database.session() as transaction:
            old = delete(SessionRow).where(
                or_(SessionRow.created < created, SessionRow.last_seen < last_seen)
            )
            return len(transaction.scalars(old.returning(SessionRow.id_hash)).all())

    def add_device(self, device_hash: str, person: str, at: datetime) -> None:
        """Remember a browser in which this person has signed in."""
        with self._database.session() as transaction:
            transaction.add(DeviceRow(device_hash=device_hash, person=person, created=at))
            transaction.flush()

    def knows_device(self, device_hash: str, person: str, since: datetime) -> bool:
        wanted = select(DeviceRow.device_hash).where(
            DeviceRow.device_hash == device_hash,
            DeviceRow.person == person,
            DeviceRow.created >= since,
        )
        with self._database.reading() as transaction:
            return transaction.scalar(wanted) is not None

    def forget_devices(self, person: str) -> None:
        with self._database.session() as transaction:
            transaction.execute(delete(DeviceRow).where(DeviceRow.person == person))

    def forget_devices_older(self, created: datetime) -> None:
        with self._database.session() as transaction:
            transaction.execute(delete(DeviceRow).where(DeviceRow.created < created))


class SqlAttempts:
    """An `AttemptStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def hold(self, key: str) -> Attempts | None:
        """Return what is known of a key, and let nobody else change it until the end."""
        wanted = select(AttemptRow.failures, AttemptRow.last).where(AttemptRow.key == key)
        with self._database.session() as transaction:
            take_turn(transaction, key)
            row = transaction.execute(wanted).one_or_none()
            return None if row is None else Attempts(*row)

    def put(self, key: str, attempts: Attempts) -> None:
        with self._database.session() as transaction:
            transaction.merge(AttemptRow(key=key, failures=attempts.failures, last=attempts.last))
            transaction.flush()

    def remove(self, key: str) -> None:
        with self._database.session() as transaction:
            transaction.execute(delete(AttemptRow).where(AttemptRow.key == key))

    def remove_older(self, last: datetime) -> int:
        with self._database.session() as transaction:
            old = delete(AttemptRow).where(AttemptRow.last < last)
            return len(transaction.scalars(old.returning(AttemptRow.key)).all())
