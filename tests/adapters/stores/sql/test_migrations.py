import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from okng.adapters.stores.sql import people_schema, schema
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.schema_root import Table
from okng.domain.errors import BadSetting


def test_migrations_make_what_the_classes_say(database: Database) -> None:
    """After all migrations, Alembic finds nothing that differs from the metadata."""
    assert schema.Table is people_schema.Table
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_migrations_make_the_same_partial_indexes(database: Database, empty_url: str) -> None:
    """Alembic does not compare conditions of indexes and triggers, so their text is compared."""
    made = Database(empty_url)
    Table.metadata.create_all(made.engine)
    wanted, found = (_definitions(each) for each in (made, database))
    made.close()
    assert found == wanted
    assert any("WHERE" in definition for definition in wanted)


def _definitions(database: Database) -> set[str]:
    statements = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql > ''",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
        " UNION SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    }
    with database.reading() as session:
        rows = session.scalars(text(statements[database.dialect]))
        return {" ".join(row.split()) for row in rows if "alembic_version" not in row}


def test_two_processes_may_migrate_at_once(empty_url: str) -> None:
    """Several instances that start on an empty database all succeed."""
    errors: list[BaseException] = []

    def start() -> None:
        database = Database(empty_url)
        try:
            database.migrate()
            database.check()
        except BaseException as error:
            errors.append(error)
            raise
        finally:
            database.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    """A database that is up to date stays as it is."""
    before = sorted(inspect(database.engine).get_table_names())
    database.migrate()
    assert sorted(inspect(database.engine).get_table_names()) == before


def test_a_database_of_a_newer_okng_is_refused(database: Database) -> None:
    """An unknown revision gives BadSetting, for migrate and check."""
    with database.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(BadSetting, match=r"a newer okng made this database \(revision 9999\)"):
        database.migrate()
    with pytest.raises(BadSetting, match="newer okng"):
        database.check()


def test_a_database_of_another_program_is_refused(empty_url: str) -> None:
    """Tables of that name without okng's version are not touched."""
    database = Database(empty_url)
    with database.session() as session:
        session.execute(text("CREATE TABLE inspections (x INTEGER)"))
    with pytest.raises(BadSetting, match="another program"):
        database.migrate()
    assert inspect(database.engine).get_table_names() == ["inspections"]
    database.close()
