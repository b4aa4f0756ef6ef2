"""Inspections counted by the hour, for charts; reviewed ones are counted within one index."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")
HOURS = {
    "sqlite": "at - at % 3600000000",
    "postgresql": "date_trunc('hour', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'",
}
REVIEWED = sa.text("is_reviewed")


def upgrade() -> None:
    op.create_table(
        "inspection_hours",
        sa.Column("product", TEXT, nullable=False),
        sa.Column("hour", TIME, nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("inspections", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("product", "hour", "verdict", name=op.f("pk_inspection_hours")),
    )
    op.create_index(
        "ix_inspection_hours_hour", "inspection_hours", ["hour", "verdict", "inspections"]
    )
    hour = HOURS[op.get_bind().dialect.name]
    op.execute(
        f"INSERT INTO inspection_hours SELECT product, {hour}, verdict, count(*)"
        " FROM inspections GROUP BY 1, 2, 3"
    )
    op.drop_index("ix_inspections_reviewed", "inspections")
    op.create_index(
        "ix_inspections_reviewed",
        "inspections",
        ["at", "id", "product", "verdict", "reviewed", "defect"],
        sqlite_where=REVIEWED,
        postgresql_where=REVIEWED,
    )
