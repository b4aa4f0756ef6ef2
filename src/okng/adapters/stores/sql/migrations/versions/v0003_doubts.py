"""Doubts: whoever watches can send an inspection to review, whatever its verdict is."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TO_REVIEW = sa.text(
    "NOT is_reviewed AND (image IS NOT NULL OR thumbnail IS NOT NULL)"
    " AND (verdict = 1 OR verdict = 2 OR verdict = 0 AND substr(id, 35) < '05' OR doubted)"
)


def upgrade() -> None:
    op.add_column(
        "inspections",
        sa.Column("doubted", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.drop_index("ix_inspections_to_review", "inspections")
    op.create_index(
        "ix_inspections_to_review",
        "inspections",
        ["product", "at", "id"],
        sqlite_where=TO_REVIEW,
        postgresql_where=TO_REVIEW,
    )
