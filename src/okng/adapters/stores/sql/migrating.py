"""Brings tables up to date with Alembic; the steps are in `migrations/versions`."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from okng.adapters.stores.sql.engines import BEGIN
from okng.domain.errors import BadSetting

_LOCK = 0x6F6B6E67  # "okng", the number of PostgreSQL's lock


def migrate(engine: Engine) -> None:
    """Upgrade to the newest tables in one transaction; a second process waits, then has nothing.

    Raises:
        BadSetting: a newer okng made this database, or it belongs to another program.
    """
    immediate = engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
    with immediate.connect() as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if missing_migrations(connection):
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def missing_migrations(connection: Connection) -> bool:
    """Tell whether the tables are older than this okng.

    Raises:
        BadSetting: they are newer, or another program's.
    """
    script = ScriptDirectory.from_config(_config())
    current = MigrationContext.configure(connection).get_current_heads()
    known = {revision.revision for revision in script.walk_revisions()}
    if not set(current) <= known:
        raise BadSetting(
            f"a newer okng made this database (revision {', '.join(current)}): install that okng, "
            "or restore a backup that this one made"
        )
    if not current and "inspections" in inspect(connection).get_table_names():
        raise BadSetting(
            "this database belongs to another program: name an empty one for okng (OKNG_DATABASE)"
        )
    return set(current) != set(script.get_heads())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "okng.adapters.stores.sql:migrations")
    config.set_main_option("path_separator", "os")
    return config
