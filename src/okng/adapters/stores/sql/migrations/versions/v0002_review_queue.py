"""The queue of reviews: claims, masks, reviews withdrawn, and the defect of an inspection."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")

TO_REVIEW = sa.text(
    "NOT is_reviewed AND (image IS NOT NULL OR thumbnail IS NOT NULL)"
    " AND (verdict = 1 OR verdict = 2 OR verdict = 0 AND substr(id, 35) < '05')"
)


def upgrade() -> None:
    op.add_column("reviews", sa.Column("mask_png", TEXT, nullable=True))
    op.add_column("reviews", sa.Column("withdrawn", TIME, nullable=True))
    op.create_index("ix_reviews_at", "reviews", ["at", "id"])
    op.add_column("inspections", sa.Column("defect", TEXT, nullable=True))
    op.execute(
        "UPDATE inspections SET defect = (SELECT r.defect FROM reviews r"
        " WHERE r.inspection_id = inspections.id ORDER BY r.at DESC, r.id DESC LIMIT 1)"
        " WHERE is_reviewed"
    )
    op.create_index(
        "ix_inspections_to_review",
        "inspections",
        ["product", "at", "id"],
        sqlite_where=TO_REVIEW,
        postgresql_where=TO_REVIEW,
    )
    op.create_table(
        "review_claims",
        sa.Column("inspection_id", TEXT, nullable=False),
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("expires", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["inspection_id"],
            ["inspections.id"],
            name=op.f("fk_review_claims_inspection_id_inspections"),
        ),
        sa.PrimaryKeyConstraint("inspection_id", name=op.f("pk_review_claims")),
    )
