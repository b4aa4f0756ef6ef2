"""Builds what backs up and restores the service, for the command line."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from okng.adapters.stores.backup_archive import BackupArchives
from okng.adapters.stores.backup_parts import parts
from okng.adapters.stores.file_lock import locked
from okng.adapters.stores.sql.audit import SqlAuditLog
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.dump import SqlDump
from okng.domain.backup import BackupManifest
from okng.domain.errors import NotFound
from okng.domain.people import CONSOLE
from okng.domain.ports import Progress, silent
from okng.services.backup import Restored, Source, Target, back_up
from okng.services.backup import restore as restore_archive
from okng.settings import Settings
from okng.version import __version__

REMOVING = ".removing.lock"
"""In the data folder: held by whoever removes contents, and while a backup is made."""


def backup(
    to: Path, settings: Settings, url: str | None = None, progress: Progress = silent
) -> tuple[Path, BackupManifest]:
    """Back up the service's database and data folder, while it runs or not.

    Raises:
        NotFound: there is no service's database.
        BadSetting: the file is there already, or cannot be written.
        Unavailable: the database does not answer.
    """
    database = Database(url or settings.database_url)
    home = settings.home.absolute()
    try:
        if database.dialect == "sqlite" and not Path(database.engine.url.database or "").is_file():
            raise NotFound(
                "there is no database to back up: okng serve makes it at its first start; name it "
                "with --database, OKNG_DATABASE or OKNG_HOME"
            )
        if not home.is_dir():
            raise NotFound(f"there is no data folder {home}: name it with OKNG_HOME")
        with locked(home / REMOVING):
            path, manifest = back_up(
                to,
                Source(home, SqlDump(database).snapshot, _told(settings), __version__),
                parts(),
                BackupArchives(),
                datetime.now(UTC),
                progress,
            )
        details = {"file": str(path), "rows": manifest.rows, "bytes": manifest.bytes}
        SqlAuditLog(database).append(CONSOLE.name, "backup.create", path.name, details)
    finally:
        database.close()
    return path, manifest


def restore(
    archive: Path, into: Path, url: str | None = None, progress: Progress = silent
) -> Restored:
    """Make a data folder, and a database in it or at `url`, of a backup.

    Raises:
        NotFound: there is no such file.
        BadBackup: it is damaged, unsafe or of another version.
        Conflict: the folder or the database is not empty.
    """

    def open_target(home: Path) -> Target:
        database = Database(url or home / "okng.db")
        return Target(SqlDump(database).loading, database.close)

    return restore_archive(archive, into, open_target, parts(), BackupArchives(), progress)


def _told(settings: Settings) -> Mapping[str, object]:
    """Return the settings for people to read, without a password."""
    told = settings.model_dump(mode="json")
    with suppress(ArgumentError):
        told["database"] = make_url(settings.database_url).render_as_string(hide_password=True)
    return told
