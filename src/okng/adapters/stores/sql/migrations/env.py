"""Alembic's entry: runs the steps on the connection that `migrating` hands over."""

from alembic import context

from okng.adapters.stores.sql import people_schema as _people_schema  # noqa: F401
from okng.adapters.stores.sql import schema as _schema  # noqa: F401
from okng.adapters.stores.sql.schema_root import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
